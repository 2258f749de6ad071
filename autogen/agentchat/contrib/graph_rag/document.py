"""The documents that a graph is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

__all__ = ["Document", "DocumentType"]


class DocumentType(Enum):
    """Kinds of documents."""

    TEXT = auto()
    HTML = auto()
    PDF = auto()
    JSON = auto()


@dataclass
class Document:
    """A document for a graph.

    Attributes:
        doctype: Its kind.
        data: The text itself; None if it is in a file.
        path_or_url: Path or address of the file.
    """

    doctype: DocumentType
    data: Any = None
    path_or_url: str | None = ""
