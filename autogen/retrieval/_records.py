"""The records that go into an index and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SearchMode = Literal["hybrid", "vector", "keyword"]
"""By meaning and words, by meaning alone, or by words alone."""

SEARCH_MODES: tuple[SearchMode, ...] = ("hybrid", "vector", "keyword")


@dataclass(frozen=True)
class IndexEntry:
    """A text of an index.

    Attributes:
        id: The name of the entry, unique in its collection.
        text: The text that is searched for words.
        metadata: Any JSON values by name.
        vector: The embedding of the text, of any length but zero; None if it has none: then only its words are found.
        parts: Further vectors as the rows of a matrix, such as those of parts of the text. An entry is as near as the
            nearest of its vectors. They are stored in half precision.
    """

    id: str | int
    text: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = field(default=None, compare=False)
    parts: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class IndexHit:
    """A result of a search.

    Attributes:
        entry: The entry, with its vector.
        distance: The cosine distance of its nearest vector from that of the question, 0 to 2; None without vectors.
        keyword_score: The BM25 score of its words; 0 if none of them is in the question.
        score: The number that the results are sorted by, largest first.
    """

    entry: IndexEntry
    distance: float | None
    keyword_score: float
    score: float

    @property
    def id(self) -> str | int:
        """The id of the entry."""
        return self.entry.id

    @property
    def text(self) -> str:
        """The text of the entry."""
        return self.entry.text

    @property
    def metadata(self) -> Mapping[str, object]:
        """The metadata of the entry."""
        return self.entry.metadata


def check_search_mode(mode: object) -> None:
    """Check the name of a search mode.

    Raises:
        ValueError: if there is no such mode.
    """
    if mode not in SEARCH_MODES:
        raise ValueError(f'The search mode must be "hybrid", "vector" or "keyword", got {mode!r}.')
