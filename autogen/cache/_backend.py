"""What the caches of this package have in common: JSON text, `with`, and what becomes of one that can't be used."""

from __future__ import annotations

import json
import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._secrets import redact
from .abstract_cache_base import AbstractCache

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)

PAUSE = 60.0  # seconds until a cache that failed is tried again
_LONGEST = 300  # characters of an error that are shown: a broken server may send anything


def to_text(value: Any) -> str:
    """A value as JSON text.

    Raises:
        TypeError: JSON can't hold it.
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:  # also: holds itself, a number too long, nested too deep
        raise TypeError(f"A cache keeps what JSON can hold, and this value is not of that kind: {error}") from error


def from_text(text: Any, default: Any) -> Any:
    """The value again; `default` for whatever is not JSON text. Nothing is ever unpickled."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except (TypeError, ValueError, RecursionError):
        return default


class Backend(AbstractCache):
    """A cache that is shared, not copied, when a config that holds it is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Outage:
    """A cache that can't be used holds nothing for a minute, and then is tried again. There is one warning.

    Args:
        where: Which cache it is, as the warning names it.
        effect: What the warning says of it.
    """

    def __init__(self, where: str, effect: str = "can't be used, nothing is cached") -> None:
        self._where, self._effect = where, effect
        self._until = 0.0
        self._level = logging.WARNING

    @property
    def lasts(self) -> bool:
        """Whether the cache must not be tried now."""
        return time.monotonic() < self._until

    def begin(self, error: Exception, reason: str | None = None) -> None:
        """The cache failed."""
        self._until = time.monotonic() + PAUSE
        level, self._level = self._level, logging.DEBUG
        text = str(redact(f"{type(error).__name__}: {error}" if reason is None else reason))[:_LONGEST]
        logger.log(level, "The cache %s %s: %s", self._where, self._effect, text)
