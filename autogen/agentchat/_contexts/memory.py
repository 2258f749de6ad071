"""`Memory`: results that are kept while they are in use."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SIZE = 1 << 16


class Memory(Generic[K, V]):
    """Mapping that forgets what was not used for long.

    It has two generations, so that a long history that is read again and again is never forgotten as a whole, as it would be
    if the oldest entries went first.

    Args:
        size: Entries of a generation.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._recent: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value of a key; None if it is not known."""
        value = self._recent.get(key)
        if value is None:
            value = self._older.get(key)
            if value is not None:
                self.set(key, value)
        return value

    def set(self, key: K, value: V) -> None:
        """Store a value."""
        if len(self._recent) >= self._size:
            self._older, self._recent = self._recent, {}
        self._recent[key] = value
