"""Endpoints, and the SDK's clients for them: one per endpoint, credentials and event loop, shared by all agents.

A client is made when it is first used, so creating an agent opens nothing. Clients for async callers belong to an event loop
and are closed with it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..._secrets import MASK, is_secret_name

if TYPE_CHECKING:
    import openai

Settings = Mapping[str, object]
"""Arguments of the SDK's client class."""

OPENAI_KEYS = frozenset(
    {
        "api_key",
        "organization",
        "project",
        "base_url",
        "timeout",
        "max_retries",
        "default_headers",
        "default_query",
        "http_client",
        "_strict_response_validation",
    }
)
AZURE_KEYS = OPENAI_KEYS | {
    "api_version",
    "azure_endpoint",
    "azure_deployment",
    "azure_ad_token",
    "azure_ad_token_provider",
}

_lock = threading.Lock()
_clients: dict[Hashable, openai.OpenAI] = {}


@dataclass
class _LoopClients:
    """The async clients of an event loop, and the generators that close them with it."""

    by_identity: dict[Hashable, openai.AsyncOpenAI]
    closers: list[AsyncGenerator[None, None]]


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()


@dataclass(frozen=True)
class Endpoint:
    """An address that requests go to, with its credentials.

    Attributes:
        kind: `openai` or `azure`, for the class of the SDK's client.
        settings: The arguments of that class, or a function that returns them when the client is made (it may block).
        signed_for: The name of the service if the SDK signs the requests and knows the URL itself, else empty.
    """

    kind: str
    settings: Settings | Callable[[], Settings]
    signed_for: str = ""

    def __repr__(self) -> str:
        # The settings hold a key.
        return f"Endpoint({self.kind!r}, {self.address!r})"

    @property
    def identity(self) -> Hashable:
        """A key that is equal for equal endpoints; None while the settings are unknown."""
        return None if callable(self.settings) else _build_identity(self.kind, self.settings)

    @property
    def address(self) -> str:
        """The URL, for messages to people."""
        if callable(self.settings):
            return "local"
        url = self.settings.get("azure_endpoint") or self.settings.get("base_url")
        return str(url or self.signed_for or _find_default_url(self.kind))

    @property
    def is_synchronous(self) -> bool:
        """True if the user's own HTTP client is set, which serves sync callers only."""
        return not callable(self.settings) and "http_client" in self.settings

    def redact_secrets(self, text: str) -> str:
        """Mask the endpoint's secrets in a text: some servers quote a wrong key in their errors."""
        for secret in _iter_secrets({} if callable(self.settings) else self.settings):
            text = text.replace(secret, MASK)
        return text

    def get_client(self) -> openai.OpenAI:
        """Return the shared client for sync callers.

        Raises:
            openai.OpenAIError: if the SDK finds no credentials.
        """
        settings = self.settings() if callable(self.settings) else self.settings
        identity = _build_identity(self.kind, settings)
        with _lock:
            if identity not in _clients:
                _clients[identity] = self._make_client(settings)
            return _clients[identity]

    async def a_get_client(self) -> openai.AsyncOpenAI:
        """Return the shared client of the running event loop.

        Raises:
            openai.OpenAIError: if the SDK finds no credentials.
        """
        clients = _by_loop.setdefault(asyncio.get_running_loop(), _LoopClients({}, []))
        # Computing the settings may start the server of a local model, which takes seconds.
        settings = await asyncio.to_thread(self.settings) if callable(self.settings) else self.settings
        identity = _build_identity(self.kind, settings)
        client = clients.by_identity.get(identity)
        if client is None:
            client = clients.by_identity[identity] = self._make_async_client(settings)
            closer = _close_with_loop(client)
            await closer.__anext__()
            # Without a reference the collector would finish the generator, and so close the client, at once.
            clients.closers.append(closer)
        return client

    def _make_client(self, settings: Settings) -> openai.OpenAI:
        import openai

        from .http_clients import make_http_client

        sdk_class = openai.AzureOpenAI if self.kind == "azure" else openai.OpenAI
        return sdk_class(**_complete_settings(settings, make_http_client))

    def _make_async_client(self, settings: Settings) -> openai.AsyncOpenAI:
        import openai

        from .http_clients import make_async_http_client

        sdk_class = openai.AsyncAzureOpenAI if self.kind == "azure" else openai.AsyncOpenAI
        return sdk_class(**_complete_settings(settings, make_async_http_client))


def _find_default_url(kind: str) -> str:
    """Return the URL that the SDK uses if none is set."""
    if kind == "azure":
        return os.environ.get("AZURE_OPENAI_ENDPOINT") or "no azure_endpoint"
    return os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"


def _complete_settings(settings: Settings, make_http_client: Callable[[], object]) -> dict[str, Any]:
    # Retrying is up to a `RetryPolicy`, which also falls back to other endpoints.
    arguments = {**settings, "max_retries": 0}
    if "http_client" not in arguments:
        arguments["http_client"] = make_http_client()
    return arguments


def _iter_secrets(settings: object, is_secret: bool = False) -> Iterator[str]:
    """Yield the strings under names of secrets, at any depth, and the secret part of `Bearer ...`."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from _iter_secrets(value, is_secret or is_secret_name(name))
    elif is_secret and isinstance(settings, str) and settings:
        yield settings
        scheme, _, rest = settings.partition(" ")
        if scheme in ("Bearer", "Basic") and rest:
            yield rest


def _build_identity(kind: str, settings: Settings) -> Hashable:
    # Entries that differ in the number of retries share a client: it never retries.
    pairs = ((name, _describe_value(value)) for name, value in settings.items() if name != "max_retries")
    return (kind, *sorted(pairs))


def _describe_value(value: object) -> str:
    if isinstance(value, dict):
        return repr({name: _describe_value(item) for name, item in value.items()})
    if isinstance(value, str):
        # The `repr` of a `Secret` is a mask, which is the same for all keys.
        return str.__repr__(value)
    return repr(value) if isinstance(value, (int, float, type(None))) else f"{type(value).__name__} {id(value)}"


async def _close_with_loop(client: openai.AsyncOpenAI) -> AsyncGenerator[None, None]:
    """Close the client when the event loop ends: a loop finishes its async generators before it closes."""
    try:
        yield
    finally:
        await client.close()
