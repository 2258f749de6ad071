"""Base class of caches on servers and of other packages. If they fail, that disables the cache and never the chat."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from .._secrets import MASK, redact
from ._backend import Backend, Outage, from_text, to_text

P = ParamSpec("P")
T = TypeVar("T")

# For a connection, and for a response.
TIMEOUT = 5.0  # seconds


class RemoteCache(Backend):
    """A cache on a server.

    Args:
        location: The description of the server in a warning.
        secret: A text that no message may contain, such as the password; None for none.
    """

    def __init__(self, location: str, secret: str | None) -> None:
        self._outage = Outage(location)
        self._secret = secret

    @abstractmethod
    def _fetch(self, key: str) -> str | bytes | None:
        """Return the text of a key from the server; None if there is none."""

    @abstractmethod
    def _store(self, key: str, text: str) -> None:
        """Send a text to the server."""

    def get(self, key: str, default: object = None) -> Any:
        """Return the value of a key, or `default` if there is none, or an unreadable one."""
        text = self._call(self._fetch, key)
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: object) -> None:
        """Store a value.

        Raises:
            TypeError: if the value has no JSON form.
        """
        self._call(self._store, key, to_text(value))

    def _call(self, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        if self._outage.is_active:
            return None
        try:
            return request(*args, **kwargs)
        # A client that parses nonsense may raise anything.
        except Exception as error:  # noqa: BLE001
            self._outage.begin(error, self._describe(error))
            return None

    def _describe(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        return str(redact(text.replace(self._secret, MASK) if self._secret else text))
