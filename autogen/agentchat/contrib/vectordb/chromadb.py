"""`ChromaVectorDB`: documents in Chroma."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ._records import Record, split_batches, to_array
from .base import ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CHROMADB_MAX_BATCH_SIZE", "ChromaVectorDB"]

CHROMADB_MAX_BATCH_SIZE = int(os.environ.get("CHROMADB_MAX_BATCH_SIZE", 40000))
"""The number of documents in a request to Chroma; its own limit counts if it is lower."""

EMBEDDER_KEY = "autogen:embedder"
# Values of metadata that Chroma doesn't take, as JSON.
_JSON_KEY = "autogen:json"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")
_FIELDS = ["documents", "metadatas", "embeddings"]


class ChromaVectorDB(VectorStore[Any]):
    """A vector store in Chroma. Needs the extra `chroma`.

    Vectors are made here and passed to Chroma, so any embedding function can be used.

    Attributes:
        client: The client.

    Args:
        client: A client of Chroma; None to make one.
        path: The folder of the database; None for a store in memory.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        metadata: The metadata of new collections, with settings of the search index. Distances are cosine distances whatever
            `hnsw:space` is.
        **kwargs: Further arguments of `chromadb.PersistentClient`, or `chromadb.EphemeralClient`.

    Raises:
        ImportError: if Chroma is not installed.
    """

    type = "chroma"
    search_options = frozenset({"where", "where_document"})

    def __init__(
        self,
        *,
        client: Any = None,
        path: str | None = "tmp/db",
        embedding_function: Any = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(embedding_function)
        chroma = require("chromadb", extra="chroma", feature="The vector store Chroma")
        if client is None:
            kwargs.setdefault("settings", chroma.config.Settings(anonymized_telemetry=False))
            client = chroma.EphemeralClient(**kwargs) if path is None else chroma.PersistentClient(path=path, **kwargs)
        self.client = client
        self._errors = chroma.errors.ChromaError
        self.metadata = metadata or {"hnsw:space": "ip", "hnsw:construction_ef": 30, "hnsw:M": 32}

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection.

        Raises:
            ValueError: if Chroma doesn't allow it.
        """
        if not _NAME.fullmatch(collection_name):
            raise ValueError(
                "The name of a collection of Chroma must have 3 to 512 letters, digits, dots, hyphens or underscores, and "
                f"begin and end with a letter or a digit, got {collection_name!r}."
            )
        return collection_name

    def open_collection(self, collection_name: str) -> Any:
        """Return an existing collection, None if there is none."""
        try:
            return self.client.get_collection(collection_name, embedding_function=None)
        # Releases before 0.5.7 raise a ValueError, later ones an error of their own.
        except (ValueError, self._errors) as error:
            if "not exist" not in str(error) and "not found" not in str(error):
                raise
            return None

    def make_collection(self, collection_name: str, embedder: str) -> Any:
        """Create a collection."""
        metadata = {**self.metadata, EMBEDDER_KEY: embedder}
        return self.client.get_or_create_collection(collection_name, metadata=metadata, embedding_function=None)

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""
        self.client.delete_collection(collection_name)

    def get_recorded_embedder(self, collection: Any) -> str | None:
        """Return the identity of the embedder of a collection."""
        embedder: str | None = (collection.metadata or {}).get(EMBEDDER_KEY)
        return embedder

    def write_records(self, collection: Any, records: Sequence[Record]) -> None:
        """Write records."""
        for batch in split_batches(records, self._get_request_size()):
            ids = [str(record.id) for record in batch]
            existing = collection.get(ids=ids, include=["metadatas"])
            # Chroma merges metadata: keys that are gone must be deleted by name.
            old = dict(zip(existing["ids"], existing["metadatas"] or [], strict=False))
            metadatas = [
                {**dict.fromkeys(old.get(key) or ()), **_to_chroma(record.metadata)} or None
                for key, record in zip(ids, batch, strict=True)
            ]
            collection.upsert(
                ids=ids,
                embeddings=[record.embedding for record in batch],
                documents=[record.content for record in batch],
                metadatas=metadatas if any(metadatas) else None,
            )

    def delete_records(self, collection: Any, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        for batch in split_batches(ids, self._get_request_size()):
            collection.delete(ids=[str(key) for key in batch])

    def read_records(self, collection: Any, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        if ids is None:
            return _make_records(collection.get(include=_FIELDS))
        records = []
        for batch in split_batches(ids, self._get_request_size()):
            records += _make_records(collection.get(ids=[str(key) for key in batch], include=_FIELDS))
        return records

    def find_nearest(
        self, collection: Any, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        filters = [options.get("where_document"), {"$contains": containing} if containing else None]
        documents = [condition for condition in filters if condition]
        where_document = {"$and": documents} if len(documents) > 1 else next(iter(documents), None)
        found = collection.query(
            query_embeddings=[vector],
            n_results=n,
            where=options.get("where"),
            where_document=where_document,
            include=_FIELDS,
        )
        first = {name: None if found[name] is None else found[name][0] for name in ("ids", *_FIELDS)}
        return _make_records(first)

    def find_containing(self, collection: Any, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return _make_records(collection.get(where_document={"$contains": text}, limit=n, include=_FIELDS))

    def _get_request_size(self) -> int:
        get_limit = getattr(self.client, "get_max_batch_size", None)
        return min(CHROMADB_MAX_BATCH_SIZE, get_limit() if get_limit else CHROMADB_MAX_BATCH_SIZE)

    @staticmethod
    def _chroma_get_results_to_list_documents(data_dict: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the lists of Chroma's `get` as a list of dicts, with the singulars of their names."""
        fields = {key[:-1]: values for key, values in data_dict.items() if values is not None and key != "included"}
        length = max(map(len, fields.values()), default=0)
        return [{key: values[row] for key, values in fields.items()} for row in range(length)]


def _to_chroma(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata in the form that Chroma takes: texts, numbers and truth values."""
    plain = {key: value for key, value in metadata.items() if isinstance(value, (str, int, float, bool))}
    others = {key: value for key, value in metadata.items() if key not in plain}
    return {**plain, _JSON_KEY: json.dumps(others)} if others else plain


def _from_chroma(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    values = dict(metadata or {})
    return {**values, **json.loads(values.pop(_JSON_KEY))} if _JSON_KEY in values else values


def _make_records(found: Mapping[str, Any]) -> list[Record]:
    ids = found["ids"]
    columns = [[None] * len(ids) if found[name] is None else found[name] for name in _FIELDS]
    records = []
    for key, content, metadata, embedding in zip(ids, *columns, strict=True):
        values = _from_chroma(metadata)
        values.pop(_JSON_KEY, None)
        records.append(Record(key, content or "", values, to_array(embedding)))
    return records
