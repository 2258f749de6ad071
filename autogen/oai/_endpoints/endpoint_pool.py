"""Endpoints, and the SDK's clients for them: one per endpoint, credentials and event loop, shared by all agents.

A client is made when it is first used, so creating an agent opens nothing, and freed with the last agent that uses it.
Connections are shared by all clients. Those for async callers belong to an event loop and are closed with it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from ..._secrets import MASK, is_secret_name, mask_url
from .._http.settings import check_settings, iter_address_secrets, split_credentials

if TYPE_CHECKING:
    import httpx2 as httpx
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
        "max_response_bytes",
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

MAX_RESPONSE_BYTES = 64 * 2**20
"""The default of `max_response_bytes`."""


class _Clients:
    """The SDK's clients of this process, and the HTTP clients that they share.

    The SDK's clients hold the credentials, and live as long as an endpoint uses them. The HTTP clients hold the connections;
    there is one for each limit of size, and for async callers for each event loop.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_identity: WeakValueDictionary[Hashable, openai.OpenAI] = WeakValueDictionary()
        self.http: dict[int, httpx.Client] = {}
        self.loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()


@dataclass(eq=False)
class _LoopClients:
    """The async clients of an event loop, and the generators that close them with it."""

    by_identity: WeakValueDictionary[Hashable, openai.AsyncOpenAI] = field(default_factory=WeakValueDictionary)
    http: dict[int, httpx.AsyncClient] = field(default_factory=dict)
    closers: list[AsyncGenerator[None, None]] = field(default_factory=list)


_current = _Clients()
# A child's copies of its parent's clients. Freeing them would take locks that nobody releases in the child.
_abandoned: list[_Clients] = []


def _abandon_clients() -> None:
    """Use other clients in a child process: two processes that read from one connection get each other's responses."""
    global _current
    _abandoned.append(_current)
    _current = _Clients()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_clients)


@atexit.register
def _close_clients() -> None:
    """Close the connections of sync callers at the end of the process. Those of async callers end with their loops."""
    for client in list(_current.http.values()):
        client.close()


@dataclass(frozen=True)
class Endpoint:
    """An address that requests go to, with its credentials.

    Attributes:
        kind: `openai`, `azure`, `anthropic`, `google` or `converse`, for the class of the SDK's client.
        settings: The arguments of that class, or a function that returns them when the client is made (it may block).
        signed_for: The name or the URL of the service if the SDK signs the requests and knows the URL itself, else empty.
        deployment: The name of the model in the vendor's own protocol, if it is another than in the config, else empty.
    """

    kind: str
    settings: Settings | Callable[[], Settings]
    signed_for: str = ""
    deployment: str = ""
    # The clients in use, by the table that has them: a child process and each event loop have another.
    _used: WeakKeyDictionary[_Clients | _LoopClients, object] = field(
        default_factory=WeakKeyDictionary, compare=False, repr=False
    )

    def __repr__(self) -> str:
        # The settings hold a key.
        return f"Endpoint({self.kind!r}, {self.address!r})"

    @property
    def identity(self) -> Hashable:
        """A key that is equal for equal endpoints; None while the settings are unknown."""
        return None if callable(self.settings) else _build_identity(self.kind, self.settings)

    @property
    def address(self) -> str:
        """The URL without secrets, for messages to people."""
        if callable(self.settings):
            return "local"
        url = self.settings.get("azure_endpoint") or self.settings.get("base_url")
        return mask_url(str(url or self.signed_for or _find_default_url(self.kind)))

    @property
    def is_synchronous(self) -> bool:
        """True if the user's own HTTP client is set, which serves sync callers only."""
        return not callable(self.settings) and "http_client" in self.settings

    @property
    def timeout(self) -> object:
        """The timeout of requests: seconds or an object of the SDK; None if there is none in the config."""
        return None if callable(self.settings) else self.settings.get("timeout")

    def check_settings(self) -> None:
        """Check the address and the headers.

        Raises:
            openai.APIConnectionError: if no request can be sent.
        """
        if not callable(self.settings):
            check_settings(self.settings)

    def redact_secrets(self, text: str) -> str:
        """Mask the endpoint's secrets in a text: some servers quote a wrong key in their errors."""
        if callable(self.settings):
            return text
        # A word of a letter or two protects nothing, and would be masked within other words.
        secrets = {*_iter_secrets(split_credentials(self.settings)), *iter_address_secrets(self.settings)}
        for secret in sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def get_client(self) -> openai.OpenAI:
        """Return the shared client for sync callers.

        Raises:
            openai.OpenAIError: if the SDK finds no credentials.
        """
        settings = self.settings() if callable(self.settings) else self.settings
        identity, clients = _build_identity(self.kind, settings), _current
        with clients.lock:
            client = clients.by_identity.get(identity)
            if client is None:
                client = clients.by_identity[identity] = self._make_client(settings, clients)
            self._used[clients] = client
            return client

    async def a_get_client(self) -> openai.AsyncOpenAI:
        """Return the shared client of the running event loop.

        Raises:
            openai.OpenAIError: if the SDK finds no credentials.
        """
        if self.kind == "converse":
            # One client for all callers: the SDK has no async one, so that it works in threads.
            shared: Any = await asyncio.to_thread(self.get_client)
            return shared  # type: ignore[no-any-return]
        # Computing the settings may start the server of a local model, which takes seconds.
        settings = await asyncio.to_thread(self.settings) if callable(self.settings) else self.settings
        clients = _current.loops.setdefault(asyncio.get_running_loop(), _LoopClients())
        identity = _build_identity(self.kind, settings)
        client = clients.by_identity.get(identity)
        if client is None:
            client = clients.by_identity[identity] = await self._make_async_client(settings, clients)
        self._used[clients] = client
        return client

    def _make_client(self, settings: Settings, clients: _Clients) -> openai.OpenAI:
        arguments, limit = _complete_settings(settings)
        if self.kind == "converse":
            module = import_module("autogen.oai._protocols.converse.client")
            del arguments["max_retries"]
            converse: openai.OpenAI = module.ConverseClient(**arguments, max_response_bytes=limit)
            return converse
        from .._http.clients import make_http_client

        if "http_client" not in arguments:
            arguments["http_client"] = clients.http.get(limit) or clients.http.setdefault(limit, make_http_client(limit))
        client: openai.OpenAI = _load_class(self.kind, is_async=False)(**arguments)
        return client

    async def _make_async_client(self, settings: Settings, clients: _LoopClients) -> openai.AsyncOpenAI:
        from .._http.clients import make_async_http_client

        arguments, limit = _complete_settings(settings)
        if limit not in clients.http:
            clients.http[limit] = make_async_http_client(limit)
            closer = _close_with_loop(clients, limit)
            # Without a reference the collector would finish the generator, and so close the client, at once.
            clients.closers.append(closer)
            await closer.__anext__()
        arguments["http_client"] = clients.http[limit]
        client: openai.AsyncOpenAI = _load_class(self.kind, is_async=True)(**arguments)
        return client


# The client classes of the SDKs, sync and async, by the kind of an endpoint. They have the same structure.
_SDK_CLASSES = {
    "openai": ("openai", "OpenAI", "AsyncOpenAI"),
    "azure": ("openai", "AzureOpenAI", "AsyncAzureOpenAI"),
    "anthropic": ("anthropic", "Anthropic", "AsyncAnthropic"),
}


def _load_class(kind: str, *, is_async: bool) -> Callable[..., Any]:
    if kind == "google":
        return partial(_make_google_client, is_async)
    module, *names = _SDK_CLASSES[kind]
    factory: Callable[..., Any] = getattr(import_module(module), names[is_async])
    return factory


def _make_google_client(is_async: bool, **settings: Any) -> object:
    """Make a client of Google's SDK, which takes the settings of the connection in another form."""
    from .._http.clients import get_tls_context

    # It makes a client of each kind, whose certificates take long to read.
    tls = {"verify": get_tls_context()}
    options: dict[str, Any] = {"client_args": tls, "async_client_args": {**tls, "ssl": tls["verify"]}}
    client_key = "httpx_async_client" if is_async else "httpx_client"
    for key, name in (("base_url", "base_url"), ("default_headers", "headers"), ("http_client", client_key)):
        if settings.get(key) is not None:
            options[name] = settings[key]
    access = (
        _get_vertex_access(settings) if "project_id" in settings else {"vertexai": False, "api_key": settings["api_key"]}
    )
    client: object = import_module("google.genai").Client(**access, http_options=options)
    return client


def _get_vertex_access(settings: Settings) -> dict[str, Any]:
    """Return the arguments of Google's client for Vertex AI. Without credentials it finds those of the machine."""
    from .._protocols.google.credentials import TokenCredentials, add_scopes

    credentials, tokens = settings.get("credentials"), settings.get("token_provider")
    if credentials is not None:
        credentials = add_scopes(credentials)
    elif tokens is not None:
        credentials = TokenCredentials(cast("Callable[[], object]", tokens))
    names = {"project": settings["project_id"], "location": settings["location"]}
    return {"vertexai": True, **names, "credentials": credentials}


def _find_default_url(kind: str) -> str:
    """Return the URL that the SDK uses if none is set."""
    if kind == "google":
        return "https://generativelanguage.googleapis.com"
    if kind == "anthropic":
        return os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
    if kind == "azure":
        return os.environ.get("AZURE_OPENAI_ENDPOINT") or "no azure_endpoint"
    return os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"


def _complete_settings(settings: Settings) -> tuple[dict[str, Any], int]:
    """Return the arguments for the SDK's client, and the limit of size for its HTTP client."""
    # Retrying is up to a `RetryPolicy`, which also falls back to other endpoints.
    arguments: dict[str, Any] = {**split_credentials(settings), "max_retries": 0}
    limit = arguments.pop("max_response_bytes", None)
    return arguments, MAX_RESPONSE_BYTES if limit is None else limit


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


async def _close_with_loop(clients: _LoopClients, limit: int) -> AsyncGenerator[None, None]:
    """Close an HTTP client when the event loop ends: a loop finishes its async generators before it closes."""
    try:
        yield
    finally:
        client = clients.http.pop(limit)
        if not clients.http:
            # The generators refer to the loop, and would keep it in the table.
            clients.closers.clear()
        await client.aclose()
