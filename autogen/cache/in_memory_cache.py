"""A cache in memory."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from ._backend import Backend, from_text, to_text


class InMemoryCache(Backend):
    """A cache that lives as long as the object; threads may share it.

    It holds JSON text: each `get` makes a new value, so that nobody changes what is cached. What it takes and gives back is
    what a cache on disk does, and text is quicker to make and to read than a deep copy.

    Args:
        seed: Keeps the keys of several uses apart.
        max_entries: How many answers it holds; what was stored longest ago goes first. None for no limit.

    Raises:
        ValueError: `max_entries` is less than one.
    """

    def __init__(self, seed: str | int = "", max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, not {max_entries}.")
        self._seed = str(seed)
        self._max_entries = max_entries
        self._cache: dict[str, str] = {}
        self._lock = threading.Lock()

    def _prefixed(self, key: str) -> str:
        return f"{self._seed}_{key}" if self._seed else key

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """A copy of the value of a key, or `default`."""
        with self._lock:
            text = self._cache.get(self._prefixed(key))
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a copy of a value.

        Raises:
            TypeError: JSON can't hold it.
        """
        text = to_text(value)
        with self._lock:
            self._cache.pop(self._prefixed(key), None)  # the order of the keys is that of storing
            self._cache[self._prefixed(key)] = text
            if self._max_entries is not None and len(self._cache) > self._max_entries:
                del self._cache[next(iter(self._cache))]

    def close(self) -> None:
        """Nothing has to be let go."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()
