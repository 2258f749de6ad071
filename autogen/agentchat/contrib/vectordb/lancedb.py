"""`LanceVectorDB`: documents in LanceDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ._records import Record, split_batches, to_array
from .base import ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LanceVectorDB"]

EMBEDDER_KEY = b"autogen:embedder"
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]*")
# So many ids in a condition.
_IDS = 500


class LanceVectorDB(VectorStore[Any]):
    """A vector store in LanceDB: columnar files in a folder, or in a bucket. Needs the extra `lancedb`.

    Attributes:
        connection: The connection to the database.

    Args:
        path: The folder, or the address of a bucket.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        connection: A connection of LanceDB; None to make one.
        **kwargs: Further arguments of `lancedb.connect`.

    Raises:
        ImportError: if LanceDB is not installed.
    """

    type = "lancedb"

    def __init__(
        self, path: str = "tmp/lancedb", *, embedding_function: Any = None, connection: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(embedding_function)
        package = require("lancedb", extra="lancedb", feature="The vector store LanceDB")
        self.connection = package.connect(path, **kwargs) if connection is None else connection

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection.

        Raises:
            ValueError: if LanceDB doesn't allow it.
        """
        if not _NAME.fullmatch(collection_name):
            raise ValueError(
                "The name of a collection of LanceDB must have letters, digits, dots, hyphens or underscores, and begin "
                f"with a letter, a digit or an underscore, got {collection_name!r}."
            )
        return collection_name

    def open_collection(self, collection_name: str) -> Any:
        """Return an existing table, None if there is none."""
        try:
            return self.connection.open_table(collection_name)
        except (ValueError, FileNotFoundError):
            return None

    def make_collection(self, collection_name: str, embedder: str) -> Any:
        """Create a table."""
        arrow = require("pyarrow", extra="lancedb", feature="The vector store LanceDB")
        text = arrow.string()
        vector = arrow.list_(arrow.float32(), self.embedder.dimension)
        schema = arrow.schema(
            [("id", text), ("content", text), ("metadata", text), ("vector", vector)],
            metadata={EMBEDDER_KEY: embedder.encode()},
        )
        return self.connection.create_table(collection_name, schema=schema, exist_ok=True)

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing table."""
        self.connection.drop_table(collection_name)

    def get_recorded_embedder(self, collection: Any) -> str | None:
        """Return the identity of the embedder of a table."""
        embedder: bytes | None = (collection.schema.metadata or {}).get(EMBEDDER_KEY)
        return None if embedder is None else embedder.decode()

    def write_records(self, collection: Any, records: Sequence[Record]) -> None:
        """Write records, all or none of them."""
        rows = [
            {
                "id": str(record.id),
                "content": record.content,
                "metadata": json.dumps(record.metadata),
                "vector": record.embedding,
            }
            for record in records
        ]
        merge = collection.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(rows)

    def delete_records(self, collection: Any, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        for batch in split_batches(ids, _IDS):
            collection.delete(_match_ids(batch))

    def read_records(self, collection: Any, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        if ids is None:
            return _make_records(collection.to_arrow().to_pylist())
        records = []
        for batch in split_batches(ids, _IDS):
            records += _make_records(collection.search().where(_match_ids(batch)).limit(len(batch)).to_list())
        return records

    def find_nearest(
        self, collection: Any, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        query = collection.search(vector, vector_column_name="vector").metric("cosine").limit(n)
        if containing:
            query = query.where(f"contains(content, {quote(containing)})", prefilter=True)
        return _make_records(query.to_list())

    def find_containing(self, collection: Any, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return _make_records(collection.search().where(f"contains(content, {quote(text)})").limit(n).to_list())


def quote(text: str) -> str:
    """Quote a text for a condition."""
    return "'{}'".format(text.replace("'", "''"))


def _match_ids(ids: Sequence[ItemID]) -> str:
    return f"id IN ({', '.join(quote(str(key)) for key in ids)})"


def _make_records(rows: Iterable[dict[str, Any]]) -> list[Record]:
    return [
        Record(row["id"], row["content"], json.loads(row["metadata"] or "{}"), to_array(row.get("vector"))) for row in rows
    ]
