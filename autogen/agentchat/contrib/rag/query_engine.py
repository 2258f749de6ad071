"""`RAGQueryEngine`: the protocol of engines that answer questions from documents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

__all__ = ["RAGQueryEngine"]

PathOrUrl = str | os.PathLike[str]


@runtime_checkable
class RAGQueryEngine(Protocol):
    """An engine that answers questions from documents. Any object with these methods can be used."""

    def init_db(
        self, new_doc_dir: PathOrUrl | None = None, new_doc_paths_or_urls: Sequence[PathOrUrl] | PathOrUrl | None = None
    ) -> bool:
        """Make the collection of documents again, and return True if that worked.

        Args:
            new_doc_dir: A folder.
            new_doc_paths_or_urls: Files and addresses.
        """
        ...

    def add_docs(
        self, new_doc_dir: PathOrUrl | None = None, new_doc_paths_or_urls: Sequence[PathOrUrl] | PathOrUrl | None = None
    ) -> None:
        """Add documents. Takes the arguments of `init_db`."""

    def connect_db(self) -> bool:
        """Use the collection that exists, and return True if there is one."""
        ...

    def query(self, question: str) -> str:
        """Answer a question."""
        ...
