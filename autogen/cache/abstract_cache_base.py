"""What every cache offers."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol


class AbstractCache(Protocol):
    """A place for values that JSON can hold, under text keys. After `with` and after `close` it may be used again."""

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: JSON can't hold it.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def __enter__(self) -> AbstractCache:
        """Begin to use the cache."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End to use the cache."""
        ...
