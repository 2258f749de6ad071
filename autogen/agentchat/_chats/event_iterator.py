"""A chat as an iterator of its events: it goes on only while somebody asks for the next one.

A generator that plays the chat itself can't do it. The public methods inside a chat (a reply function that calls
`generate_reply`, a tool that holds a chat, an override that calls `super()`) drive their own steps, and whoever reads would
have to look through them. So the chat runs in a thread, or in a task for `async for`, and its `ChatControl` lets it wait:
each event that is wanted makes it wait before its next step, until the reader asks for more.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

from ... import events
from ...control import ChatControl
from ...events import AnyEvent, Event
from .._core.result import ChatResult

logger = logging.getLogger("autogen.agentchat.conversable_agent")

Hold = TypeVar("Hold", bound=Callable[[ChatControl], Any])


class _EventBuffer:
    """What the chat leaves for its reader. Safe between threads."""

    def __init__(self, control: ChatControl) -> None:
        self._control = control
        self._events: deque[AnyEvent] = deque()
        self._lock = threading.RLock()
        self._is_open = True
        self.ring: Callable[[], object] = lambda: None  # tells the reader that there is something

    def put(self, event: AnyEvent) -> None:
        """The chat leaves an event, and waits at its next step."""
        with self._lock:
            if not self._is_open:
                return
            self._events.append(event)
            self._control.pause_for(self)
        self.ring()

    def take(self) -> AnyEvent | None:
        """The next event; if there is none yet, None, and the chat goes on."""
        with self._lock:
            if self._events:
                return self._events.popleft()
            self._control.resume_for(self)
            return None

    def close(self) -> None:
        """Nobody reads any more."""
        with self._lock:
            self._is_open = False
            self._events.clear()
            self._control.resume_for(self)


class _Iteration(ABC, Generic[Hold]):
    """What both colours share."""

    def __init__(self, hold: Hold, control: ChatControl | None, yield_on: events.Kinds | None) -> None:
        """Args:
            hold: Holds the chat, under the control that it is given.
            control: What stops it; None for one of its own.
            yield_on: The kinds of events that are given to the reader; None for all.

        Raises:
            ValueError: There is no such kind of event.
        """
        self._hold = hold
        self._control = control or ChatControl()
        self._kinds = None if yield_on is None else events.resolve_types(yield_on)
        self._line = _EventBuffer(self._control)
        self._context = copy_context()
        self._is_closed = False

    @abstractmethod
    def _outcome(self) -> Future[ChatResult] | asyncio.Future[ChatResult] | None:
        """What will come of the chat; None if it has not begun."""

    @property
    def result(self) -> ChatResult:
        """What came of the chat; of one that was left early, what it had come to.

        Raises:
            RuntimeError: It is not over, or never began.
            Exception: What ended the chat, if an error did.
        """
        outcome = self._outcome()
        if outcome is None and self._is_closed:
            raise RuntimeError("There is no result: the chat was closed before its first event was asked for.")
        if outcome is None or not outcome.done():
            raise RuntimeError("There is no result yet: the chat is not over. Ask for its events to the end, or close it.")
        return outcome.result()

    def _leave(self) -> None:
        """Have the chat end, and don't wait for that."""
        self._is_closed = True
        outcome = self._outcome()
        if outcome is not None and not outcome.done():
            self._control.stop()
        self._line.close()

    def __del__(self) -> None:
        if hasattr(self, "_is_closed"):  # else it was never made
            self._leave()


class ChatIterator(_Iteration[Callable[[ChatControl], ChatResult]]):
    """The events of a chat, one at a time; the chat waits until the next one is asked for.

    Leaving the loop, `close()` and the end of a `with` block stop the chat: its history is whole, and no thread is left.
    A blocking call that Python can't interrupt (a tool, a request) is no longer waited for; a reply function is.

    >>> with agent.run_iter(other, message="Hello") as chat:  # doctest: +SKIP
    ...     for event in chat:
    ...         print(event.to_dict())
    >>> chat.result.summary  # doctest: +SKIP
    """

    _thread: threading.Thread | None = None
    _future: Future[ChatResult] | None = None

    def _outcome(self) -> Future[ChatResult] | None:
        return self._future

    def __iter__(self) -> Generator[AnyEvent, None, ChatResult | None]:
        """The events; when the loop over them is left, the chat is stopped. A `yield from` gives the result."""
        try:
            while (event := self._next()) is not None:
                yield event
            is_whole = self._future is not None and self._future.done() and self._future.exception() is None
            return self.result if is_whole else None
        finally:
            self.close()

    def __next__(self) -> AnyEvent:
        event = self._next()
        if event is None:
            raise StopIteration
        return event

    def _next(self) -> AnyEvent | None:
        """The next event; None at the end. An error of the chat is raised once, by whoever meets it first."""
        if self._is_closed:
            return None
        if self._thread is None:
            self._begin()
        future = self._future
        assert future is not None
        while True:
            self._news.clear()
            is_over = future.done()  # asked first: what was left before that is still taken
            event = self._line.take()
            if event is not None:
                return event
            if is_over:
                break
            self._news.wait()
        self._is_closed = True
        self._join()
        future.result()
        return None

    def _begin(self) -> None:
        self._news = news = threading.Event()
        self._line.ring = news.set
        self._future = Future()
        self._future.add_done_callback(lambda _: news.set())
        # the thread knows nothing of this object, which therefore goes when its reader does
        run = partial(self._context.run, _held, self._hold, self._control, self._line, self._kinds, self._future)
        self._thread = threading.Thread(target=run, name="autogen-chat-iterator", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the chat, if it is not over, and wait until it has ended."""
        was_closed, self._is_closed = self._is_closed, True
        self._leave()
        self._join()
        if self._future is not None and self._future.done() and not was_closed:
            _log(self._future.exception())

    def _join(self) -> None:
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> ChatIterator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _held(
    hold: Callable[[ChatControl], ChatResult],
    control: ChatControl,
    line: _EventBuffer,
    kinds: frozenset[type[Event]] | None,
    future: Future[ChatResult],
) -> None:
    try:
        with events.subscribe(line.put, types=kinds):
            result = hold(control)
    except BaseException as error:  # noqa: BLE001 - whoever reads the events gets it
        future.set_exception(error)
    else:
        future.set_result(result)


class AsyncChatIterator(_Iteration[Callable[[ChatControl], Awaitable[ChatResult]]]):
    """`ChatIterator` for `async for`: the chat runs in a task of the same event loop.

    Leaving the loop stops the chat. It has ended when `aclose()` or an `async with` block has. A synchronous chat inside of
    it (a nested one without `use_async`) blocks the event loop and can't wait: its events are given afterwards.

    >>> async with agent.a_run_iter(other, message="Hello") as chat:  # doctest: +SKIP
    ...     async for event in chat:
    ...         print(event.to_dict())
    >>> chat.result.summary  # doctest: +SKIP
    """

    _task: asyncio.Task[ChatResult] | None = None

    def _outcome(self) -> asyncio.Future[ChatResult] | None:
        return self._task

    def __aiter__(self) -> AsyncIterator[AnyEvent]:
        """The events; when the loop over them is left, the chat is stopped."""
        return _Loop(self)

    async def __anext__(self) -> AnyEvent:
        if not self._is_closed:
            if self._task is None:
                self._begin()
            assert self._task is not None
            while True:
                self._news.clear()
                is_over = self._task.done()
                event = self._line.take()
                if event is not None:
                    return event
                if is_over:
                    break
                await self._news.wait()
            self._is_closed = True
            self._task.result()
        raise StopAsyncIteration

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._news = news = asyncio.Event()
        self._line.ring = lambda: loop.call_soon_threadsafe(news.set)
        steps = _a_held(self._hold, self._control, self._line, self._kinds)
        self._task = self._context.run(loop.create_task, steps)
        self._task.add_done_callback(partial(_over, news))

    async def aclose(self) -> None:
        """Stop the chat, if it is not over, and wait until it has ended."""
        was_closed = self._is_closed
        self._leave()
        if self._task is None:
            return
        await asyncio.wait([self._task])
        if not was_closed and not self._task.cancelled():
            _log(self._task.exception())

    async def __aenter__(self) -> AsyncChatIterator:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _over(news: asyncio.Event, task: asyncio.Task[ChatResult]) -> None:
    if not task.cancelled():
        task.exception()  # if nobody asks for the result, that is no error of the event loop
    news.set()


def _log(error: BaseException | None) -> None:
    if error is not None:
        logger.warning("The chat failed when its events were no longer read (%s).", type(error).__name__, exc_info=error)


async def _a_held(
    hold: Callable[[ChatControl], Awaitable[ChatResult]],
    control: ChatControl,
    line: _EventBuffer,
    kinds: frozenset[type[Event]] | None,
) -> ChatResult:
    with events.subscribe(line.put, types=kinds):
        return await hold(control)


class _Loop:
    """One loop over the events. It goes when the loop is left, and then the chat has no reader any more."""

    def __init__(self, chat: AsyncChatIterator) -> None:
        self._chat = chat

    def __aiter__(self) -> AsyncIterator[AnyEvent]:
        return self

    async def __anext__(self) -> AnyEvent:
        return await self._chat.__anext__()

    def __del__(self) -> None:
        self._chat._leave()
