"""The SDK's clients: one for each endpoint and credentials in a process, shared by all agents.

A client is made when it is first used, so that creating an agent opens nothing. Clients for asynchronous callers belong to
an event loop, and are closed with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..._secrets import MASK, is_secret_name
from .body_timeout import a_watch, watch
from .connection_pools import spread

if TYPE_CHECKING:
    import openai

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
_clients: dict[Any, Any] = {}
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and with which credentials.

    Attributes:
        kind: `openai` or `azure`: which class of the SDK speaks to it.
        settings: The arguments of that class. A callable is asked for them when the client is made.
        signed_for: Where to, if the SDK signs the requests, and knows the URL itself.
    """

    kind: str
    settings: dict[str, Any] | Callable[[], dict[str, Any]]
    signed_for: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.kind!r}, {self.address!r})"  # the settings hold a key

    @property
    def identity(self) -> Any:
        """What tells it from others; None while its settings are not known."""
        return None if callable(self.settings) else _identity_of(self.kind, self.settings)

    @property
    def address(self) -> str:
        """The URL, for messages to people."""
        if callable(self.settings):
            return "local"
        url = self.settings.get("azure_endpoint") or self.settings.get("base_url")
        return str(url or self.signed_for or "the SDK's default URL")

    def scrubbed(self, text: str) -> str:
        """A text without the endpoint's secrets: some quote a wrong key in their errors."""
        for secret in _secrets_in({} if callable(self.settings) else self.settings):
            text = text.replace(secret, MASK)
        return text

    @property
    def is_synchronous(self) -> bool:
        """Whether it has an HTTP client of the user's own, which serves synchronous callers only."""
        return not callable(self.settings) and "http_client" in self.settings

    def client(self) -> openai.OpenAI:
        """The client for synchronous callers."""
        return self._shared(_clients, "", self._arguments())  # type: ignore[no-any-return]

    async def a_client(self) -> openai.AsyncOpenAI:
        """The client for the running event loop."""
        clients = _by_loop.setdefault(asyncio.get_running_loop(), {})
        settings = self.settings
        arguments = await asyncio.to_thread(settings) if callable(settings) else settings  # to ask may start a server
        known = len(clients)
        client = self._shared(clients, "Async", arguments)
        if len(clients) > known:
            closing = _closed_with_its_loop(client)
            await closing.__anext__()
            clients[id(client)] = closing  # kept alive, or the collector would close the client at once
        return client  # type: ignore[no-any-return]

    def _arguments(self) -> dict[str, Any]:
        return self.settings() if callable(self.settings) else self.settings

    def _shared(self, clients: dict[Any, Any], colour: str, arguments: dict[str, Any]) -> Any:
        key = _identity_of(self.kind, arguments)
        with _lock:
            if key not in clients:
                clients[key] = self._made(colour, arguments)
            return clients[key]

    def _made(self, colour: str, arguments: dict[str, Any]) -> Any:
        import openai

        kind = "AzureOpenAI" if self.kind == "azure" else "OpenAI"
        sdk_class = getattr(openai, f"Async{kind}" if colour else kind)
        http_class, hook = (openai.DefaultAsyncHttpxClient, a_watch) if colour else (openai.DefaultHttpxClient, watch)
        arguments = {**arguments, "max_retries": 0}  # a RetryPolicy does that
        if "http_client" not in arguments:
            more = spread(http_class) if colour else {}
            arguments["http_client"] = http_class(event_hooks={"response": [hook]}, **more)
        return sdk_class(**arguments)


def _secrets_in(settings: Any, is_secret: bool = False) -> Iterator[str]:
    """The texts under names of secrets, at any depth; of `Bearer ...` also the part that is secret."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from _secrets_in(value, is_secret or is_secret_name(name))
    elif is_secret and isinstance(settings, str) and settings:
        yield settings
        scheme, _, rest = settings.partition(" ")
        if scheme in ("Bearer", "Basic") and rest:
            yield rest


def _identity_of(kind: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    pairs = ((name, _identity(value)) for name, value in arguments.items() if name != "max_retries")
    return (kind, *sorted(pairs))


def _identity(value: Any) -> str:
    if isinstance(value, dict):
        return repr({name: _identity(item) for name, item in value.items()})
    if isinstance(value, str):
        return str.__repr__(value)  # the repr of a key may be a mask, the same for all keys
    return repr(value) if isinstance(value, (int, float, type(None))) else f"{type(value).__name__} {id(value)}"


async def _closed_with_its_loop(client: Any) -> AsyncGenerator[None, None]:
    """An event loop finishes its generators before it closes: that is when this one closes the client."""
    try:
        yield
    finally:
        await client.close()
