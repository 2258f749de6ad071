"""One logic, two drivers.

A step that may call out (to a reply function, a human, a tool, an executor, a model) is a generator that yields such
calls and is sent their answers. `drive` makes the calls for a synchronous caller, `adrive` awaits them for an
asynchronous one. This module is the only place where a rule stands in both forms.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import CO_COROUTINE, isawaitable, iscoroutinefunction
from types import FunctionType
from typing import Any, NamedTuple, ParamSpec, TypeVar

from ._threads import arun_with_timeout, await_with_timeout, run_in_thread, run_with_timeout

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")


class Call(NamedTuple):
    """A call that leaves the framework: `plain` for a synchronous caller, `twin` for an asynchronous one."""

    plain: Callable[..., Any]
    twin: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Steps = Generator[Call, Any, T]  # a step that ends in a T: run it with `yield from`, `drive` or `adrive`


def invoke(
    plain: Callable[P, T], twin: Callable[P, T | Awaitable[T]] | None, /, *args: P.args, **kwargs: P.kwargs
) -> Steps[T]:
    """Make a call in the caller's colour. The type checker holds arguments, answer and the two forms together."""
    answer: T = yield Call(plain, twin or plain, args, kwargs)
    return answer


def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
    """Call a function that blocks by nature: in place for a synchronous caller, in a thread for an asynchronous one.

    The thread sees the caller's context variables (the IO stream among them).
    """
    answer: T = yield Call(function, wrap_in_thread(function), args, kwargs)
    return answer


def wrap_in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """The awaitable form of a function that blocks: it runs in a thread. If the caller is cancelled its programs end."""
    return partial(run_in_thread, function)


def sync_and_async(
    function: Callable[..., Any], *, seconds: float | None = None, blocks: bool = False
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Both forms of a function of either colour, to be given to `ask`.

    Args:
        function: Plain, or a coroutine function: a synchronous caller runs it to its end.
        seconds: Its time limit; see `run_with_timeout`.
        blocks: Whether a plain function runs in a thread for an asynchronous caller.
    """
    if is_coroutine_function(function):
        awaitable = function if seconds is None else partial(await_with_timeout, seconds, function)
        return (lambda *args, **kwargs: run_coroutine(lambda: awaitable(*args, **kwargs))), awaitable
    if seconds is not None:
        return partial(run_with_timeout, seconds, function), partial(arun_with_timeout, seconds, function)
    return function, wrap_in_thread(function) if blocks else function


def gather(
    plain: Callable[[A], T], twin: Callable[[A], Awaitable[T]], items: Collection[A], *, in_threads: bool = False
) -> Steps[list[T]]:
    """Make the same call for every item: one after another, or concurrently in an asynchronous caller.

    The answers are in the order of the items.

    Args:
        plain: The call for a synchronous caller.
        twin: The call for an asynchronous one.
        items: What is passed.
        in_threads: Whether a synchronous caller makes the calls concurrently too, each in a thread.
    """

    def one_by_one() -> list[T]:
        return [plain(item) for item in items]

    def in_parallel() -> list[T]:
        with ThreadPoolExecutor(len(items), thread_name_prefix="autogen-each") as pool:
            futures = [pool.submit(copy_context().run, plain, item) for item in items]
            return [future.result() for future in futures]

    async def at_once() -> list[T]:
        return await asyncio.gather(*(twin(item) for item in items))

    return (yield from invoke(in_parallel if in_threads and len(items) > 1 else one_by_one, at_once))


def sleep(seconds: float) -> Steps[None]:
    """Wait, in the caller's colour."""
    yield Call(time.sleep, asyncio.sleep, (seconds,), {})


def run_sync(steps: Steps[T]) -> T:
    """Run `steps` for a synchronous caller. No thread and no event loop, so it also works inside a running one."""
    resume: Callable[[Any], Call] = steps.send
    value: Any = None
    try:
        while True:
            call = resume(value)
            try:
                resume, value = steps.send, call.plain(*call.args, **call.kwargs)
            except BaseException as error:  # the step sees it where it asked, as in plain code
                resume, value = steps.throw, error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_async(steps: Steps[T]) -> T:
    """Run `steps` for an asynchronous caller: the same, but await what can be awaited."""
    resume: Callable[[Any], Call] = steps.send
    value: Any = None
    try:
        while True:
            call = resume(value)
            try:
                answer = call.twin(*call.args, **call.kwargs)
                resume, value = steps.send, (await answer if isawaitable(answer) else answer)
            except BaseException as error:  # cancellation included
                resume, value = steps.throw, error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def is_coroutine_function(function: Any) -> bool:
    """Whether a call of it has to be awaited: of a function, a method, a partial object, or an instance with `__call__`.

    There is a short way for plain functions: it is asked several times a message.
    """
    if type(function) is FunctionType:
        if function.__code__.co_flags & CO_COROUTINE:
            return True
        if not function.__dict__:
            return False
    while isinstance(function, partial):
        function = function.func
    return iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)


def get_callable_name(function: Any) -> str:
    """The name of what is called: a partial object has that of its function, a callable instance that of its class."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def run_coroutine(awaitable: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function for a synchronous caller, also where an event loop is running (a notebook cell).

    There it runs on a loop of its own in a helper thread, which sees the caller's context variables.
    """

    async def main() -> T:
        return await awaitable()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(1, thread_name_prefix="autogen-coroutine") as helper:
        return helper.submit(copy_context().run, asyncio.run, main()).result()
