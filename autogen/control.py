"""Stop, pause and resume a running chat, or give it a deadline.

>>> control = ChatControl(deadline=60)
>>> threading.Thread(target=user.initiate_chat, args=(assistant,), kwargs={"message": "Go", "control": control}).start()
>>> control.stop()  # the chat ends at once with a result; its history is complete
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from ._steps import Steps, invoke
from ._threads import cancel_scope, reset_variable, start_daemon_thread

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["ChatControl", "ChatStopped", "ChatWaiting"]

POLL_INTERVAL = 0.05  # seconds


class ChatStopped(BaseException):
    """Raised inside a chat that is being stopped.

    Derives from `BaseException` so that `except Exception` in tools and reply functions doesn't swallow it.
    """


class ChatWaiting(BaseException):
    """Raised by a program's tool, reply function or source of human input that needs an answer which comes later.

    The chat ends with the stop reason `waiting`, and needs a `checkpoint`: started again with it, the chat makes the call
    again, which then returns the answer or waits once more. So raise it before the function has an effect.

    Derives from `BaseException`: an `Exception` would be reported to the model as the result of the tool.

    >>> def pay(euros: int) -> str:
    ...     if not (answer := find_approval(euros)):
    ...         raise ChatWaiting(f"the approval of {euros} euros")
    ...     return transfer(euros)

    Args:
        *reasons: Texts that say what the chat waits for.

    Attributes:
        reasons: The texts.
        operations: Ids of the operations that wait, in a chat with a checkpoint.
        pending: Questions that can be answered, as `Pending`.
        result: Result of the outermost chat so far.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = list(map(str, reasons))
        self.operations: list[str] = []
        self.pending: list[Any] = []
        self.result: object = None

    def __str__(self) -> str:
        reasons = ", ".join(self.reasons) or "an answer"
        return f"The chat waits for {reasons}. Give it a checkpoint, with which it can be resumed."

    @classmethod
    def combine(cls, signals: Iterable[ChatWaiting]) -> ChatWaiting:
        """Return a signal with the reasons and operations of all of them."""
        signals = list(signals)
        combined = cls(*(reason for signal in signals for reason in signal.reasons))
        combined.operations = [operation for signal in signals for operation in signal.operations]
        combined.pending = [question for signal in signals for question in signal.pending]
        return combined


class ChatControl:
    """A handle on one chat, passed to it as `control=`. It also controls the chats inside that chat.

    All methods may be called from any thread, task or signal handler.

    Args:
        deadline: The time limit in seconds, counted from the start of the chat; None for no limit.

    Raises:
        ValueError: if `deadline` is not positive.
    """

    def __init__(self, *, deadline: float | None = None) -> None:
        if deadline is not None and not deadline > 0:
            raise ValueError(f"The deadline of a chat must be positive (in seconds), got {deadline!r}.")
        self._deadline = deadline
        self._stop = threading.Event()
        self._stopped: Future[None] = Future()
        self._running = threading.Event()
        self._running.set()
        self._pause_holders: set[object] = set()
        self._sleepers: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}
        # Re-entrant: a signal handler may stop the chat while its own thread is inside one of these methods.
        self._lock = threading.RLock()
        self._tasks: dict[asyncio.Task[object], asyncio.AbstractEventLoop] = {}
        self._timer: threading.Timer | None = None

    @property
    def is_stopped(self) -> bool:
        """True once `stop` was called or the deadline has passed."""
        return self._stop.is_set()

    @property
    def is_paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self in self._pause_holders

    def stop(self) -> None:
        """Stop the chat at once.

        Pending model requests, code and tools are cancelled; those that can't be cancelled are abandoned.
        """
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            tasks = list(self._tasks.items())
            self._pause_holders.clear()
            self._wake()
        self._stopped.set_result(None)
        for task, loop in tasks:
            loop.call_soon_threadsafe(self._cancel, task)

    def pause(self) -> None:
        """Pause the chat before its next step. A step that is running ends first."""
        self.pause_for(self)

    def resume(self) -> None:
        """Resume a paused chat."""
        self.resume_for(self)

    def pause_for(self, holder: object) -> None:
        """Pause the chat before its next step, until `resume_for` is called with the same object.

        Several holders may pause a chat: the user, and a reader of its events that limits how far the chat is ahead. It
        runs when none of them is left.

        Args:
            holder: Any hashable object.
        """
        with self._lock:
            if not self.is_stopped:
                self._pause_holders.add(holder)
                self._running.clear()

    def resume_for(self, holder: object) -> None:
        """End the pause that `pause_for` began for the same object; no-op if there is none.

        Args:
            holder: The object that was passed to `pause_for`.
        """
        with self._lock:
            self._pause_holders.discard(holder)
            if not self._pause_holders:
                self._wake()

    def _wake(self) -> None:
        self._running.set()
        for sleeper, loop in self._sleepers.items():
            loop.call_soon_threadsafe(_finish_sleep, sleeper)
        self._sleepers.clear()

    def _cancel(self, task: asyncio.Task[object]) -> None:
        """Cancel a task of the chat, from its event loop; no-op if the chat has ended and the task does something else."""
        if task in self._tasks:
            task.cancel()

    def _wait(self) -> None:
        """Wait until the chat may go on.

        Raises:
            ChatStopped: if the chat is stopped.
        """
        blocks_loop = not self._running.is_set() and self._blocks_its_loop()
        while not self._running.is_set():
            # The reader of the events runs in the loop that is blocked here: it gets the events afterwards.
            if blocks_loop and self not in self._pause_holders:
                break
            self._running.wait(POLL_INTERVAL if blocks_loop else None)
        if self.is_stopped:
            raise ChatStopped

    async def _a_wait(self) -> None:
        """Async version of `_wait`."""
        while sleeper := self._add_sleeper():
            try:
                await sleeper
            finally:
                with self._lock:
                    self._sleepers.pop(sleeper, None)
        if self.is_stopped:
            raise ChatStopped

    def _blocks_its_loop(self) -> bool:
        """Return True in a sync chat, or a question of a sync tool, that runs in the event loop of the chat around it."""
        try:
            loop = asyncio.get_running_loop()
        # Raised in threads without an event loop.
        except RuntimeError:
            return False
        # Not by the task: calls that run side by side have tasks of their own.
        return loop in self._tasks.values()

    def _add_sleeper(self) -> asyncio.Future[None] | None:
        """Return a future that is done when the chat is resumed, None if it is not paused."""
        with self._lock:
            if self._running.is_set():
                return None
            loop = asyncio.get_running_loop()
            sleeper: asyncio.Future[None] = loop.create_future()
            self._sleepers[sleeper] = loop
            return sleeper

    def _call_interruptibly(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking function in a thread, and abandon it when the chat is stopped.

        Raises:
            ChatStopped: if the chat is stopped before the function returns.
        """
        future, cancel = start_daemon_thread(function, *args, **kwargs)
        wait([cast("Future[object]", future), cast("Future[object]", self._stopped)], return_when=FIRST_COMPLETED)
        if future.done():
            return future.result()
        cancel.set()
        raise ChatStopped

    @contextmanager
    def _activate(self) -> Iterator[None]:
        """Control the chat that runs in the `with` block: register its task and start the deadline.

        Raises:
            ChatStopped: if the chat was stopped by cancelling its task.
        """
        token = _current.set(self)
        task = _get_current_task()
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
            # A cancellation from elsewhere does not concern the control.
            if not self.is_stopped:
                raise
            # Python 3.11 counts cancellations: a `timeout` block around the chat must not take this one for its own.
            if task is not None and hasattr(task, "uncancel"):
                task.uncancel()
            raise ChatStopped from None
        finally:
            with self._lock:
                if task is not None:
                    self._tasks.pop(task, None)
                if self._timer is not None:
                    self._timer.cancel()
            reset_variable(_current, token)


def _finish_sleep(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


_current: ContextVar[ChatControl | None] = ContextVar("control of the chat", default=None)

# A built-in method, because this runs on every message.
get_control: Callable[[], ChatControl | None] = _current.get
"""Return the control of the current chat; None if it has none."""


@contextmanager
def controlled_by(control: ChatControl | None) -> Iterator[None]:
    """Run the chat in the `with` block under a control; no-op for None."""
    if control is None:
        yield
        return
    with control._activate():
        yield


def yield_point() -> Steps[None]:
    """Wait here while the chat is paused.

    Raises:
        ChatStopped: if the chat is stopped.
    """
    control = _current.get()
    if control is not None:
        yield from invoke(control._wait, control._a_wait)


def interruptible(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a blocking function for a sync chat, so that stopping the chat abandons it.

    Args:
        function: The function; it is returned unchanged if the current chat has no control.
    """
    control = _current.get()
    return function if control is None else partial(control._call_interruptibly, function)


def _get_current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    # Raised where no event loop is running.
    except RuntimeError:
        return None
