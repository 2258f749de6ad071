"""A session with an MCP server. It lives in one task of an event loop, in a thread of its own.

Any thread and any event loop may make requests: a caller awaits the future of its request, which runs in that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .._extras import require
from .._mistakes import trim_stop
from .._secrets import redact
from ..version import __version__
from ._http import HttpTransport
from ._servers import Server, StdioServerParams
from ._stdio import StdioTransport
from .errors import McpServerError, McpToolError

if TYPE_CHECKING:
    from mcp import ClientSession

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds in which a session and its program have to end.
CLOSE_TIMEOUT = 15.0
_POLL_INTERVAL = 1.0  # seconds

_current_call: ContextVar[_ActiveCall | None] = ContextVar("_current_call", default=None)
"""The call that a message of the server belongs to: the SDK handles messages in the context of the request that they
belong to, where the transport knows that request."""


class NoAnswer(Exception):
    """Raised for a question of the server that gets no answer, because the chat of the caller waits or stops."""


class Delegate(Protocol):
    """The caller of a tool, as the server sees it while the call runs."""

    async def elicit(self, params: Any) -> Any:
        """Answer a question of the server."""

    async def sample(self, params: Any) -> Any:
        """Answer a request of the server to a model."""

    async def report_progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Report the progress of the call."""


@dataclass(eq=False)
class _ActiveCall:
    """A call that runs, and its caller.

    Attributes:
        delegate: Its caller.
        loop: Event loop of the caller.
        context: Context of the caller.
        questions: Number of questions that wait for an answer.
        signal: Signal of the caller's chat, which waits or stops instead of answering; None without one.
    """

    delegate: Delegate
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    context: Any = field(default_factory=copy_context)
    questions: int = 0
    signal: BaseException | None = None

    async def ask(self, make: Callable[[], Awaitable[T]]) -> T:
        """Await a coroutine of the caller in its event loop and its context.

        Raises:
            NoAnswer: if its chat waits or stops instead.
        """
        future: Future[T] = Future()

        def start() -> None:
            task = asyncio.ensure_future(make())
            task.add_done_callback(partial(_copy_outcome, future))
            future.add_done_callback(lambda _: self.loop.call_soon_threadsafe(task.cancel) if future.cancelled() else None)

        self.questions += 1
        try:
            self.loop.call_soon_threadsafe(start, context=self.context)
            return await asyncio.wrap_future(future)
        except (Exception, asyncio.CancelledError):
            raise
        # It would end the session, which other chats may share.
        except BaseException as signal:  # noqa: BLE001
            self.signal = signal
            raise NoAnswer from None
        finally:
            self.questions -= 1


class Connection:
    """A session with a server.

    Args:
        server: The server.
        start_timeout: Seconds in which the session has to begin.
        limit: Maximum number of bytes of a message.
        on_tools_changed: Called in the thread of the session when the server has other tools.
        can_elicit: True if the server may ask questions.
        can_sample: True if it may send requests to a model.
    """

    def __init__(
        self,
        server: Server,
        *,
        start_timeout: float,
        limit: int,
        on_tools_changed: Callable[[], None],
        can_elicit: bool = False,
        can_sample: bool = False,
    ) -> None:
        self.server = server
        self._start_timeout = start_timeout
        self._on_tools_changed = on_tools_changed
        self._can_elicit, self._can_sample = can_elicit, can_sample
        self._transport: StdioTransport | HttpTransport
        if isinstance(server.params, StdioServerParams):
            self._transport = StdioTransport(server.params, limit, self._fail)
        else:
            self._transport = HttpTransport(server.params, limit, self._fail)
        self._pid = os.getpid()
        self._fault = ""
        self._ready: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: ClientSession | None = None
        self._closing: asyncio.Event | None = None
        self._is_over = False
        self._active: list[_ActiveCall] = []
        self._thread = threading.Thread(target=self._run_thread, name=f"autogen-mcp-{server.name}", daemon=True)

    # Life

    def open(self) -> None:
        """Begin the session, and wait until it has begun.

        Raises:
            ImportError: if the extra `mcp` is not installed.
            McpServerError: if it doesn't begin in time, or fails.
        """
        require("mcp", extra="mcp", feature="A client of MCP servers")
        self._thread.start()
        try:
            self._ready.result(self._start_timeout)
        # Before Python 3.11 it is another class than the built-in one.
        except FutureTimeout:
            self.close()
            raise self._make_error(f"did not answer within {self._start_timeout:g} seconds") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the session and its program, and wait for that. No-op if it has ended."""
        # A fork has the object, but not the thread.
        if self._pid != os.getpid():
            return
        self._is_over = True
        loop, closing = self._loop, self._closing
        if loop is not None and closing is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(closing.set)
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_TIMEOUT)
            if self._thread.is_alive():
                logger.warning("The session with the MCP server %r does not end; it is abandoned.", self.server.name)

    @property
    def active_calls(self) -> int:
        """The number of calls that the server is working on."""
        return len(self._active)

    @property
    def is_lost(self) -> bool:
        """True if no more requests are possible."""
        return self._is_over or self._pid != os.getpid() or not self._thread.is_alive()

    def _run_thread(self) -> None:
        try:
            asyncio.run(self._run())
        # Whatever it is, the caller gets it.
        except BaseException as error:  # noqa: BLE001
            self._set_ready(self._make_error(_describe(error)))
        finally:
            self._is_over = True
            self._set_ready(self._make_error("ended"))

    def _set_ready(self, error: McpServerError | None) -> None:
        if not self._ready.done():
            if error is None:
                self._ready.set_result(None)
            else:
                self._ready.set_exception(error)

    async def _run(self) -> None:
        import mcp
        from mcp.types import Implementation

        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        if self._is_over:
            return
        opening = asyncio.ensure_future(self._closing.wait())
        options: dict[str, Any] = {
            "message_handler": self._handle_message,
            "client_info": Implementation(name="autogen-classic", version=__version__),
            **({"elicitation_callback": self._elicit} if self._can_elicit else {}),
            **({"sampling_callback": self._sample} if self._can_sample else {}),
        }
        async with self._transport.open() as streams, mcp.ClientSession(*streams, **options) as session:
            starting = asyncio.ensure_future(session.initialize())
            # If the transport fails, that error is the reason, and nobody awaits this task.
            starting.add_done_callback(lambda task: task.cancelled() or task.exception())
            # Closing must not wait for a server that doesn't answer.
            await asyncio.wait([starting, opening], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return
            starting.result()
            self._session = session
            self._set_ready(None)
            await opening
            # Requests that are under way end with an error, not as if their callers had cancelled them.
            self._is_over = True

    def _fail(self, sentence: str) -> None:
        """Note why the connection is about to be lost."""
        self._fault = self._fault or sentence

    def _make_error(self, sentence: str) -> McpServerError:
        """Return an error about the server; the sentence is without its subject, such as `has ended`."""
        text = f"The MCP server {self.server.name!r} {sentence}"
        if self._fault:
            text += f": {self._fault}"
        errors = self._transport.errors
        return McpServerError(f"{trim_stop(text)}." + (f" The end of its stderr:\n{errors}" if errors else ""))

    # Requests

    async def request(
        self, make: Callable[[ClientSession], Awaitable[T]], timeout: float, delegate: Delegate | None = None
    ) -> T:
        """Make a request, from any event loop. Cancelling it cancels the request.

        Args:
            make: Makes the request.
            timeout: Seconds for it, without those in which the server waits for an answer of the caller.
            delegate: The caller, if the server may ask it something.

        Raises:
            McpServerError: if the connection is lost, or was.
            McpToolError: if the server reports an error, or doesn't answer in time.
        """
        loop = self._loop
        if self.is_lost or loop is None:
            raise self._make_error("has ended")
        call = None if delegate is None else _ActiveCall(delegate)
        try:
            future = asyncio.run_coroutine_threadsafe(self._perform(make, timeout, call), loop)
        except RuntimeError:
            raise self._make_error("has ended") from None
        return await asyncio.wrap_future(future)

    async def _perform(self, make: Callable[[ClientSession], Awaitable[T]], timeout: float, call: _ActiveCall | None) -> T:
        assert self._session is not None
        # Always set: this runs in the context of the caller, which may itself answer a question of a server.
        _current_call.set(call)
        if call is not None:
            self._active.append(call)
        task = asyncio.ensure_future(make(self._session))
        try:
            deadline = time.monotonic() + timeout
            while not task.done() and (remaining := deadline - time.monotonic()) > 0:
                await asyncio.wait([task], timeout=min(remaining, _POLL_INTERVAL))
                # A human may think for as long as they like.
                if call is not None and call.questions:
                    deadline = time.monotonic() + timeout
            if not task.done():
                raise McpToolError(f"The MCP server {self.server.name!r} did not answer within {timeout:g} seconds.")
            try:
                return await self._get_result(task)
            finally:
                # Whatever the server made of it, the chat waits or stops.
                if call is not None and call.signal is not None:
                    raise call.signal
        except asyncio.CancelledError:
            if self._is_over:
                raise self._make_error("has ended") from None
            raise
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=_POLL_INTERVAL)
            if call is not None:
                self._active.remove(call)

    async def _get_result(self, task: asyncio.Future[T]) -> T:
        from mcp.shared.exceptions import MCPError
        from mcp.types import CONNECTION_CLOSED

        if task.cancelled():
            raise self._make_error("has ended")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, MCPError) and error.error.code != CONNECTION_CLOSED and not self._fault:
            text = str(redact(error.error.message))
            raise McpToolError(f"The MCP server {self.server.name!r} reports an error: {trim_stop(text)}.") from error
        was_over = self._is_over
        await self._transport.wait_for_errors()
        self._abandon()
        if was_over:
            raise self._make_error("has ended") from error
        raise self._make_error("was lost" if isinstance(error, MCPError) else f"was lost: {_describe(error)}") from error

    def _abandon(self) -> None:
        """End a session without a connection."""
        self._is_over = True
        if self._closing is not None:
            self._closing.set()

    # Requests of the server

    async def _handle_message(self, message: Any) -> None:
        from mcp.types import ToolListChangedNotification

        if isinstance(getattr(message, "root", message), ToolListChangedNotification):
            self._on_tools_changed()

    def _find_call(self) -> _ActiveCall | None:
        """Return the call that a request of the server belongs to.

        Over stdio, nothing in a message says so: then it is the latest of the calls.
        """
        call = _current_call.get()
        if call in self._active:
            return call
        return self._active[-1] if self._active else None

    async def _elicit(self, context: Any, params: Any) -> Any:
        from mcp.types import ElicitResult

        call = self._find_call()
        if call is None:
            return ElicitResult(action="cancel")
        try:
            return await call.ask(partial(call.delegate.elicit, params))
        except NoAnswer:
            return ElicitResult(action="cancel")

    async def _sample(self, context: Any, params: Any) -> Any:
        from mcp.types import INVALID_REQUEST, ErrorData

        call = self._find_call()
        if call is None:
            return ErrorData(code=INVALID_REQUEST, message="No tool call is under way.")
        try:
            return await call.ask(partial(call.delegate.sample, params))
        except NoAnswer:
            return ErrorData(code=INVALID_REQUEST, message="There is no answer.")

    async def report_progress(
        self, delegate: Delegate, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Pass the progress of a call on to its caller."""
        call = next((call for call in self._active if call.delegate is delegate), None)
        if call is not None:
            call.loop.call_soon_threadsafe(
                _start, call.delegate.report_progress, progress, total, message, context=call.context
            )


def _start(function: Callable[..., Awaitable[None]], *args: Any) -> None:
    task = asyncio.ensure_future(function(*args))
    # A listener's failure is its own affair.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _copy_outcome(future: Future[Any], task: asyncio.Future[Any]) -> None:
    if future.cancelled():
        return
    if task.cancelled():
        future.cancel()
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def _describe(error: BaseException) -> str:
    """Return the innermost cause of an error: those of task groups hide it."""
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]  # type: ignore[attr-defined]
    text = str(redact(str(error)))
    return f"failed: {type(error).__name__}{f': {text}' if text else ''}"
