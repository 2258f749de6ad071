"""The connection of one reply to a remote agent, for sync and async callers.

The SDK is async, and its HTTP client belongs to an event loop. So a reply has a connection of its own: in the caller's event
loop, or for a sync caller in that of a thread, which ends with the reply.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from .._body_limits import limit_body
from .._mistakes import trim_stop
from .._secrets import redact
from .._steps import Call, Steps
from ..control import interruptible
from ._card import fetch_card, keep_own_interfaces, require_sdk
from ._parts import JsonPart
from .errors import A2aClientError

if TYPE_CHECKING:
    import httpx
    from a2a.client import Client
    from a2a.types import AgentCard, StreamResponse, Task
    from anyio.from_thread import BlockingPortal

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds.
CONNECT_TIMEOUT = 30.0
CANCEL_TIMEOUT = 5.0
GRACE = 1.0


@cache
def _get_tls_context() -> ssl.SSLContext:
    """Return the TLS context of all connections. Making it takes 20 ms."""
    import httpx

    return httpx.create_ssl_context()


class ConnectionLost(A2aClientError):
    """Raised if a connection is lost; the task may go on."""


@dataclass(frozen=True, eq=False)
class ConnectionOptions:
    """Settings of the connections of an agent.

    Attributes:
        url: Address of the remote agent; empty for an agent that was made from a card.
        headers: Headers of all requests.
        timeout: Seconds for an answer; None for no limit.
        max_bytes: Maximum size of a message, and of an answer.
        max_reconnects: Maximum number of times that a connection may be lost in a reply.
        polling_interval: Seconds before a task is looked at again; each pause is longer than the last.
        allowed_hosts: Hosts beside that of the address to which the card may lead.
        card_keys: Keys of signatures of cards, by id; None to check none.
        http_client: HTTP client, or makes one; None for one of this package.
        client_config: Config of the SDK's client; None for the default.
        interceptors: Interceptors of the SDK's client.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float | None
    max_bytes: int
    max_reconnects: int
    polling_interval: float
    allowed_hosts: Collection[str] = ()
    card_keys: Mapping[str, Any] | None = field(default=None, repr=False)
    http_client: Any = None
    client_config: Any = None
    interceptors: Sequence[Any] = ()

    async def guard_response(self, response: httpx.Response) -> None:
        """Limit the size of a response."""
        limit_body(response, self.max_bytes, lambda text: A2aClientError(f"The remote agent failed: {text}."))


class Session:
    """A connection to a remote agent.

    Args:
        name: Name of the agent, for errors.
        options: Settings.
        card: Card of the remote agent; None to fetch it.

    Attributes:
        can_stream: True if the server sends updates.
        first_event: First update of the last message, also if its sender was stopped in the meantime; None without one.
    """

    def __init__(self, name: str, options: ConnectionOptions, card: AgentCard | None) -> None:
        require_sdk()
        self._name = name
        self.options = options
        self.card = card
        self.can_stream = True
        self.first_event: StreamResponse | None = None
        self._client: Client | None = None
        self._stream: Any = None
        self._is_subscription = False
        self._resources = AsyncExitStack()
        self._thread = ExitStack()
        self._portal: BlockingPortal | None = None
        self._end: float | None = None
        self.restart_clock()

    # Callers

    def call(self, function: Callable[..., Awaitable[T]], /, *args: Any) -> Steps[T]:
        """Call a coroutine function in the event loop of this session. Stopping the chat cancels it."""
        result: T = yield Call(self._run_in_portal, self._run_here, (function, *args), {})
        return result

    async def _run_here(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        return await function(*args)

    def _run_in_portal(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        if self._portal is None:
            import httpx
            from anyio.from_thread import start_blocking_portal

            if isinstance(self.options.http_client, httpx.AsyncClient):
                raise TypeError(
                    f"The httpx.AsyncClient of {self._name!r} belongs to an event loop, and a sync chat has none: pass an "
                    "HttpxClientFactory, or use the async forms of chats."
                )
            self._portal = self._thread.enter_context(start_blocking_portal("asyncio"))
        finished = threading.Event()

        async def run() -> T:
            try:
                return await function(*args)
            finally:
                finished.set()

        future = self._portal.start_task_soon(run)
        try:
            return interruptible(future.result)()
        except BaseException:
            future.cancel()
            # What it was using is used next.
            finished.wait(2 * GRACE)
            raise

    def close(self) -> None:
        """Close the connection of a sync caller."""
        try:
            if self._portal is not None:
                self._portal.call(self.a_close)
        finally:
            self._thread.close()

    async def a_close(self) -> None:
        """Close the connection."""
        await self.drop_stream()
        await self._resources.aclose()

    def cancel(self, task_id: str) -> None:
        """Cancel a task of the remote agent, for a sync caller; errors are logged."""
        # Not interruptible: the chat may be stopped already.
        if self._portal is not None:
            self._portal.call(self.a_cancel, task_id)

    async def a_cancel(self, task_id: str) -> None:
        """Cancel a task of the remote agent; errors are logged."""
        from a2a.types import CancelTaskRequest

        # The time of the reply may be over.
        self._end = time.monotonic() + CANCEL_TIMEOUT
        try:
            await self.drop_stream()
            client = await self._connect()
            await self._request(client.cancel_task, CancelTaskRequest(id=task_id))
        # The chat ends for a reason of its own, which the caller gets.
        except A2aClientError as error:
            logger.info("The task of the remote agent %r was not cancelled: %s", self._name, error)

    # Time

    def restart_clock(self) -> None:
        """Begin the time limit again."""
        timeout = self.options.timeout
        self._end = None if timeout is None else time.monotonic() + timeout

    async def _wait(self, awaitable: Awaitable[T]) -> T:
        """Await the result of a request within the time limit.

        Raises:
            A2aClientError: if there is no time left.
            ConnectionLost: if the connection is lost.
        """
        from a2a.client.errors import A2AClientError
        from a2a.utils.errors import A2AError

        seconds = None if self._end is None else max(self._end - time.monotonic(), 0)
        try:
            return await asyncio.wait_for(awaitable, seconds)
        except asyncio.TimeoutError:
            raise A2aClientError(
                f"The remote agent {self._name!r} did not answer within {self.options.timeout:g} seconds."
            ) from None
        except A2AError as error:
            kind = ConnectionLost if isinstance(error, A2AClientError) else A2aClientError
            text = trim_stop(str(redact(str(error)))) or type(error).__name__
            raise kind(f"The remote agent {self._name!r} failed: {text}.") from error
        except (KeyError, ValueError) as error:
            # The SDK's parsers raise these for answers in another form.
            raise A2aClientError(
                f"The remote agent {self._name!r} sent something else than an answer: {trim_stop(error)}."
            ) from error

    async def sleep(self, seconds: float) -> None:
        """Wait within the time limit."""
        await self._wait(asyncio.sleep(seconds))

    # Requests

    async def get_card(self) -> AgentCard:
        """Return the card of the remote agent, fetched if necessary."""
        if self.card is None:
            http = await self._open_http()
            card = await self._wait(fetch_card(http, self.options.url, self.options.headers, self.options.card_keys))
            self.card = keep_own_interfaces(card, self.options.url, self.options.allowed_hosts)
        return self.card

    async def send(self, parts: Sequence[JsonPart], context_id: str, task_id: str, extra: Sequence[Any]) -> StreamResponse:
        """Send a message, and return the first update.

        Args:
            parts: Parts of the message.
            context_id: Id of the conversation; empty for a new one.
            task_id: Id of the task that the message answers; empty for none.
            extra: More parts, as the SDK has them.
        """
        from uuid import uuid4

        from a2a.types import Message, Part, Role, SendMessageRequest
        from google.protobuf.json_format import ParseDict

        client = await self._connect()
        message = Message(
            message_id=uuid4().hex,
            role=Role.ROLE_USER,
            parts=[*(ParseDict(part, Part()) for part in parts), *extra],
            context_id=context_id,
            task_id=task_id,
        )
        self._stream = client.send_message(SendMessageRequest(message=message), context=self._make_context())
        self._is_subscription = False
        self.first_event = None
        pending = asyncio.ensure_future(self.next_event())
        try:
            # Kept here, too: a caller that is stopped while it comes doesn't get it any more.
            self.first_event = event = await asyncio.shield(pending)
        except asyncio.CancelledError:
            await self._wait_for_first_event(pending)
            raise
        if event is None:
            raise ConnectionLost(f"The remote agent {self._name!r} ended the connection without an answer.")
        return event

    async def _wait_for_first_event(self, pending: asyncio.Future[StreamResponse | None]) -> None:
        """Wait for the id of a task that has been started, without which it can't be cancelled."""
        import anyio

        with anyio.CancelScope(shield=True):
            await asyncio.wait([pending], timeout=GRACE)
            if not pending.done():
                pending.cancel()
                await asyncio.wait([pending])
        if not pending.cancelled() and pending.exception() is None:
            self.first_event = pending.result()

    async def next_event(self) -> StreamResponse | None:
        """Return the next update; None at the end of the stream.

        Raises:
            ConnectionLost: if the connection is lost.
            A2aClientError: if the remote agent fails.
        """
        stream = self._stream
        if stream is None:
            return None
        try:
            event: StreamResponse = await self._wait(stream.__anext__())
        except StopAsyncIteration:
            self._stream = None
            return None
        except A2aClientError as error:
            await self.drop_stream()
            if not self._is_subscription or isinstance(error, ConnectionLost):
                raise
            # The task may have ended in this moment, or the server may not do this: it is looked at instead.
            self.can_stream = False
            return None
        return event

    async def subscribe(self, task_id: str) -> None:
        """Begin to receive the updates of a task."""
        from a2a.types import SubscribeToTaskRequest

        client = await self._connect()
        self._stream = client.subscribe(SubscribeToTaskRequest(id=task_id), context=self._make_context())
        self._is_subscription = True

    async def get_task(self, task_id: str) -> Task:
        """Return a task as it is now."""
        from a2a.types import GetTaskRequest

        client = await self._connect()
        return await self._request(client.get_task, GetTaskRequest(id=task_id, history_length=0))

    @property
    def has_stream(self) -> bool:
        """True while updates are being received."""
        return self._stream is not None

    async def drop_stream(self) -> None:
        """Stop to receive updates."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def _request(self, method: Callable[..., Awaitable[T]], request: Any) -> T:
        return await self._wait(method(request, context=self._make_context()))

    def _make_context(self) -> Any:
        from a2a.client import ClientCallContext

        return ClientCallContext(service_parameters=dict(self.options.headers))

    async def _connect(self) -> Client:
        if self._client is None:
            from a2a.client import ClientConfig, ClientFactory

            card = await self.get_card()
            config = self.options.client_config or ClientConfig(
                supported_protocol_bindings=["JSONRPC", "HTTP+JSON"], polling=not card.capabilities.streaming
            )
            self.can_stream = bool(config.streaming and card.capabilities.streaming)
            factory = ClientFactory(replace(config, httpx_client=await self._open_http()))
            try:
                self._client = factory.create(card, list(self.options.interceptors))
            except ValueError as error:
                raise A2aClientError(
                    f"The remote agent {self._name!r} can't be spoken to: {trim_stop(error)}. It must offer JSON-RPC or "
                    "HTTP with JSON."
                ) from error
        return self._client

    async def _open_http(self) -> httpx.AsyncClient:
        import httpx

        client = self.options.http_client
        if client is None:
            client = httpx.AsyncClient(timeout=httpx.Timeout(CONNECT_TIMEOUT, read=None), verify=_get_tls_context())
        elif not isinstance(client, httpx.AsyncClient):
            client = client()
        if client is not self.options.http_client:
            await self._resources.enter_async_context(client)
        hooks = client.event_hooks
        if self.options.guard_response not in hooks["response"]:
            client.event_hooks = {**hooks, "response": [*hooks["response"], self.options.guard_response]}
        return client  # type: ignore[no-any-return]
