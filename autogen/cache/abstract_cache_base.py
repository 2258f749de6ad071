"""The protocol of a cache."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol


class AbstractCache(Protocol):
    """A store for JSON values under text keys. It may be used again after `with` and after `close`."""

    def get(self, key: str, default: object = None) -> Any:
        """Return the value of a key, or `default` if there is none."""
        ...

    def set(self, key: str, value: object) -> None:
        """Store a value.

        Raises:
            TypeError: if the value has no JSON form.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...

    def __enter__(self) -> AbstractCache:
        """Start using the cache."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop using the cache."""
        ...
