"""Threads for blocking functions: with the caller's context, cancellation and time limits.

Python can't stop a function in a thread. But most blocking calls wait for a subprocess, which can be killed, so executors
poll `is_cancelled`. Its state is a context variable: it reaches every executor through any override in between, without a
parameter.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token, copy_context
from typing import NoReturn, ParamSpec, TypeVar

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 1.0  # seconds

# One event for each enclosing call that can be cancelled, the innermost last.
_cancel_events: ContextVar[tuple[threading.Event, ...]] = ContextVar("cancel events", default=())


class CallTimeout(TimeoutError):
    """Raised when a call exceeds its time limit; distinct from a `TimeoutError` that the function itself raises."""


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in a thread.

    If the task is cancelled, subprocesses of the function are killed and have `GRACE` seconds to end. The thread is a
    daemon and not from the event loop's pool: a closing loop would wait for that.

    >>> result = await run_in_thread(executor.execute_code_blocks, blocks)  # doctest: +SKIP
    """
    future, cancel = start_daemon_thread(function, *args, **kwargs)
    waiter = asyncio.wrap_future(future)
    waiter.add_done_callback(_retrieve_error)
    try:
        return await asyncio.shield(waiter)
    except asyncio.CancelledError:
        cancel.set()
        await asyncio.wait([waiter], timeout=GRACE)
        raise


def run_with_timeout(seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function with a time limit. At the limit its subprocesses are killed and its thread is abandoned.

    Args:
        seconds: The time limit in seconds.
        function: The function.
        *args: The positional arguments of `function`.
        **kwargs: The keyword arguments of `function`.

    Raises:
        CallTimeout: if the function doesn't return in time.
    """
    future, cancel = start_daemon_thread(function, *args, **kwargs)
    try:
        done, _ = wait([future], seconds)
        return future.result() if done else _raise_timeout(seconds)
    finally:
        cancel.set()


async def arun_with_timeout(seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Async version of `run_with_timeout`."""
    future, cancel = start_daemon_thread(function, *args, **kwargs)
    waiter = asyncio.wrap_future(future)
    try:
        done, _ = await asyncio.wait([waiter], timeout=seconds)
        return waiter.result() if done else _raise_timeout(seconds)
    finally:
        cancel.set()
        waiter.cancel()


async def await_with_timeout(seconds: float, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Await a coroutine function with a time limit, at which it is cancelled.

    Args:
        seconds: The time limit in seconds.
        function: The coroutine function.
        *args: The positional arguments of `function`.
        **kwargs: The keyword arguments of `function`.

    Raises:
        CallTimeout: if the function doesn't return in time.
    """

    async def await_function() -> T:
        return await function(*args, **kwargs)

    # `asyncio.wait_for` can't tell the time limit from a TimeoutError of the function.
    task = asyncio.ensure_future(await_function())
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    if done:
        return task.result()
    # Cancelling takes effect in the next turn of the loop, when the function cleans up.
    await asyncio.wait([task])
    return _raise_timeout(seconds)


def start_daemon_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[Future[T], threading.Event]:
    """Call a function in a daemon thread, in a copy of the caller's context variables.

    Returns:
        The future of the result, and an event that cancels the call: its subprocesses are killed once it is set.
    """
    future: Future[T] = Future()
    cancel = threading.Event()
    context = copy_context()
    context.run(_cancel_events.set, (*_cancel_events.get(), cancel))

    def run_function() -> None:
        try:
            future.set_result(context.run(function, *args, **kwargs))
        # Whatever it is, the caller gets it from the future.
        except BaseException as error:
            future.set_exception(wrap_stop_iteration(error))

    future.set_running_or_notify_cancel()
    threading.Thread(target=run_function, name="autogen-limited", daemon=True).start()
    return future, cancel


def wrap_stop_iteration(error: BaseException) -> BaseException:
    """Return the error itself; for a `StopIteration`, a `RuntimeError` that has it as cause.

    A future of asyncio would never be done with a `StopIteration`, and an iterator that raises it ends without an error.
    """
    if not isinstance(error, StopIteration):
        return error
    wrapper = RuntimeError(f"{type(error).__name__}: {error}")
    wrapper.__cause__ = error
    return wrapper


@contextmanager
def cancel_scope(cancel: threading.Event) -> Iterator[None]:
    """Kill subprocesses that are started in the `with` block once `cancel` is set."""
    token = _cancel_events.set((*_cancel_events.get(), cancel))
    try:
        yield
    finally:
        reset_variable(_cancel_events, token)


def is_cancelled() -> bool:
    """Return True if the call that is running here, or one around it, was cancelled."""
    return any(event.is_set() for event in _cancel_events.get())


def _retrieve_error(future: asyncio.Future[T]) -> None:
    """Mark an error as retrieved: a cancelled caller never does, and asyncio would log that."""
    if not future.cancelled():
        future.exception()


def _raise_timeout(seconds: float) -> NoReturn:
    raise CallTimeout(f"There was no result within {seconds:g} seconds.")


def reset_variable(variable: ContextVar[T], token: Token[T]) -> None:
    """Restore the value of a context variable that a block has set.

    No-op in another context. There, the garbage collector or a caller's `close()` ends a coroutine or generator that was
    abandoned in the middle of the block.
    """
    with suppress(ValueError):
        variable.reset(token)
