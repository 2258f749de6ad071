"""A cache in memory."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class InMemoryCache:
    """A cache that lives as long as the object.

    Args:
        seed: Keeps the keys of several uses apart.
    """

    def __init__(self, seed: str | int = "") -> None:
        self._seed = str(seed)
        self._cache: dict[str, Any] = {}

    def _prefixed(self, key: str) -> str:
        return f"{self._seed}_{key}" if self._seed else key

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`."""
        return self._cache.get(self._prefixed(key), default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value, by reference."""
        self._cache[self._prefixed(key)] = value

    def close(self) -> None:
        """Nothing has to be let go."""

    def __enter__(self) -> InMemoryCache:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()
