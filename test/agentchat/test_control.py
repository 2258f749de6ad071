"""Stopping, pausing and resuming chats from outside, and deadlines."""

import asyncio
import threading
import time

import pytest

from autogen import GroupChat, GroupChatManager, register_function
from autogen.agentchat.chat import StopReason
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.control import ChatControl
from autogen.testing import OpenAIServer, Reply, ScriptedModel, tool_call

NOTICED = 30  # seconds within which a stop must have had its effect; what is stopped would take ten times as long


@pytest.fixture
def hold(mode):
    """Hold a chat in a thread, in the mode under test, sync or async; gives the thread and a list for the result."""
    threads = []

    def hold(sender, recipient, **options):
        results = []

        def main():
            if mode == "sync":
                results.append(sender.initiate_chat(recipient, **options))
            else:
                results.append(asyncio.run(sender.a_initiate_chat(recipient, **options)))

        threads.append(threading.Thread(target=main, daemon=True))
        threads[-1].start()
        return threads[-1], results

    yield hold
    for thread in threads:
        thread.join(NOTICED)
        assert not thread.is_alive()


def stopped_result(thread, results):
    thread.join(NOTICED)
    assert not thread.is_alive()
    assert results[0].stop_reason is StopReason.STOPPED
    return results[0]


def talkers(agent, said):
    def count(*_, messages, **__):
        said.append(len(messages))
        return True, f"number {len(messages)}"

    a, b = agent("a", max_consecutive_auto_reply=10**9), agent("b", max_consecutive_auto_reply=10**9)
    for one in (a, b):
        one.register_reply([type(one), None], count)
    return a, b


def wait_for(condition):
    deadline = time.monotonic() + NOTICED
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_endless_chat_is_stopped_and_its_history_is_whole(agent, hold):
    control, said = ChatControl(), []
    a, b = talkers(agent, said)
    thread, results = hold(a, b, message="go", control=control)
    wait_for(lambda: len(said) > 100)
    control.stop()
    result = stopped_result(thread, results)
    mine, theirs = ([message["content"] for message in one] for one in (a.chat_messages[b], b.chat_messages[a]))
    assert mine == theirs
    assert [message["content"] for message in result.chat_history] == mine
    assert control.is_stopped


def test_a_paused_chat_waits_and_goes_on(agent, hold):
    control, said = ChatControl(), []
    a, b = talkers(agent, said)
    control.pause()
    thread, results = hold(a, b, message="go", control=control)
    assert control.is_paused
    thread.join(0.2)
    assert said == []
    control.resume()
    wait_for(lambda: len(said) > 10)
    control.stop()
    stopped_result(thread, results)


def test_a_paused_chat_can_be_stopped(agent, hold):
    control = ChatControl()
    control.pause()
    said = []
    thread, results = hold(*talkers(agent, said), message="go", control=control)
    control.stop()
    stopped_result(thread, results)
    assert said == []


def test_a_request_that_takes_long_is_not_waited_for(agent, hold):
    control = ChatControl()
    with OpenAIServer(Reply("late", delay=300)) as server:
        speaker = agent("speaker", llm_config=server.llm_config)
        thread, results = hold(agent("user"), speaker, message="hi", control=control)
        wait_for(lambda: server.requests)
        control.stop()
        result = stopped_result(thread, results)
    assert [message["content"] for message in result.chat_history] == ["hi"]


def test_code_that_runs_is_killed(agent, hold, tmp_path):
    control = ChatControl()
    runner = agent(
        "runner", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=600)}
    )
    code = "```python\nimport time, pathlib\npathlib.Path('started').touch()\ntime.sleep(600)\n```"
    thread, results = hold(agent("user"), runner, message=code, control=control)
    wait_for((tmp_path / "started").exists)
    control.stop()
    assert [message["content"] for message in stopped_result(thread, results).chat_history] == [code]


@pytest.mark.slow
def test_tools_and_humans_are_not_waited_for(agent, hold):
    for options in ({}, {"human_input_mode": "ALWAYS"}):
        control, asked, release = ChatControl(), threading.Event(), threading.Event()

        def block(*_, asked=asked, release=release):
            asked.set()
            release.wait(300)
            return "late"

        model = ScriptedModel(tool_call("block"), "done")
        caller = agent("caller", llm_config=model.llm_config)
        user = agent("user", human_input_source=block, concurrent_tool_calls=True, **options)
        register_function(block, caller=caller, executor=user, name="block", description="Block.")
        thread, results = hold(user, caller, message="go", control=control)
        assert asked.wait(NOTICED)
        control.stop()
        stopped_result(thread, results)
        release.set()


def test_a_deadline_stops_a_chat(agent, hold):
    thread, results = hold(*talkers(agent, []), message="go", control=ChatControl(deadline=0.1))
    assert stopped_result(thread, results).chat_history[0]["content"] == "go"


def test_chats_inside_and_groups_are_under_the_same_control(agent, hold):
    control, said = ChatControl(), []
    a, b = talkers(agent, said)
    outer = agent("outer")
    starter = agent("starter")
    outer.register_nested_chats([{"sender": a, "recipient": b, "message": "go", "silent": True}], trigger=starter)
    thread, results = hold(starter, outer, message="go", control=control)
    wait_for(lambda: len(said) > 20)
    control.stop()
    assert [message["content"] for message in stopped_result(thread, results).chat_history] == ["go"]

    control, said = ChatControl(), []
    members = talkers(agent, said)
    manager = GroupChatManager(GroupChat([*members], max_round=10**9, speaker_selection_method="round_robin"), silent=True)
    thread, results = hold(members[0], manager, message="go", control=control)
    wait_for(lambda: len(said) > 20)
    control.stop()
    stopped_result(thread, results)


def test_a_chat_that_ends_by_itself_is_not_touched(call, agent):
    control = ChatControl(deadline=300)
    result = call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, control=control)
    assert result.stop_reason is StopReason.MAX_TURNS
    control.stop()
    control.stop()


def test_stopping_later_does_not_cancel_what_the_task_does_next(agent):
    async def main():
        control = ChatControl()
        await agent("a").a_initiate_chat(agent("b"), message="hi", max_turns=1, control=control)
        control.stop()
        await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(main()) == "went on"


def test_cancelling_the_task_still_cancels(agent):
    async def main():
        a, b = talkers(agent, [])
        a.register_reply([type(a), None], lambda *_, **__: (True, "x"), ignore_async_in_sync_chat=True)

        async def slow(*_, **__):
            await asyncio.sleep(0.001)
            return False, None

        a.register_reply([type(a), None], slow)
        task = asyncio.ensure_future(a.a_initiate_chat(b, message="go", control=ChatControl()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_lies_ahead(deadline):
    with pytest.raises(ValueError, match="deadline"):
        ChatControl(deadline=deadline)
