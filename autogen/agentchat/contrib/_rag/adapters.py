"""The collections that documents are indexed in: of any vector store, or of the local store without vectors at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ....retrieval import IndexCollection, IndexEntry
from ..vectordb.base import VectorDB
from ..vectordb.store import VectorStore
from .vectors import embed_chunks

ChunkDict = dict[str, Any]
"""A chunk as a document of a store: `id`, `content`, `metadata`, and maybe `embedding`."""


class ChunkCollection(Protocol):
    """A collection, as indexing needs it."""

    def load(self, ids: Sequence[Any] | None) -> list[ChunkDict]:
        """Return chunks by their ids, with vectors; None for all, with ids and metadata alone."""

    def write(self, chunks: Sequence[ChunkDict]) -> None:
        """Add or replace chunks."""

    def delete(self, ids: Sequence[Any]) -> None:
        """Delete chunks."""

    def make_ids(self, texts: Sequence[str]) -> list[Any]:
        """Return the ids of texts."""


class StoreCollection:
    """A collection of any vector store."""

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name

    def load(self, ids: Sequence[Any] | None) -> list[ChunkDict]:
        """Return chunks; see the protocol."""
        include = ["metadatas"] if ids is None else ["metadatas", "documents", "embeddings"]
        wanted = None if ids is None else list(ids)
        return [dict(chunk) for chunk in self._store.get_docs_by_ids(wanted, self._name, include=include) or ()]

    def write(self, chunks: Sequence[ChunkDict]) -> None:
        """Add or replace chunks; the headings are embedded with the text, as far as the store lets its embedder be seen."""
        missing = [chunk for chunk in chunks if chunk.get("embedding") is None]
        if missing and isinstance(self._store, VectorStore):
            texts = [(chunk["content"], chunk["metadata"]) for chunk in missing]
            for chunk, vectors in zip(missing, embed_chunks(self._store.embedder, texts), strict=True):
                chunk["embedding"] = vectors.whole
        self._store.insert_docs(list(chunks), self._name, upsert=True)

    def delete(self, ids: Sequence[Any]) -> None:
        """Delete chunks."""
        self._store.delete_docs(list(ids), self._name)

    def make_ids(self, texts: Sequence[str]) -> list[Any]:
        """Return the ids that the store makes."""
        return list(self._store.generate_chunk_ids(list(texts)))


class TextCollection:
    """A collection of the local store, whose new chunks have no vectors yet."""

    def __init__(self, collection: IndexCollection) -> None:
        self._collection = collection

    def load(self, ids: Sequence[Any] | None) -> list[ChunkDict]:
        """Return chunks; see the protocol."""
        return [
            {
                "id": entry.id,
                "content": entry.text,
                "metadata": dict(entry.metadata),
                "embedding": entry.vector,
                "parts": entry.parts,
            }
            for entry in self._collection.get(ids)
        ]

    def write(self, chunks: Sequence[ChunkDict]) -> None:
        """Add or replace chunks, with the vectors that they have."""
        entries = [
            IndexEntry(chunk["id"], chunk["content"], chunk["metadata"], chunk.get("embedding"), chunk.get("parts"))
            for chunk in chunks
        ]
        self._collection.add(entries, replace=True)

    def delete(self, ids: Sequence[Any]) -> None:
        """Delete chunks."""
        self._collection.delete(ids)

    def make_ids(self, texts: Sequence[str]) -> list[Any]:
        """Return the ids of texts."""
        return list(VectorDB.generate_chunk_ids(list(texts)))
