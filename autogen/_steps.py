"""Steps: logic that is written once and runs for sync and async callers alike.

`send` and `a_send`, `generate_reply` and `a_generate_reply`: each pair of methods does the same work. The two differ only
in how they call functions that may have to wait for a model, a tool or a human. So the work is written once, as a *step*: a
generator that yields a `Call` where it needs such a function and is sent the result. A *driver* runs the step: `run_sync`
calls the sync function of each `Call`, `run_async` awaits the async function.

>>> def greet(ask, a_ask):
...     name = yield from invoke(ask, a_ask, "Your name? ")
...     return f"Hello {name}!"
>>> run_sync(greet(lambda prompt: "Ada", None))
'Hello Ada!'

A step runs another step with `yield from`; creating a step without running it does nothing. Drivers need no thread and no
event loop, so a sync chat also works inside a running loop (a notebook cell). They remove their own frames from the
tracebacks of errors, which then show the steps as if they called the functions directly.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import CO_COROUTINE, isawaitable, iscoroutinefunction
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from . import _threads
from ._threads import arun_with_timeout, await_with_timeout, run_in_thread, run_with_timeout

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

logger = logging.getLogger(__name__)

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")

Function = TypeVar("Function", bound=Callable[..., Any])

_DRIVER_MODULES = frozenset((__name__, _threads.__name__))
_hidden_code: set[CodeType] = set()


class Call(NamedTuple):
    """A function call that a step requests from its driver.

    Attributes:
        sync_fn: The function for a sync caller.
        async_fn: The function for an async caller. Its result is awaited if it is awaitable.
        args: The positional arguments of either function.
        kwargs: The keyword arguments of either function.
    """

    sync_fn: Callable[..., Any]
    async_fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Steps = Generator[Call, Any, T]
"""A step that returns a T. Run it with `yield from` inside another step, with `run_sync` or with `run_async`."""


def invoke(
    sync_fn: Callable[P, T], async_fn: Callable[P, T | Awaitable[T]] | None, /, *args: P.args, **kwargs: P.kwargs
) -> Steps[T]:
    """Call a function through the driver, and return its result.

    The type checker compares the arguments and the result type with both functions. Hot paths yield a `Call` directly,
    which saves a generator.

    Args:
        sync_fn: The function for a sync caller.
        async_fn: The function for an async caller; None to use `sync_fn` there, too.
        *args: The positional arguments.
        **kwargs: The keyword arguments.
    """
    result: T = yield Call(sync_fn, async_fn or sync_fn, args, kwargs)
    return result


def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
    """Call a blocking function: directly for a sync caller, in a thread for an async caller.

    The thread runs in a copy of the caller's context variables, so it prints to the same `IOStream`.
    """
    result: T = yield Call(function, wrap_in_thread(function), args, kwargs)
    return result


def wrap_in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Make an async version of a blocking function: it runs in a thread; see `run_in_thread` for cancellation."""
    return partial(run_in_thread, function)


def sync_and_async(
    function: Callable[P, T | Awaitable[T]], *, seconds: float | None = None, blocks: bool = False
) -> tuple[Callable[P, T], Callable[P, T | Awaitable[T]]]:
    """Make the two functions that `invoke` takes from a sync function or a coroutine function.

    Args:
        function: The function. A sync caller runs a coroutine function to completion; see `run_coroutine`.
        seconds: The time limit of a call in seconds, after which it raises `CallTimeout`; None for no limit.
        blocks: True to run a sync function in a thread for an async caller. With a time limit it always does.
    """
    if is_coroutine_function(function):
        coroutine_fn = cast("Callable[P, Awaitable[T]]", function)
        if seconds is None:
            async_fn = coroutine_fn
        else:
            async_fn = partial(await_with_timeout, seconds, coroutine_fn)
        return (lambda *args, **kwargs: run_coroutine(lambda: async_fn(*args, **kwargs))), async_fn
    sync_fn = cast("Callable[P, T]", function)
    if seconds is not None:
        return partial(run_with_timeout, seconds, sync_fn), partial(arun_with_timeout, seconds, sync_fn)
    return sync_fn, wrap_in_thread(sync_fn) if blocks else sync_fn


def gather(
    sync_fn: Callable[[A], T], async_fn: Callable[[A], Awaitable[T]], items: Collection[A], *, in_threads: bool = False
) -> Steps[list[T]]:
    """Call a function for each item and return the results in the order of the items.

    An async caller makes the calls concurrently, a sync caller one after the other.

    Args:
        sync_fn: The function for a sync caller.
        async_fn: The function for an async caller.
        items: The arguments, one for each call.
        in_threads: True to make the calls of a sync caller concurrently, too, each in a thread of its own.
    """

    def run_in_order() -> list[T]:
        return [sync_fn(item) for item in items]

    def run_in_threads() -> list[T]:
        with ThreadPoolExecutor(len(items), thread_name_prefix="autogen-each") as pool:
            futures = [pool.submit(copy_context().run, sync_fn, item) for item in items]
            return [future.result() for future in futures]

    async def run_concurrently() -> list[T]:
        return await asyncio.gather(*(async_fn(item) for item in items))

    return (yield from invoke(run_in_threads if in_threads and len(items) > 1 else run_in_order, run_concurrently))


def sleep(seconds: float) -> Steps[None]:
    """Wait for a number of seconds; the event loop of an async caller goes on."""
    yield Call(time.sleep, asyncio.sleep, (seconds,), {})


def run_sync(steps: Steps[T]) -> T:
    """Run a step for a sync caller and return its result.

    An error of a called function is raised inside the step, at the `yield` that requested the call. An error that leaves
    the step is raised from here, without the driver's frames in its traceback.
    """
    resume: Callable[[Any], Call] = steps.send
    value: Any = None
    try:
        while True:
            call = resume(value)
            try:
                resume, value = steps.send, call.sync_fn(*call.args, **call.kwargs)
            # The step decides about every error, so it also sees KeyboardInterrupt and the like where it waited.
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as end:
        result: T = end.value
        return result
    except BaseException as error:
        _remove_driver_frames(error)
        # Python replaces a StopIteration that leaves a generator; the caller gets the error of the called function.
        if isinstance(value, StopIteration) and error.__cause__ is value:
            raise value from None
        # A bare `raise` adds no entry for this frame, `raise error` would.
        raise


async def run_async(steps: Steps[T]) -> T:
    """Run a step for an async caller and return its result.

    Like `run_sync`, with the async function of each call. Cancelling the task raises `CancelledError` inside the step.
    """
    resume: Callable[[Any], Call] = steps.send
    value: Any = None
    try:
        while True:
            call = resume(value)
            try:
                answer = call.async_fn(*call.args, **call.kwargs)
                resume, value = steps.send, (await answer if isawaitable(answer) else answer)
            # This includes CancelledError: the step cleans up before the task ends.
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as end:
        result: T = end.value
        return result
    except BaseException as error:
        _remove_driver_frames(error)
        raise


def hide_from_tracebacks(function: Function) -> Function:
    """Decorate a function that only passes calls on, so that tracebacks don't show it, like the drivers themselves."""
    # The decorator returns the function itself, so that calls cost nothing.
    _hidden_code.add(function.__code__)
    return function


def _remove_driver_frames(error: BaseException) -> None:
    """Remove the drivers' entries from the traceback of an error, and from those of its causes.

    Each call of a step adds three: the driver that resumes the step, `invoke`, and the driver that makes the call. They
    are the same at every level and say nothing about the error. Frames of steps and of called functions stay, except those
    of `hide_from_tracebacks`. If the modules that pass calls on have raised a TypeError or ValueError, none of their frames
    stays: the traceback ends where the program called.

    On Python 3.10 the entry of the outermost driver stays: a bare `raise` restores it.
    """
    # An explicit `raise ... from` may have closed a circle of causes.
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        entry = first = _skip_driver_frames(current.__traceback__)
        while entry is not None:
            entry.tb_next = following = _skip_driver_frames(entry.tb_next)
            entry = following
        if current is error and _is_rejected_argument(error, first):
            logger.debug("The whole traceback of an error that the caller made:", exc_info=error)
            first = None
        # Called on the class, because an exception that is a frozen dataclass refuses assignments.
        BaseException.with_traceback(current, first)
        current = current.__cause__ or current.__context__


def _is_rejected_argument(error: BaseException, entry: TracebackType | None) -> bool:
    """Return True if this package alone raised an error about a value, so that it is in the caller's line."""
    if not isinstance(error, (TypeError, ValueError)):
        return False
    while entry is not None and entry.tb_frame.f_globals.get("__tracebackhide__"):
        entry = entry.tb_next
    return entry is None


def _skip_driver_frames(entry: TracebackType | None) -> TracebackType | None:
    while entry is not None and _is_hidden(entry.tb_frame):
        entry = entry.tb_next
    return entry


def _is_hidden(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") in _DRIVER_MODULES or frame.f_code in _hidden_code


def is_coroutine_function(function: object) -> bool:
    """Return True if the result of calling `function` must be awaited.

    Besides functions and methods it understands partial objects and instances with an async `__call__`.
    """
    # Plain functions take a shortcut: this runs several times for each message of a chat.
    if type(function) is FunctionType:
        if function.__code__.co_flags & CO_COROUTINE:
            return True
        if not function.__dict__:
            return False
    while isinstance(function, partial):
        function = function.func
    return iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)


def get_callable_name(function: object) -> str:
    """Return the name of a callable: of the function inside a partial object, of the class of a callable instance."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def run_coroutine(make_awaitable: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to completion for a sync caller, also inside a running event loop (a notebook cell).

    There, a helper thread runs it in an event loop of its own, in a copy of the caller's context variables.
    """

    async def run_awaitable() -> T:
        return await make_awaitable()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run_awaitable())
    with ThreadPoolExecutor(1, thread_name_prefix="autogen-coroutine") as helper:
        return helper.submit(copy_context().run, asyncio.run, run_awaitable()).result()
