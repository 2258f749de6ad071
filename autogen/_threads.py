"""Calling functions that block in threads: with the caller's context, ended with the caller, within a time limit.

Python can't stop a function that runs in a thread. But what takes long in one is mostly a program that it waits for, and
that can be killed: whoever runs programs asks `cancelled`. It travels in a context variable, so it gets through every
executor and every override on the way, and none of them has a parameter for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_stop: ContextVar[tuple[threading.Event, ...]] = ContextVar("stop the program", default=())


GRACE = 1.0  # seconds for a program to end that is killed


class CallTimeout(TimeoutError):
    """A call gave no result in its time. A `TimeoutError` of the function's own is another thing."""


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks, in a thread. If the caller is cancelled its programs are killed.

    The thread is none of the event loop's own: those are waited for when the loop ends, however long they take.

    >>> result = await run_in_thread(executor.execute_code_blocks, blocks)  # doctest: +SKIP
    """
    future, stop = start_daemon_thread(function, *args, **kwargs)
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(_looked_at)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([waiting], timeout=GRACE)
        raise


def run_with_timeout(seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function with a time limit. When that is over its programs are killed, and nobody waits for it any more.

    Raises:
        TimeUp: It gave no result in time.
    """
    future, stop = start_daemon_thread(function, *args, **kwargs)
    try:
        done, _ = wait([future], seconds)
        return future.result() if done else _too_late(seconds)
    finally:
        stop.set()


async def arun_with_timeout(seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """`run_with_timeout`, awaited."""
    future, stop = start_daemon_thread(function, *args, **kwargs)
    waiting = asyncio.wrap_future(future)
    try:
        done, _ = await asyncio.wait([waiting], timeout=seconds)
        return waiting.result() if done else _too_late(seconds)
    finally:
        stop.set()
        waiting.cancel()


async def await_with_timeout(seconds: float, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Await a coroutine function with a time limit; when that is over it is cancelled.

    Raises:
        TimeUp: It gave no result in time.
    """

    async def main() -> T:
        return await function(*args, **kwargs)

    task = asyncio.ensure_future(main())
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    if done:
        return task.result()
    await asyncio.wait([task])  # it cleans up
    return _too_late(seconds)


def start_daemon_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[Future[T], threading.Event]:
    """Call a function in a thread for which the process doesn't wait at its end.

    Returns:
        The future of its result, and the event that kills its programs.
    """
    future: Future[T] = Future()
    stop = threading.Event()
    context = copy_context()
    context.run(_stop.set, (*_stop.get(), stop))

    def main() -> None:
        try:
            future.set_result(context.run(function, *args, **kwargs))
        except BaseException as error:  # whoever waits for the future gets it
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=main, name="autogen-limited", daemon=True).start()
    return future, stop


@contextmanager
def cancel_scope(stop: threading.Event) -> Iterator[None]:
    """Programs that are run within are killed when the event is set."""
    token = _stop.set((*_stop.get(), stop))
    try:
        yield
    finally:
        _stop.reset(token)


def is_cancelled() -> bool:
    """Whether nobody waits any more for what runs here."""
    return any(stop.is_set() for stop in _stop.get())


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Nobody may wait any more when it fails: that is no error of the event loop then."""
    if not future.cancelled():
        future.exception()


def _too_late(seconds: float) -> NoReturn:
    raise CallTimeout(f"There was no result within {seconds:g} seconds.")
