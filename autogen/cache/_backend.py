"""Shared parts of all caches: JSON text, the `with` statement, and the pause after a failure."""

from __future__ import annotations

import hashlib
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

# After a failure the cache is not used for so long.
PAUSE = 60.0  # seconds
# A broken server may send an error message of any length.
_MAX_MESSAGE_LENGTH = 300


def to_text(value: object) -> str:
    """Convert a value to JSON text.

    Raises:
        TypeError: if the value has no JSON form.
    """
    try:
        return json.dumps(value)
    # Circular references, too long integers and too deep nesting raise other errors than TypeError.
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"A cache can only store values that have a JSON form: {error}") from error


def from_text(text: str | bytes, default: object) -> Any:
    """Parse JSON text; return `default` if it is invalid. Nothing is ever unpickled."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except (TypeError, ValueError, RecursionError):
        return default


def hash_key(key: str) -> str:
    """Return a short form of a key, in characters that every store accepts."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Backend(AbstractCache):
    """Base class of caches. A copy of a config shares the cache in it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


class Outage:
    """The pause of a cache that has failed: it is not used for a minute and then tried again, with a single warning.

    Args:
        cache: The description of the cache in the warning.
        effect: The consequence in the warning.
    """

    def __init__(self, cache: str, effect: str = "can't be used, nothing is cached") -> None:
        self._cache, self._effect = cache, effect
        self._end = 0.0
        self._level = logging.WARNING

    @property
    def is_active(self) -> bool:
        """True while the cache must not be used."""
        return time.monotonic() < self._end

    def begin(self, error: Exception, reason: str | None = None) -> None:
        """Start a pause after a failure.

        Args:
            error: The failure.
            reason: Its description in the warning, instead of the text of `error`.
        """
        self._end = time.monotonic() + PAUSE
        # Later failures are logged for debugging only.
        level, self._level = self._level, logging.DEBUG
        text = str(redact(f"{type(error).__name__}: {error}" if reason is None else reason))[:_MAX_MESSAGE_LENGTH]
        logger.log(level, "The cache %s %s: %s", self._cache, self._effect, text)
