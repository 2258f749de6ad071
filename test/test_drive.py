"""The two drivers do the same."""

import asyncio
import contextvars
import functools
import threading

import pytest

from autogen._steps import Call, gather, invoke, is_coroutine_function, run_async, run_coroutine, run_sync, sleep, to_thread


def run(steps, colour):
    return run_sync(steps) if colour == "sync" else asyncio.run(run_async(steps))


async def a_double(x):
    await asyncio.sleep(0)
    return 2 * x


def double(x):
    return 2 * x


def test_answers_reach_the_step(colour):
    def step():
        four = yield from invoke(double, a_double, 2)
        return (yield from invoke(double, None, four))

    assert run(step(), colour) == 8


def test_an_error_arrives_where_it_was_asked_for(colour):
    def fail():
        raise KeyError("x")

    def step():
        try:
            yield from invoke(fail, None)
        except KeyError:
            return "handled"

    assert run(step(), colour) == "handled"


def test_an_unhandled_error_travels_as_in_plain_code(colour):
    def fail():
        raise KeyError("x")

    def step():
        yield from invoke(fail, None)

    with pytest.raises(KeyError) as caught:
        run(step(), colour)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_each_keeps_the_order(colour):
    assert run(gather(double, a_double, [3, 1, 2]), colour) == [6, 2, 4]


def test_each_is_concurrent_in_an_asynchronous_caller():
    started = []

    async def wait_for_the_other(x):
        started.append(x)
        while len(started) < 2:
            await asyncio.sleep(0)
        return x

    assert asyncio.run(run_async(gather(double, wait_for_the_other, [1, 2]))) == [1, 2]


def test_offload_leaves_the_thread_of_an_event_loop_alone(colour):
    threads = run(_thread_of_offloaded(), colour)
    assert (threads == threading.get_ident()) is (colour == "sync")


def _thread_of_offloaded():
    return (yield from to_thread(threading.get_ident))


def test_offload_keeps_context_variables(colour):
    variable = contextvars.ContextVar("v", default="outside")

    def step():
        variable.set("inside")
        return (yield from to_thread(variable.get))

    assert run(step(), colour) == "inside"


def test_pause_in_an_asynchronous_caller_lets_others_run():
    async def main():
        order = []

        async def other():
            order.append("other")

        def step():
            yield from sleep(0.01)
            order.append("step")

        await asyncio.gather(run_async(step()), other())
        return order

    assert asyncio.run(main()) == ["other", "step"]


@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_a_coroutine_serves_a_plain_caller(inside_a_loop):
    if not inside_a_loop:
        assert run_coroutine(lambda: a_double(4)) == 8
        return

    async def cell():
        return run_coroutine(lambda: a_double(4))

    assert asyncio.run(cell()) == 8


def test_cancelling_reaches_the_step():
    seen = []

    def step():
        try:
            yield Call(double, lambda: asyncio.sleep(60), (), {})
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        task = asyncio.ensure_future(run_async(step()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_coroutine_functions_are_known_in_every_form():
    assert is_coroutine_function(a_double)
    assert is_coroutine_function(functools.partial(a_double, 1))
    assert not is_coroutine_function(double)
    assert not is_coroutine_function(functools.partial(double, 1))
