"""`LocalVectorDB`: the vector store of this package, in an SQLite file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....retrieval import IndexCollection, IndexEntry, TextIndex
from ._records import Record
from .base import ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LocalVectorDB"]


class LocalVectorDB(VectorStore[IndexCollection]):
    """A vector store in a folder, without a server.

    Texts, metadata, vectors and a full-text index are in an SQLite file, see `autogen.retrieval.TextIndex`. It compares a
    question with all vectors, which takes 15 ms for 50,000 of them. Threads and processes may share it.

    Attributes:
        index: The index.

    Args:
        path: The folder, which appears with the first collection; None for a store in memory.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        metadata: Any JSON values that new collections get.
    """

    type = "local"

    def __init__(
        self,
        path: str | Path | None = "tmp/db",
        *,
        embedding_function: Any = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(embedding_function)
        self.index = TextIndex(path)
        self._metadata = metadata or {}

    def close(self) -> None:
        """Close the file; the next use opens it again. A store in memory is lost."""
        self.index.close()

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection: any text."""
        return collection_name

    def open_collection(self, collection_name: str) -> IndexCollection | None:
        """Return an existing collection, None if there is none."""
        if collection_name not in self.index.list_collections():
            return None
        return self.index.get_collection(collection_name)

    def make_collection(self, collection_name: str, embedder: str) -> IndexCollection:
        """Create a collection."""
        return self.index.open_collection(collection_name, embedder=embedder, metadata=self._metadata)

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""
        self.index.delete_collection(collection_name)

    def get_recorded_embedder(self, collection: IndexCollection) -> str | None:
        """Return the identity of the embedder of a collection."""
        return collection.embedder

    def write_records(self, collection: IndexCollection, records: Sequence[Record]) -> None:
        """Write records, all or none of them."""
        entries = [IndexEntry(record.id, record.content, record.metadata, record.embedding) for record in records]
        collection.add(entries, replace=True)

    def delete_records(self, collection: IndexCollection, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        collection.delete(ids)

    def read_records(self, collection: IndexCollection, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        return [_make_record(entry) for entry in collection.get(ids)]

    def find_nearest(
        self,
        collection: IndexCollection,
        vector: NDArray[np.float32],
        n: int,
        containing: str,
        options: dict[str, Any],
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        hits = collection.search(vector=vector, n=n, mode="vector", containing=containing)
        return [_make_record(hit.entry) for hit in hits]

    def find_containing(self, collection: IndexCollection, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return [_make_record(entry) for entry in collection.get(containing=text, n=n)]

    def rank_records(
        self,
        collection: IndexCollection,
        query: str,
        vector: NDArray[np.float32],
        n: int,
        keyword_weight: float | None,
        containing: str,
        options: dict[str, Any],
    ) -> list[tuple[Record, float]]:
        """Return the best records of a query, by the search of the index; see `VectorStore.rank_records`."""
        hits = collection.search(query, vector=vector, n=n, keyword_weight=keyword_weight, containing=containing)
        return [(_make_record(hit.entry), hit.distance) for hit in hits if hit.distance is not None]


def _make_record(entry: IndexEntry) -> Record:
    return Record(entry.id, entry.text, dict(entry.metadata), entry.vector)
