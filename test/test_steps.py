"""Steps and their two drivers: equal results for sync and async callers, and tracebacks without the drivers' frames."""

import asyncio
import contextvars
import dataclasses
import functools
import pickle
import sys
import threading
import traceback
from pathlib import Path

import pytest

import autogen
from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen._steps import (
    Call,
    gather,
    hide_from_tracebacks,
    invoke,
    is_coroutine_function,
    run_async,
    run_coroutine,
    run_sync,
    sleep,
    sync_and_async,
    to_thread,
)
from autogen.agentchat._approvals.labels import usage

PACKAGE = Path(autogen.__file__).parent
# Before Python 3.11 a bare `raise` restores the traceback that was caught, with the frame of the outermost driver.
DRIVER_FRAMES = 0 if sys.version_info >= (3, 11) else 1


def run(steps, mode):
    return run_sync(steps) if mode == "sync" else asyncio.run(run_async(steps))


async def a_double(x):
    await asyncio.sleep(0)
    return 2 * x


def double(x):
    return 2 * x


def fail(error):
    raise error


def files(error):
    """The file names in a traceback, outermost first."""
    return [Path(entry.filename) for entry in traceback.extract_tb(error.__traceback__)]


def count_driver_frames(error):
    return sum(file.name in ("_steps.py", "_threads.py") and file.parent == PACKAGE for file in files(error))


def functions(error):
    """The function names of this file in a traceback, outermost first."""
    return [entry.name for entry in traceback.extract_tb(error.__traceback__) if entry.filename == __file__]


def test_results_reach_the_step(mode):
    def step():
        four = yield from invoke(double, a_double, 2)
        return (yield from invoke(double, None, four))

    assert run(step(), mode) == 8


def test_an_error_is_raised_where_the_call_was_requested(mode):
    def step():
        try:
            yield from invoke(fail, None, KeyError("x"))
        except KeyError:
            return "handled"

    assert run(step(), mode) == "handled"


def test_an_unhandled_error_has_neither_cause_nor_context(mode):
    def step():
        yield from invoke(fail, None, KeyError("y"))

    with pytest.raises(KeyError) as caught:
        run(step(), mode)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_gather_keeps_the_order(mode):
    assert run(gather(double, a_double, [3, 1, 2]), mode) == [6, 2, 4]


def test_gather_is_concurrent_for_an_async_caller():
    started = []

    async def wait_for_the_other(x):
        started.append(x)
        while len(started) < 2:
            await asyncio.sleep(0)
        return x

    assert asyncio.run(run_async(gather(double, wait_for_the_other, [1, 2]))) == [1, 2]


def test_gather_in_threads_is_concurrent_for_a_sync_caller():
    barrier = threading.Barrier(2, timeout=10)

    def wait_for_the_other(x):
        barrier.wait()
        return x

    assert run_sync(gather(wait_for_the_other, a_double, [1, 2], in_threads=True)) == [1, 2]


def test_to_thread_leaves_the_thread_of_an_event_loop(mode):
    def step():
        return (yield from to_thread(threading.get_ident))

    assert (run(step(), mode) == threading.get_ident()) is (mode == "sync")


def test_to_thread_keeps_context_variables(mode):
    variable = contextvars.ContextVar("v", default="outside")

    def step():
        variable.set("inside")
        return (yield from to_thread(variable.get))

    assert run(step(), mode) == "inside"


def test_sleeping_lets_other_tasks_run():
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


@pytest.mark.parametrize("function", [double, a_double])
@pytest.mark.parametrize("seconds", [None, 30])
def test_either_kind_of_function_serves_both_callers(mode, function, seconds):
    assert run(invoke(*sync_and_async(function, seconds=seconds), 4), mode) == 8


@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_a_coroutine_serves_a_sync_caller(inside_a_loop):
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
        assert task.cancelled()

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_coroutine_functions_are_recognised():
    assert is_coroutine_function(a_double)
    assert is_coroutine_function(functools.partial(a_double, 1))
    assert not is_coroutine_function(double)
    assert not is_coroutine_function(functools.partial(double, 1))


# Tracebacks


def fail_step(error):
    yield from invoke(fail, None, error)


def nest(levels):
    """A step that runs a driver within a driver, `levels` deep, and fails in the innermost."""
    if not levels:
        yield from invoke(fail, None, KeyError("deep"))

    async def a_nested():
        await run_async(nest(levels - 1))

    yield from invoke(lambda: run_sync(nest(levels - 1)), a_nested)


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_a_traceback_holds_the_steps_but_no_driver(mode, levels):
    with pytest.raises(KeyError) as caught:
        run(nest(levels), mode)
    assert count_driver_frames(caught.value) == DRIVER_FRAMES
    nested = "<lambda>" if mode == "sync" else "a_nested"
    chain = ["nest", *[nested, "nest"] * levels, "fail"]
    assert functions(caught.value)[-len(chain) :] == chain


def test_the_errors_that_led_to_an_error_lose_the_drivers_too(mode):
    def step():
        try:
            yield from invoke(fail, None, KeyError("cause"))
        except KeyError as error:
            raise ValueError("outcome") from error

    with pytest.raises(ValueError, match="outcome") as caught:
        run(step(), mode)
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert caught.value.__context__ is cause
    assert functions(cause) == ["step", "fail"]
    assert count_driver_frames(cause) == 0


def test_an_error_that_replaces_another_keeps_it_as_context(mode):
    def step():
        try:
            yield from invoke(fail, None, KeyError("first"))
        except KeyError:
            yield from invoke(fail, None, ValueError("second"))

    with pytest.raises(ValueError, match="second") as caught:
        run(step(), mode)
    assert isinstance(caught.value.__context__, KeyError)
    assert count_driver_frames(caught.value.__context__) == 0


def test_circular_causes_are_no_endless_loop(mode):
    error, other = KeyError("one"), ValueError("two")
    error.__cause__, other.__cause__ = other, error
    with pytest.raises(KeyError):
        run(fail_step(error), mode)


def test_the_same_error_can_pass_several_times(mode):
    error = KeyError("again")
    for _ in range(3):
        with pytest.raises(KeyError) as caught:
            run(fail_step(error), mode)
        assert caught.value is error
        assert count_driver_frames(error) == DRIVER_FRAMES
        error.__traceback__ = None


def test_an_error_of_the_call_itself_points_to_the_step(mode):
    def step():
        yield from invoke(double, None)

    with pytest.raises(TypeError, match="positional argument") as caught:
        run(step(), mode)
    assert functions(caught.value)[-1] == "step"


def test_an_error_that_refuses_attributes_passes(mode):
    @dataclasses.dataclass(frozen=True)
    class Frozen(Exception):
        text: str

    with pytest.raises(Frozen) as caught:
        run(fail_step(Frozen("x")), mode)
    assert count_driver_frames(caught.value) == DRIVER_FRAMES


def test_an_error_can_be_pickled_and_raised_again(mode):
    with pytest.raises(KeyError) as caught:
        run(fail_step(KeyError("kept")), mode)
    assert pickle.loads(pickle.dumps(caught.value)).args == ("kept",)
    with pytest.raises(KeyError, match="kept"):
        raise caught.value


def test_a_stop_iteration_of_a_call_is_no_result(mode):
    error = StopIteration("not a result")
    with pytest.raises((StopIteration, RuntimeError)) as raised:
        run(fail_step(error), mode)
    # No coroutine can raise it.
    assert error is (raised.value if mode == "sync" else raised.value.__cause__)


def test_a_function_can_be_hidden_from_tracebacks(mode):
    @hide_from_tracebacks
    def pass_on(error):
        return (yield from fail_step(error))

    def step():
        yield from pass_on(KeyError("x"))

    with pytest.raises(KeyError) as caught:
        run(step(), mode)
    assert functions(caught.value)[-3:] == ["step", "fail_step", "fail"]


def test_a_traceback_from_a_thread_holds_no_driver():
    def step():
        yield from to_thread(fail, KeyError("in a thread"))

    with pytest.raises(KeyError) as caught:
        run(step(), "async")
    assert functions(caught.value)[-2:] == ["step", "fail"]
    assert count_driver_frames(caught.value) == DRIVER_FRAMES


# Tracebacks of chats


class BrokenModel:
    """A model client that fails at every request."""

    def __init__(self, config, **kwargs):
        pass

    def create(self, params):
        raise ConnectionError("the model is down")

    def message_retrieval(self, response):
        return []

    def cost(self, response):
        return 0.0

    @staticmethod
    def get_usage(response):
        return {}


@pytest.fixture
def assistant():
    config = {"config_list": [{"model": "m", "model_client_cls": "BrokenModel"}], "cache_seed": None}
    agent = ConversableAgent("assistant", llm_config=config, human_input_mode="NEVER")
    agent.register_model_client(BrokenModel)
    return agent


@pytest.fixture
def user():
    return ConversableAgent("user", llm_config=False, human_input_mode="NEVER")


def frames_of_failure(call, user, recipient):
    """Count the frames of the package, and those of drivers, that a model's error passes in a chat."""
    with pytest.raises(ConnectionError, match="the model is down") as caught:
        call(user.initiate_chat, recipient, message="Hello")
    assert functions(caught.value)[-1] == "create"
    return sum(file.is_relative_to(PACKAGE) for file in files(caught.value)), count_driver_frames(caught.value)


@pytest.fixture(params=[False, True], ids=["plain", "labels"])
def are_tools_labelled(request, monkeypatch):
    """Labels of the tools of this process, which have work to do in each reply."""
    monkeypatch.setattr(usage, "is_on", request.param)


@pytest.mark.usefixtures("are_tools_labelled")
def test_the_traceback_of_a_model_error_in_a_two_agent_chat_is_short(call, user, assistant):
    frames, driver_frames = frames_of_failure(call, user, assistant)
    assert driver_frames == DRIVER_FRAMES
    assert frames - driver_frames <= 18


@pytest.mark.usefixtures("are_tools_labelled")
def test_the_traceback_of_a_model_error_in_a_group_chat_is_short(call, user, assistant):
    other = ConversableAgent("other", llm_config=False, human_input_mode="NEVER")
    group = GroupChat([assistant, other], messages=[], speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, human_input_mode="NEVER")
    frames, driver_frames = frames_of_failure(call, user, manager)
    assert driver_frames == DRIVER_FRAMES
    assert frames - driver_frames <= 26
