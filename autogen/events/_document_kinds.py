"""The kinds of events about documents that agents search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ._event import Event


@dataclass(kw_only=True)
class DocumentsIndexed(Event):
    """End of the indexing of documents.

    Attributes:
        agent: Agent whose documents they are.
        collection: Collection of the store.
        new: Number of documents that were added.
        changed: Number of documents that had changed.
        removed: Number of documents that are gone.
        unchanged: Number of documents that were not read again.
        failed: Reasons by path, of documents that can't be read.
        seconds: Duration.
    """

    type: ClassVar[str] = "documents_indexed"
    agent: str
    collection: str
    new: int
    changed: int
    removed: int
    unchanged: int
    failed: dict[str, str]
    seconds: float


@dataclass(kw_only=True)
class DocumentsRetrieved(Event):
    """Parts of documents that were found for a question.

    Attributes:
        agent: Agent that searched.
        question: The question.
        ids: Ids of the parts, best first.
        distances: Cosine distances of the parts.
        chosen: Ids of the parts that are shown to the partner.
    """

    type: ClassVar[str] = "documents_retrieved"
    agent: str
    question: str
    ids: list[Any]
    distances: list[float]
    chosen: list[Any]
