"""`InMemoryCache`: a cache in memory."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from ._backend import Backend, from_text, to_text


class InMemoryCache(Backend):
    """A cache that lives as long as the object, which threads may share.

    It stores JSON text, so that each `get` returns a new value and nobody can change an entry. It accepts and returns the
    same values as a cache on disk, and text is faster to make and parse than a deep copy.

    Args:
        seed: The namespace of the keys.
        max_entries: The limit for the number of entries; the oldest are deleted first. None for no limit.

    Raises:
        ValueError: if `max_entries` is less than 1.
    """

    def __init__(self, seed: str | int = "", max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, got {max_entries}.")
        self._seed = str(seed)
        self._max_entries = max_entries
        self._cache: dict[str, str] = {}
        self._lock = threading.Lock()

    def _add_prefix(self, key: str) -> str:
        return f"{self._seed}_{key}" if self._seed else key

    def get(self, key: str, default: object = None) -> Any:
        """Return a copy of the value of a key, or `default` if there is none."""
        with self._lock:
            text = self._cache.get(self._add_prefix(key))
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: object) -> None:
        """Store a copy of a value.

        Raises:
            TypeError: if the value has no JSON form.
        """
        # Outside of the lock, because large values take time.
        text = to_text(value)
        with self._lock:
            # Removed first, so that the order of the keys is the order of storing.
            self._cache.pop(self._add_prefix(key), None)
            self._cache[self._add_prefix(key)] = text
            if self._max_entries is not None and len(self._cache) > self._max_entries:
                del self._cache[next(iter(self._cache))]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()
