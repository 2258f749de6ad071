"""Stopping, pausing and resuming a chat from another thread, task or signal handler, and a deadline for it.

>>> control = ChatControl(deadline=60)
>>> threading.Thread(target=user.initiate_chat, args=(assistant,), kwargs={"message": "Go", "control": control}).start()
>>> control.stop()  # the chat ends at once; its result says so, its history is whole
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from ._steps import Steps, invoke
from ._threads import cancel_scope, start_daemon_thread

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["ChatControl", "ChatStopped"]


class ChatStopped(BaseException):
    """A chat is being stopped. It is no `Exception`: nothing on the way may take it for a failure and go on."""


class ChatControl:
    """A handle on one chat, given to it as `control=`. Chats inside the chat are under it, too.

    Args:
        deadline: Seconds after its begin at which the chat is stopped; None for no limit.

    Raises:
        ValueError: The deadline is not more than 0.
    """

    def __init__(self, *, deadline: float | None = None) -> None:
        if deadline is not None and not deadline > 0:
            raise ValueError(f"The deadline of a chat must be more than 0 seconds, not {deadline!r}.")
        self._deadline = deadline
        self._stop = threading.Event()
        self._stopped: Future[None] = Future()
        self._running = threading.Event()
        self._running.set()
        self._holders: set[object] = set()  # who lets the chat wait: the user, a reader of its events
        self._sleepers: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}
        self._lock = threading.RLock()  # a signal handler may stop the chat in the middle of this very object
        self._tasks: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}
        self._timer: threading.Timer | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the chat was told to stop."""
        return self._stop.is_set()

    @property
    def is_paused(self) -> bool:
        """Whether the chat waits to be resumed."""
        return self in self._holders

    def stop(self) -> None:
        """End the chat. What runs for it (requests, code, tools) is ended, or no longer waited for where it can't be."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            tasks = list(self._tasks.items())
            self._holders.clear()
            self._wake()
        self._stopped.set_result(None)
        for task, loop in tasks:
            loop.call_soon_threadsafe(self._cancel, task)

    def pause(self) -> None:
        """Let the chat wait before its next step. What runs already runs to its end."""
        self._hold(self)

    def resume(self) -> None:
        """Let a paused chat go on."""
        self._let_go(self)

    def _hold(self, holder: object) -> None:
        """Let the chat wait before its next step, until this holder lets go."""
        with self._lock:
            if not self.is_stopped:
                self._holders.add(holder)
                self._running.clear()

    def _let_go(self, holder: object) -> None:
        with self._lock:
            self._holders.discard(holder)
            if not self._holders:
                self._wake()

    def _wake(self) -> None:
        self._running.set()
        for sleeper, loop in self._sleepers.items():
            loop.call_soon_threadsafe(_wake, sleeper)
        self._sleepers.clear()

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        """Runs in the task's event loop. If the chat is over by now, the task does something else, and is left alone."""
        if task in self._tasks:
            task.cancel()

    def _wait(self) -> None:
        here = not self._running.is_set() and self._blocks_its_loop()
        while not self._running.is_set():
            if here and self not in self._holders:
                break  # who reads its events does so in the event loop that this chat blocks: it gets them afterwards
            self._running.wait(0.05 if here else None)
        if self.is_stopped:
            raise ChatStopped

    async def _a_wait(self) -> None:
        while sleeper := self._sleeper():
            try:
                await sleeper
            finally:
                with self._lock:
                    self._sleepers.pop(sleeper, None)
        if self.is_stopped:
            raise ChatStopped

    def _blocks_its_loop(self) -> bool:
        """Whether this is a synchronous chat inside an asynchronous one, in the event loop of that."""
        task = _current_task()
        return task is not None and task in self._tasks

    def _sleeper(self) -> asyncio.Future[None] | None:
        """What is done when the chat may go on; None if it may."""
        with self._lock:
            if self._running.is_set():
                return None
            loop = asyncio.get_running_loop()
            sleeper: asyncio.Future[None] = loop.create_future()
            self._sleepers[sleeper] = loop
            return sleeper

    def _call_interruptibly(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function that blocks in a thread, and wait for it until the chat is stopped."""
        future, stop = start_daemon_thread(function, *args, **kwargs)
        wait([cast("Future[Any]", future), self._stopped], return_when=FIRST_COMPLETED)
        if future.done():
            return future.result()
        stop.set()  # programs that it runs are killed
        raise ChatStopped

    @contextmanager
    def _activate(self) -> Iterator[None]:
        token = _current.set(self)
        task = _current_task()
        with self._lock:
            if task is not None:
                self._tasks[task] = task.get_loop()
            if self._deadline is not None and self._timer is None:
                self._timer = threading.Timer(self._deadline, self.stop)
                self._timer.daemon = True
                self._timer.start()
        try:
            with cancel_scope(self._stop):
                yield
        except asyncio.CancelledError:
            if not self.is_stopped:
                raise
            if task is not None and hasattr(task, "uncancel"):  # Python 3.11 and later
                task.uncancel()
            raise ChatStopped from None
        finally:
            with self._lock:
                if task is not None:
                    self._tasks.pop(task, None)
                if self._timer is not None:
                    self._timer.cancel()
            _current.reset(token)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


_current: ContextVar[ChatControl | None] = ContextVar("control of the chat", default=None)


@contextmanager
def controlled_by(control: ChatControl | None) -> Iterator[None]:
    """A chat goes on within, under this control."""
    if control is None:
        yield
        return
    with control._activate():
        yield


def yield_point() -> Steps[None]:
    """Stop or wait here, if the chat was told to."""
    control = _current.get()
    if control is not None:
        yield from invoke(control._wait, control._a_wait)


def is_controlled() -> bool:
    """Whether what goes on here is under a control."""
    return _current.get() is not None


def interruptible(function: Callable[P, T]) -> Callable[P, T]:
    """A function that takes long, for a synchronous chat: under a control it is not waited for once the chat is stopped."""
    control = _current.get()
    return function if control is None else partial(control._call_interruptibly, function)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs here
        return None
