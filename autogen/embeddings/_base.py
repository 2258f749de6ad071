"""Base of embedders whose vectors have a length that is only known when there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._vectors import Matrix


class MeasuredEmbedder:
    """An embedder that measures its vectors.

    Attributes:
        identity: Name of the model.
    """

    identity: str
    _dimension: int | None = None

    def __repr__(self) -> str:
        return f"<embedder {self.identity}>"

    @property
    def dimension(self) -> int:
        """Length of the vectors. If it is unknown, the vector of a word finds it."""
        if self._dimension is None:
            self.embed(["dimension"])
        assert self._dimension is not None
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a unit vector for each text, as the rows of a matrix."""
        raise NotImplementedError

    def _measure(self, matrix: Matrix) -> Matrix:
        """Remember the length of vectors, and return them.

        Raises:
            ValueError: if they have another length than those before.
        """
        length = matrix.shape[1]
        if self._dimension not in (None, length):
            raise ValueError(f"{self.identity} must return vectors of {self._dimension} numbers, got {length}.")
        self._dimension = length
        return matrix
