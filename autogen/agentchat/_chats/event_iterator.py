"""A chat as an iterator of its events, which runs only while the reader requests the next event.

No generator could run the chat itself: the public methods inside a chat (a reply function that calls `generate_reply`, a
tool that starts a chat, an override that calls `super()`) drive their own steps. So the chat runs in a thread, or in a task
for `async for`. Each event for the reader pauses it by its `ChatControl` before its next step, until the reader requests
another event.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Generic, TypeAlias, TypeVar, Union, cast

from ... import events
from ..._threads import wrap_stop_iteration
from ...control import ChatControl
from ...events import AnyEvent, Event
from .._core.result import ChatResult

logger = logging.getLogger("autogen.agentchat.conversable_agent")

RunChat = TypeVar("RunChat", bound=Callable[[ChatControl], object])

_Outcome: TypeAlias = Union["Future[ChatResult]", "asyncio.Future[ChatResult]"]


class _EventBuffer:
    """The events that the reader has not requested yet. Thread-safe.

    Attributes:
        notify: Called when there is an event.
    """

    def __init__(self, control: ChatControl) -> None:
        self._control = control
        self._events: deque[Event] = deque()
        # re-entrant: a finaliser may close the buffer at any moment.
        self._lock = threading.RLock()
        self._is_open = True
        self.notify: Callable[[], object] = lambda: None

    def push(self, event: Event) -> None:
        """Add an event, and pause the chat at its next step."""
        with self._lock:
            if not self._is_open:
                return
            self._events.append(event)
            self._control.pause_for(self)
        self.notify()

    def pop(self) -> AnyEvent | None:
        """Return the next event; if there is none, resume the chat and return None."""
        with self._lock:
            if self._events:
                return cast(AnyEvent, self._events.popleft())
            self._control.resume_for(self)
            return None

    def close(self) -> None:
        """Discard all events, and resume the chat: there is no reader any more."""
        with self._lock:
            self._is_open = False
            self._events.clear()
            self._control.resume_for(self)


class _Iteration(ABC, Generic[RunChat]):
    """Base class of the sync and the async iterator."""

    def __init__(self, run_chat: RunChat, control: ChatControl | None, yield_on: events.Kinds | None) -> None:
        """Prepare the iteration; the chat starts when the first event is requested.

        Args:
            run_chat: Runs the chat under the control that it is given.
            control: The control; None for a new one.
            yield_on: Kinds of events for the reader; None for all.

        Raises:
            ValueError: if there is no such kind of event.
        """
        self._run_chat = run_chat
        self._control = control or ChatControl()
        self._kinds = None if yield_on is None else events.resolve_types(yield_on)
        self._buffer = _EventBuffer(self._control)
        # The chat runs in the context of the caller, not in that of the reader.
        self._context = copy_context()
        self._is_closed = False
        self._finalizer: weakref.finalize[..., _Iteration[RunChat]] | None = None

    @abstractmethod
    def _get_outcome(self) -> _Outcome | None:
        """Return the future of the result; None if the chat has not started."""

    @property
    def result(self) -> ChatResult:
        """The result of the chat; if the iterator was closed early, with the messages up to there.

        Raises:
            RuntimeError: if the chat has not ended, or never started.
            Exception: The error that ended the chat.
        """
        outcome = self._get_outcome()
        if outcome is None and self._is_closed:
            raise RuntimeError("There is no result: the chat was closed before its first event was requested.")
        if outcome is None or not outcome.done():
            raise RuntimeError("There is no result yet: the chat is not over. Read its events to the end, or close it.")
        return outcome.result()

    def _watch(self, outcome: _Outcome) -> None:
        """Have the chat stopped if this iterator is abandoned: it would wait for its reader forever."""
        self._finalizer = weakref.finalize(self, _abandon, self._control, self._buffer, outcome)
        # At the end of the process nobody reads a warning, and the thread is a daemon.
        self._finalizer.atexit = False

    def _stop(self) -> None:
        """Stop the chat, without waiting for its end."""
        self._is_closed = True
        if self._finalizer is not None:
            self._finalizer.detach()
        # The control may be the caller's, who can see whether it was stopped.
        outcome = self._get_outcome()
        if outcome is not None and not outcome.done():
            self._control.stop()
        self._buffer.close()


class ChatIterator(_Iteration[Callable[[ChatControl], ChatResult]]):
    """The events of a chat, which waits until the next event is requested.

    Leaving the loop, `close()` and the end of a `with` block stop the chat: its history is complete, and its thread ends. A
    blocking call that can't be interrupted (a tool, a request) is abandoned; a reply function is waited for.

    >>> with agent.run_iter(other, message="Hello") as chat:  # doctest: +SKIP
    ...     for event in chat:
    ...         print(event.to_dict())
    >>> chat.result.summary  # doctest: +SKIP
    """

    _thread: threading.Thread | None = None
    _future: Future[ChatResult] | None = None

    def _get_outcome(self) -> Future[ChatResult] | None:
        return self._future

    def __iter__(self) -> Generator[AnyEvent, None, ChatResult | None]:
        """Yield the events, and stop the chat when the loop is left. A `yield from` returns the result."""
        try:
            while (event := self._next()) is not None:
                yield event
            has_result = self._future is not None and self._future.done() and self._future.exception() is None
            return self.result if has_result else None
        finally:
            self.close()

    def __next__(self) -> AnyEvent:
        event = self._next()
        if event is None:
            raise StopIteration
        return event

    def _next(self) -> AnyEvent | None:
        """Return the next event; None at the end. An error of the chat is raised once."""
        if self._is_closed:
            return None
        future = self._future or self._start()
        while True:
            self._news.clear()
            # Read first: events that came before the end are still returned.
            is_over = future.done()
            event = self._buffer.pop()
            if event is not None:
                return event
            if is_over:
                break
            self._news.wait()
        self._is_closed = True
        self._join()
        future.result()
        return None

    def _start(self) -> Future[ChatResult]:
        self._news = news = threading.Event()
        self._buffer.notify = news.set
        self._future = future = Future[ChatResult]()
        future.add_done_callback(lambda _: news.set())
        # The thread has no reference to this object, so that an abandoned iterator is garbage-collected.
        run = partial(self._context.run, _run, self._run_chat, self._control, self._buffer, self._kinds, future)
        self._thread = threading.Thread(target=run, name="autogen-chat-iterator", daemon=True)
        self._watch(future)
        self._thread.start()
        return future

    def close(self) -> None:
        """Stop the chat if it is not over, and wait for its end."""
        was_closed = self._is_closed
        self._stop()
        self._join()
        if self._future is not None and self._future.done() and not was_closed:
            _log_error(self._future.exception())

    def _join(self) -> None:
        # A listener or a tool of the chat itself may close the iterator.
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> ChatIterator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncChatIterator(_Iteration[Callable[[ChatControl], Awaitable[ChatResult]]]):
    """Async version of `ChatIterator`: the chat runs in a task of the same event loop.

    Leaving the loop stops the chat; `aclose()` and the end of an `async with` block also wait for its end. A sync chat
    inside it (a nested one without `use_async`) blocks the event loop and can't be paused: its events come afterwards.

    >>> async with agent.a_run_iter(other, message="Hello") as chat:  # doctest: +SKIP
    ...     async for event in chat:
    ...         print(event.to_dict())
    >>> chat.result.summary  # doctest: +SKIP
    """

    _task: asyncio.Task[ChatResult] | None = None

    def _get_outcome(self) -> asyncio.Future[ChatResult] | None:
        return self._task

    async def __aiter__(self) -> AsyncGenerator[AnyEvent, None]:
        """Yield the events, and stop the chat when the loop is left."""
        try:
            while (event := await self._next()) is not None:
                yield event
        finally:
            self._stop()

    async def __anext__(self) -> AnyEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def _next(self) -> AnyEvent | None:
        """Return the next event; None at the end. An error of the chat is raised once."""
        if self._is_closed:
            return None
        task = self._task or self._start()
        while True:
            self._news.clear()
            is_over = task.done()
            event = self._buffer.pop()
            if event is not None:
                return event
            if is_over:
                break
            await self._news.wait()
        self._is_closed = True
        task.result()
        return None

    def _start(self) -> asyncio.Task[ChatResult]:
        loop = asyncio.get_running_loop()
        self._news = news = asyncio.Event()
        self._buffer.notify = lambda: loop.call_soon_threadsafe(news.set)
        steps = _a_run(self._run_chat, self._control, self._buffer, self._kinds)
        self._task = task = self._context.run(loop.create_task, steps)
        task.add_done_callback(partial(_finish, news))
        self._watch(task)
        return task

    async def aclose(self) -> None:
        """Stop the chat if it is not over, and wait for its end."""
        was_closed = self._is_closed
        self._stop()
        if self._task is None:
            return
        await asyncio.wait([self._task])
        if not was_closed and not self._task.cancelled():
            _log_error(self._task.exception())

    async def __aenter__(self) -> AsyncChatIterator:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _run(
    run_chat: Callable[[ChatControl], ChatResult],
    control: ChatControl,
    buffer: _EventBuffer,
    kinds: frozenset[type[Event]] | None,
    future: Future[ChatResult],
) -> None:
    try:
        with events.subscribe(buffer.push, types=kinds):
            result = run_chat(control)
    except BaseException as error:  # noqa: BLE001 - the reader of the events gets it
        future.set_exception(wrap_stop_iteration(error))
    else:
        future.set_result(result)


async def _a_run(
    run_chat: Callable[[ChatControl], Awaitable[ChatResult]],
    control: ChatControl,
    buffer: _EventBuffer,
    kinds: frozenset[type[Event]] | None,
) -> ChatResult:
    with events.subscribe(buffer.push, types=kinds):
        return await run_chat(control)


def _finish(news: asyncio.Event, task: asyncio.Task[ChatResult]) -> None:
    if not task.cancelled():
        # Marks the error as retrieved: the event loop must not report it if nobody reads the result.
        task.exception()
    news.set()


def _abandon(control: ChatControl, buffer: _EventBuffer, outcome: _Outcome) -> None:
    """Stop the chat of an iterator that was garbage-collected before the end."""
    if outcome.done():
        return
    control.stop()
    buffer.close()
    message = "A chat iterator was abandoned, so its chat is stopped. Use `with`, or close()."
    warnings.warn(message, ResourceWarning, stacklevel=2)


def _log_error(error: BaseException | None) -> None:
    if error is not None:
        logger.warning("The chat failed after its reader had left (%s).", type(error).__name__, exc_info=error)
