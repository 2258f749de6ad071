"""Calls that take long, that run at the same time, and tools of which a half is missing."""

import asyncio
import logging
import sys
import threading

import pytest

from autogen import ConversableAgent, register_function
from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor
from autogen.testing import ScriptedModel, tool_call

HALVES = "autogen.agentchat.conversable_agent"


def asked_by(model, **options):
    """An agent whose model calls tools, and one that executes them and ends the chat when there is an answer."""
    caller = ConversableAgent("caller", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
    executor = ConversableAgent(
        "executor",
        human_input_mode="NEVER",
        silent=True,
        is_termination_msg=lambda message: not message.get("tool_calls"),
        **options,
    )
    return caller, executor


def contents(history):
    return [answer["content"] for message in history for answer in message.get("tool_responses", ())]


class Meeting:
    """Tools that end only if all of them run at the same time."""

    def __init__(self, size):
        self.barrier = threading.Barrier(size, timeout=30)
        self.there, self.size, self.all_there = 0, size, None

    def plain(self, n: int) -> str:
        """Meet the others."""
        self.barrier.wait()
        return f"met {n}"

    async def coroutine(self, n: int) -> str:
        """Meet the others."""
        self.all_there = self.all_there or asyncio.Event()
        self.there += 1
        if self.there == self.size:
            self.all_there.set()
        await asyncio.wait_for(self.all_there.wait(), 30)
        return f"met {n}"


def test_calls_of_one_message_run_at_the_same_time_on_request(call):
    meeting = Meeting(3)
    model = ScriptedModel([tool_call("meet", n=n) for n in range(3)], "done")
    caller, executor = asked_by(model, concurrent_tool_calls=True)
    register_function(meeting.plain, caller=caller, executor=executor, name="meet", description="Meet.")
    history = call(executor.initiate_chat, caller, message="go").chat_history
    assert contents(history) == ["met 0", "met 1", "met 2"]


def test_coroutine_tools_run_at_the_same_time_in_an_asynchronous_chat_anyway():
    meeting = Meeting(3)
    model = ScriptedModel([tool_call("meet", n=n) for n in range(3)], "done")
    caller, executor = asked_by(model)
    register_function(meeting.coroutine, caller=caller, executor=executor, name="meet", description="Meet.")
    history = asyncio.run(executor.a_initiate_chat(caller, message="go")).chat_history
    assert contents(history) == ["met 0", "met 1", "met 2"]


def test_without_a_request_plain_tools_run_one_after_another_where_they_were_called(call):
    threads = []
    model = ScriptedModel([tool_call("where"), tool_call("where")], "done")
    caller, executor = asked_by(model)

    def where() -> str:
        threads.append(threading.current_thread())
        return str(len(threads))

    register_function(where, caller=caller, executor=executor, description="Where.")
    assert contents(call(executor.initiate_chat, caller, message="go").chat_history) == ["1", "2"]
    assert threads == [threading.main_thread()] * 2


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_a_tool_that_takes_too_long_is_told_to_the_model_and_the_chat_goes_on(call, kind):
    release = threading.Event()
    model = ScriptedModel(tool_call("slow"), "I could not find out.")
    caller, executor = asked_by(model)

    def plain() -> str:
        release.wait(60)
        return "too late"

    async def coroutine() -> str:
        await asyncio.sleep(60)
        return "too late"

    slow = plain if kind == "plain" else coroutine
    register_function(slow, caller=caller, executor=executor, name="slow", description="Slow.", timeout=0.05)
    history = call(executor.initiate_chat, caller, message="go").chat_history
    release.set()
    assert contents(history) == ["Error: There was no result within 0.05 seconds."]
    assert history[-1]["content"] == "I could not find out."


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_a_tool_with_a_time_limit_gives_its_result_or_its_own_error(call, kind):
    model = ScriptedModel([tool_call("quick", ok=True), tool_call("quick", ok=False)], "done")
    caller, executor = asked_by(model)

    def plain(ok: bool) -> str:
        if not ok:
            raise TimeoutError("the server is slow")
        return "fine"

    async def coroutine(ok: bool) -> str:
        return plain(ok)

    quick = plain if kind == "plain" else coroutine
    register_function(quick, caller=caller, executor=executor, name="quick", description="Quick.", timeout=60)
    history = call(executor.initiate_chat, caller, message="go").chat_history
    assert contents(history) == ["fine", "Error: the server is slow"]


@pytest.mark.skipif(sys.platform == "win32", reason="the program is written for POSIX")
def test_the_programs_of_a_tool_are_killed_when_its_time_is_up(call, tmp_path):
    runner = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=600)
    ended = threading.Event()
    model = ScriptedModel(tool_call("run"), "done")
    caller, executor = asked_by(model)

    def run() -> str:
        result = runner.execute_code_blocks([CodeBlock(language="sh", code="sleep 600")])
        ended.set()
        return result.output

    register_function(run, caller=caller, executor=executor, description="Run.", timeout=0.3)
    call(executor.initiate_chat, caller, message="go")
    assert ended.wait(30)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_limit_must_be_more_than_nothing(agent, timeout):
    with pytest.raises(ValueError, match="timeout"):
        agent("a").register_for_execution(timeout=timeout)


def test_an_agent_may_execute_what_its_own_model_calls(call):
    model = ScriptedModel(tool_call("double", x=21), "It is 42.")
    caller, peer = asked_by(model)

    def double(x: int) -> int:
        return 2 * x

    register_function(double, caller=caller, description="Double it.")
    result = call(peer.initiate_chat, caller, message="go")
    assert contents(result.chat_history) == ["42"]
    assert result.summary == "It is 42."


def test_the_peer_comes_first_where_both_can(call):
    model = ScriptedModel(tool_call("who"), "done")
    caller, executor = asked_by(model)
    caller.register_function({"who": lambda: "caller"})
    executor.register_function({"who": lambda: "executor"})
    assert contents(call(executor.initiate_chat, caller, message="go").chat_history) == ["executor"]


def test_a_tool_that_nobody_executes_is_logged_once(call, caplog):
    caller, executor = asked_by(ScriptedModel("hello", "hello"))
    caller.register_for_llm(name="orphan_tool", description="Nobody has it.")(lambda: "")
    for _ in range(2):
        call(executor.initiate_chat, caller, message="go")
    assert [record.getMessage() for record in caplog.records if record.name == HALVES] == [
        "The model of agent 'caller' knows the tool 'orphan_tool', but no agent executes it: use register_for_execution."
    ]


def test_a_function_that_no_model_knows_is_logged_once(call, caplog):
    caller, executor = asked_by(ScriptedModel("hello", "hello"))
    executor.register_function({"orphan_function": lambda: ""})
    for _ in range(2):
        call(executor.initiate_chat, caller, message="go")
    assert [record.getMessage() for record in caplog.records if record.name == HALVES] == [
        "Agent 'executor' executes the function 'orphan_function', but no agent's model knows of it: use register_for_llm."
    ]


def test_halves_at_agents_that_are_not_in_the_chat_are_seen(call, caplog, agent):
    caller, executor = asked_by(ScriptedModel("hello"))
    somewhere = agent("somewhere")
    register_function(lambda: "", caller=caller, executor=somewhere, name="nested_tool", description="Elsewhere.")
    call(executor.initiate_chat, caller, message="go")
    assert not [record for record in caplog.records if record.name == HALVES]


def test_who_could_have_executed_a_call_is_logged(call, caplog, agent):
    keeper = agent("keeper", function_map={"kept_tool": lambda: ""})
    model = ScriptedModel(tool_call("kept_tool"), "done")
    caller, executor = asked_by(model)
    with caplog.at_level(logging.WARNING):
        call(executor.initiate_chat, caller, message="go")
    assert f"these can: ['{keeper.name}'" in caplog.text
