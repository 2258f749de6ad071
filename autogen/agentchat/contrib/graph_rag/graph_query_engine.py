"""`GraphQueryEngine`: the protocol of graphs that answer questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .document import Document

__all__ = ["GraphQueryEngine", "GraphStoreQueryResult"]


@dataclass
class GraphStoreQueryResult:
    """Answer of a graph.

    Attributes:
        answer: The answer; None if the graph has none.
        results: The facts behind it; their form depends on the engine.
    """

    answer: str | None = None
    results: list[Any] = field(default_factory=list)


@runtime_checkable
class GraphQueryEngine(Protocol):
    """A graph of documents that answers questions. Any object with these methods can be used."""

    def init_db(self, input_doc: list[Document] | None = None) -> None:
        """Make the graph, of documents if there are any.

        Args:
            input_doc: The documents.
        """

    def add_records(self, new_records: list[Any]) -> bool:
        """Add records, and return True if that worked.

        Args:
            new_records: Documents, or whatever the engine takes.
        """

    def query(self, question: str, n_results: int = 1, **kwargs: Any) -> GraphStoreQueryResult:
        """Answer a question.

        Args:
            question: The question.
            n_results: Maximum number of results.
            **kwargs: Options of the engine.
        """
