"""Caches on servers: one that is down, or answers nonsense, costs the cache and never the chat."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from .._secrets import MASK, redact
from ._backend import Backend, Outage, from_text, to_text

TIMEOUT = 5.0  # seconds for a connection, and for an answer


class RemoteCache(Backend):
    """A cache on a server.

    Args:
        where: The server and the place in it, as a warning names them.
        secret: What no message may show.
    """

    def __init__(self, where: str, secret: str | None) -> None:
        self._outage = Outage(where)
        self._secret = secret

    @abstractmethod
    def _fetch(self, key: str) -> Any:
        """The text of a key from the server; None if there is none."""

    @abstractmethod
    def _keep(self, key: str, text: str) -> None:
        """Send a text to the server."""

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`. An entry that can't be read is not there."""
        text = self._ask(self._fetch, key)
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: JSON can't hold it.
        """
        self._ask(self._keep, key, to_text(value))

    def _ask(self, request: Callable[..., Any], *args: str) -> Any:
        if self._outage.lasts:
            return None
        try:
            return request(*args)
        except Exception as error:  # noqa: BLE001 - a client that reads nonsense may raise anything
            self._outage.begin(error, self._reason(error))
            return None

    def _reason(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        return str(redact(text.replace(self._secret, MASK) if self._secret else text))
