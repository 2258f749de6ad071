"""Documents on their way into a store and out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ...._extras import require
from ....retrieval import to_unit
from .base import Document, ItemID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

INCLUDABLE = {
    "documents": "content",
    "content": "content",
    "metadatas": "metadata",
    "metadata": "metadata",
    "embeddings": "embedding",
    "embedding": "embedding",
}
"""The field of a document for each name that a program may ask for: Chroma's, and those of documents."""


@dataclass
class Record:
    """A document as a store keeps it.

    Attributes:
        id: Its name, unique in the collection.
        content: The text.
        metadata: Any JSON values by name.
        embedding: Its vector, of the length 1 on its way into a store; None if it isn't known.
    """

    id: ItemID
    content: str
    metadata: dict[str, Any] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = field(default=None, repr=False)


def read_documents(docs: Sequence[Document]) -> list[Record]:
    """Check documents. Of two with the same id, the later counts.

    Raises:
        ValueError: if a document has no id or no content, or its vector isn't a list of finite numbers.
        TypeError: if a content isn't text.
    """
    records: dict[ItemID, Record] = {}
    for number, document in enumerate(docs):
        key, content = document.get("id"), document.get("content")
        if key is None or content is None:
            missing = "id" if key is None else "content"
            raise ValueError(f"Each document must have an id and a content, number {number + 1} has no {missing}.")
        if not isinstance(content, str):
            raise TypeError(
                f"The content of a document must be text, that of {key!r} is of the type {type(content).__name__}."
            )
        vector = document.get("embedding")
        embedding = None if vector is None else to_unit(vector)
        records[key] = Record(key, content, dict(document.get("metadata") or {}), embedding)
    return list(records.values())


def make_document(record: Record, fields: AbstractSet[str]) -> Document:
    """Return a record as a document with some of its fields."""
    document: Document = {"id": record.id}
    if "content" in fields:
        document["content"] = record.content
    if "metadata" in fields:
        document["metadata"] = record.metadata
    if "embedding" in fields:
        document["embedding"] = None if record.embedding is None else record.embedding.tolist()
    return document


def get_distance(embedding: NDArray[np.float32] | None, vector: NDArray[np.float32]) -> float:
    """Return the cosine distance of a vector from a unit vector, 0 to 2; 1 without a vector."""
    if embedding is None:
        return 1.0
    numpy = require("numpy", extra="rag", feature="A vector store")
    length = float(numpy.linalg.norm(embedding))
    cosine = float(embedding @ vector) / length if length else 0.0
    return 1.0 - min(1.0, max(-1.0, cosine))


def to_array(vector: object) -> NDArray[np.float32] | None:
    """Return the vector of a record that a database returned; None for none."""
    if vector is None:
        return None
    array: NDArray[np.float32] = require("numpy", extra="rag", feature="A vector store").asarray(vector, dtype="float32")
    return array


def split_batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield lists of so many items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
