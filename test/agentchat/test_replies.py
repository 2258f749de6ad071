"""Reply functions: who answers, in which order; tools, code, hooks, nested chats, queues."""

import asyncio
import json
import threading
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from autogen import (
    Agent,
    AssistantAgent,
    ConversableAgent,
    InvalidCarryOverType,
    SenderRequired,
    UserProxyAgent,
    initiate_chats,
    register_function,
)
from autogen.agentchat._replies.tool_arguments import repair_json
from autogen.agentchat.chat import a_initiate_chats
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.function_utils import get_function_schema
from autogen.testing import ScriptedModel, tool_call

HI = [{"role": "user", "content": "hi"}]


def names(agent):
    return [row["reply_func"].__name__ for row in agent._reply_func_list]


STOCK = [
    "a_check_termination_and_human_reply",
    "check_termination_and_human_reply",
    "a_generate_function_call_reply",
    "generate_function_call_reply",
    "a_generate_tool_calls_reply",
    "generate_tool_calls_reply",
    "a_generate_oai_reply",
    "generate_oai_reply",
]


def test_the_stock_list(agent, tmp_path):
    assert names(agent("a")) == STOCK
    legacy = agent("a", code_execution_config={"use_docker": False})
    assert names(legacy) == [*STOCK[:6], "generate_code_execution_reply", *STOCK[6:]]
    executor = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    assert names(agent("a", code_execution_config=executor))[6] == "_generate_code_execution_reply_using_executor"


@pytest.mark.parametrize(
    ("trigger", "matched"),
    [
        (Agent, True),
        (ConversableAgent, True),
        (AssistantAgent, False),
        ("peer", True),
        ("other", False),
        (lambda sender: sender.name == "peer", True),
        ([AssistantAgent, "peer"], True),
        ([], False),
        (None, False),
        ([None], False),
    ],
)
def test_triggers(call, agent, trigger, matched):
    me = agent("me", default_auto_reply="default")
    me.register_reply(trigger, lambda recipient, messages, sender, config: (True, "mine"))
    assert call(me.generate_reply, HI, agent("peer")) == ("mine" if matched else "default")


def test_triggers_that_are_none(agent):
    me = agent("me")
    with pytest.raises(ValueError, match="A trigger must be"):
        me.register_reply(1, print)
    me.register_reply(lambda sender: 1, print)
    with pytest.raises(AssertionError, match="must return a bool"):
        me.generate_reply(HI, agent("peer"))
    me = agent("me")
    me.register_reply("peer", print)
    with pytest.raises(SenderRequired):
        me.generate_reply(HI)


def test_a_spy_sees_every_message_and_changes_nothing(call, agent):
    seen = []

    def spy(recipient, messages, sender, config):
        seen.append((sender.name, messages[-1]["content"], config))
        return False, None

    a, b = agent("a"), agent("b", default_auto_reply="R")
    b.register_reply([Agent, None], reply_func=spy, config={"callback": None})
    assert call(a.initiate_chat, b, message="m", max_turns=2).summary == "R"
    assert seen == [("a", "m", {"callback": None}), ("a", "", {"callback": None})]


def test_configs_are_copied_and_restored(agent):
    config = {"count": 0}

    def counting(recipient, messages, sender, config):
        config["count"] += 1
        return True, config["count"]

    me = agent("me")
    me.register_reply([Agent, None], counting, 2, config)
    assert [me.generate_reply(HI), me.generate_reply(HI)] == [1, 2]
    me.reset()
    assert me.generate_reply(HI) == 1
    assert config == {"count": 0}
    assert names(me)[2] == "counting"


def test_a_coroutine_function_is_refused_or_passed_over_in_a_synchronous_chat(agent):
    async def later(recipient, messages, sender, config):
        return True, "later"

    a, b = agent("a"), agent("b", default_auto_reply="now")
    b.register_reply([Agent, None], later)
    with pytest.raises(RuntimeError, match="later"):
        a.initiate_chat(b, message="m", max_turns=1)
    assert asyncio.run(a.a_initiate_chat(b, message="m", max_turns=1)).summary == "later"
    b = agent("b", default_auto_reply="now")
    b.register_reply([Agent, None], later, ignore_async_in_sync_chat=True)
    assert a.initiate_chat(b, message="m", max_turns=1).summary == "now"


def test_excluding_and_replacing(call, agent):
    with ScriptedModel(lambda messages: "from the model") as model:
        me = agent("me", llm_config=model.llm_config, default_auto_reply="default")
        both = (ConversableAgent.generate_oai_reply, ConversableAgent.a_generate_oai_reply)
        assert call(me.generate_reply, HI) == "from the model"
        assert call(me.generate_reply, HI, exclude=both) == "default"
    for old in both:
        me.replace_reply_func(old, lambda recipient, messages, sender, config: (True, "replaced"))
    assert call(me.generate_reply, HI) == "replaced"


def test_the_model_is_asked_once_if_it_has_nothing_to_say(call, agent):
    model = ScriptedModel(lambda messages: None)
    me = agent("me", llm_config=model.llm_config, default_auto_reply="default")
    with pytest.warns(UserWarning, match="empty response"):
        assert call(me.generate_reply, HI) == "default"
    assert len(model.requests) == 1


def test_neither_messages_nor_sender(call, agent):
    with pytest.raises(AssertionError, match="messages or a sender"):
        call(agent("a").generate_reply)


@pytest.mark.parametrize("wrong", [[], "gpt-4", 1])
def test_an_llm_config_must_be_a_dict(wrong):
    with pytest.raises(AssertionError, match="llm_config must be a dict"):
        ConversableAgent("a", llm_config=wrong)


@pytest.mark.parametrize("empty", [{}, {"config_list": []}, {"config_list": [{"model": ""}]}])
def test_an_llm_config_must_name_a_model(empty):
    with pytest.raises(ValueError, match="names no model"):
        ConversableAgent("a", llm_config=empty)


# Tools


class Colour(Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Pair:
    left: int


def test_schemas():
    def tool(
        a: Annotated[int, "the first"],
        p: Point,
        c: Colour = Colour.RED,
        s: Optional[str] = None,
        many: list[Pair] = [],
    ) -> str:
        return ""

    schema = get_function_schema(tool, description="A tool.")
    assert schema["function"]["name"] == "tool"
    parameters = schema["function"]["parameters"]
    assert parameters["required"] == ["a", "p"]
    assert parameters["properties"]["a"] == {"type": "integer", "description": "the first"}
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "description": "s"}
    assert parameters["properties"]["s"] == optional
    assert parameters["properties"]["c"]["default"] == "red"
    assert "Pair" in parameters["$defs"]
    json.dumps(schema)


def test_a_schema_needs_annotations(caplog):
    with pytest.raises(TypeError, match="'b', 'c'"):
        get_function_schema(lambda c, b: 1, description="x")

    def half(a: int, b=2) -> str:
        return ""

    assert list(get_function_schema(half, description="x")["function"]["parameters"]["properties"]) == ["a"]
    assert "'b'" in caplog.text


def test_a_registered_tool_is_called_by_one_agent_and_run_by_the_other(call, agent):
    model = ScriptedModel(tool_call("shift", call_id="c1", point={"x": 1}, by=2), "done")
    caller, executor = agent("caller", llm_config=model.llm_config), agent("executor")

    def shift(point: Point, by: Annotated[int, "how far"] = 1) -> Point:
        assert isinstance(point, Point)
        return Point(x=point.x + by, y=point.y)

    register_function(shift, caller=caller, executor=executor, description="Shift a point.")
    result = call(executor.initiate_chat, caller, message="go", max_turns=2)
    assert result.chat_history[2]["tool_responses"] == [{"tool_call_id": "c1", "role": "tool", "content": '{"x":3,"y":0}'}]
    assert model.requests[0]["tools"][0]["function"]["name"] == "shift"


@pytest.mark.parametrize("coroutine", [False, True])
def test_any_tool_works_in_any_chat(call, agent, coroutine):
    async def later(x: int) -> str:
        await asyncio.sleep(0)
        return f"got {x}"

    def now(x: int) -> str:
        return f"got {x}"

    me = agent("me")
    me.register_for_execution(name="tool")(later if coroutine else now)
    assert call(me.execute_function, {"name": "tool", "arguments": '{"x": 1}'}) == (
        True,
        {"name": "tool", "role": "function", "content": "got 1"},
    )


def test_a_coroutine_tool_works_in_a_synchronous_chat_inside_a_loop(agent):
    async def later() -> str:
        return "later"

    me = agent("me", function_map={"later": later})

    async def cell():
        return me.execute_function({"name": "later", "arguments": "{}"})[1]["content"]

    assert asyncio.run(cell()) == "later"


def test_several_calls_run_concurrently_in_an_asynchronous_chat_and_keep_their_order(agent):
    started = []

    async def meet(n: int):
        started.append(n)
        while len(started) < 3:
            await asyncio.sleep(0)
        return n

    me = agent("me", function_map={"meet": meet})
    calls = [tool_call("meet", call_id=f"c{n}", n=n) for n in range(3)]
    _, reply = asyncio.run(me.a_generate_tool_calls_reply([{"role": "assistant", "tool_calls": calls}]))
    assert [(r["tool_call_id"], r["content"]) for r in reply["tool_responses"]] == [("c0", "0"), ("c1", "1"), ("c2", "2")]


def test_known_and_unknown_tools_in_one_message(call, agent):
    me = agent("me", function_map={"one": lambda: {"a": 1}, "two": lambda: None})
    calls = [tool_call("one", call_id="c1"), tool_call("two", call_id="c2"), tool_call("three", call_id="c3")]
    _, reply = call(me.generate_tool_calls_reply, [{"role": "assistant", "tool_calls": calls}])
    told = [response["content"] for response in reply["tool_responses"]]
    assert told == ["{'a': 1}", "None", "Error: Function three not found."]
    assert reply["content"] == "\n\n".join(told)


BAD_JSON = "Expecting ',' delimiter: line 1 column 8 (char 7)"
NOT_JSON = f"Error: {BAD_JSON}\n The arguments must be a JSON object."


@pytest.mark.parametrize(
    ("function_call", "content"),
    [
        ({"name": "ad", "arguments": "{}"}, "Error: Function ad not found. Did you mean add?"),
        ({"name": "add", "arguments": '{"a": 1'}, NOT_JSON),
        ({"name": "add", "arguments": '{"a": 1}'}, None),
        ({"name": "add", "arguments": "[1]"}, None),
        ({"name": "fail", "arguments": ""}, "Error: ZeroDivisionError"),
        ({"name": "add", "arguments": None}, None),
        ({"name": None}, "Error: Function  not found."),
        ({}, "Error: Function  not found."),
    ],
)
def test_a_call_that_fails_is_told_to_the_model(call, agent, function_call, content):
    def fail():
        raise ZeroDivisionError

    me = agent("me", function_map={"add": lambda a, b: a + b, "fail": fail})
    success, result = call(me.execute_function, function_call)
    assert not success
    assert result["content"].startswith("Error: ")
    if content:
        assert result["content"] == content


def test_a_tool_that_fails_is_one_line_in_the_log_and_a_traceback_for_debugging(call, agent, caplog):
    def fail():
        raise ValueError("no\nsuch api_key=PLANTED")

    caplog.set_level("DEBUG", "autogen")
    call(agent("me", function_map={"fail": fail}).execute_function, {"name": "fail"})
    seen = [(record.levelname, bool(record.exc_info)) for record in caplog.records if "fail" in record.getMessage()]
    assert seen == [("WARNING", False), ("DEBUG", True)]
    assert "The function 'fail' of agent 'me' failed: ValueError: no such api_key=***" in caplog.messages


@pytest.mark.parametrize("arguments", ['{"a": "x\ny"}', '{\n"a":\n"x\\ny"}', {"a": "x\ny"}])
def test_arguments_are_mended_where_that_is_safe(call, agent, arguments):
    me = agent("me", function_map={"f": lambda a: a})
    assert call(me.execute_function, {"name": "f", "arguments": arguments})[1]["content"] == "x\ny"


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_mending_leaves_good_json_alone(value):
    assert json.loads(repair_json(json.dumps(value, indent=1))) == value


def test_a_tool_may_have_parameters_of_any_name(call, agent):
    me = agent("me", function_map={"f": lambda plain, twin, self, args: plain + twin + self + args})
    arguments = json.dumps({"plain": 1, "twin": 2, "self": 3, "args": 4})
    assert call(me.execute_function, {"name": "f", "arguments": arguments})[1]["content"] == "10"


@given(st.text())
def test_no_argument_text_whatever_is_an_exception(text):
    me = ConversableAgent("me", llm_config=False, human_input_mode="NEVER", function_map={"f": lambda **kwargs: "ok"})
    success, result = me.execute_function({"name": "f", "arguments": text})
    assert success is (not result["content"].startswith("Error: "))


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 65])
def test_names_of_functions_are_checked(agent, name):
    with pytest.raises(ValueError, match="Invalid name"):
        agent("a", function_map={name: print})


def test_registering_keeps_what_was_spent(agent):
    model = ScriptedModel(lambda messages: "x")
    me = agent("me", llm_config=model.llm_config)
    me.generate_reply(HI)
    before = me.get_total_usage()
    assert me.register_for_llm(description="A tool.")(_tool) is _tool
    assert me.get_total_usage() == before
    assert me.generate_reply(HI) == "x"
    with pytest.warns(UserWarning, match="overridden"):
        me.register_for_llm(name="_tool", description="A tool.")(lambda: "")
    me.update_tool_signature("_tool", is_remove=True)
    assert "tools" not in me.llm_config


def _tool() -> str:
    return ""


def test_names_that_a_model_made_up_are_mended(call, agent):
    wild = {"id": None, "type": None, "function": {"name": "a b.c", "arguments": "{}"}}
    me = agent("me", llm_config=ScriptedModel(lambda messages: {"content": None, "tool_calls": [wild]}).llm_config)
    assert call(me.generate_reply, HI)["tool_calls"] == [{"function": {"name": "a_b_c", "arguments": "{}"}}]


# Code


@pytest.mark.parametrize("executor", [True, False], ids=["executor", "legacy"])
@pytest.mark.parametrize(
    ("last_n", "roles", "runs"),
    [
        ("auto", "uu", True),
        ("auto", "ua", False),
        (1, "uu", False),
        (2, "ua", True),
        (2.0, "uu", True),
        (0, "uu", False),
        (9, "uu", True),
    ],
)
def test_which_messages_are_scanned(call, agent, tmp_path, executor, last_n, roles, runs):
    if executor:
        config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    else:
        config = {"work_dir": str(tmp_path), "use_docker": False}
    me = agent("me", code_execution_config=config | {"last_n_messages": last_n}, default_auto_reply="nothing")
    kinds = {"u": "user", "a": "assistant"}
    messages = [
        {"role": kinds[roles[0]], "content": "```python\nprint(1)\n```"},
        {"role": kinds[roles[1]], "content": "no code"},
    ]
    newline = "" if executor else "\n"
    expected = f"exitcode: 0 (execution succeeded)\nCode output: {newline}1\n" if runs else "nothing"
    assert call(me.generate_reply, messages) == expected


@pytest.mark.parametrize("last_n", [-1, None, "all", 1.5])
def test_how_many_messages_must_be_a_number(call, agent, tmp_path, last_n):
    config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path), "last_n_messages": last_n}
    with pytest.raises(ValueError, match="last_n_messages must be either"):
        call(agent("me", code_execution_config=config).generate_reply, HI)


def test_code_does_not_hold_up_an_event_loop(agent, tmp_path):
    threads = []

    class Slow(LocalCommandLineCodeExecutor):
        def execute_code_blocks(self, code_blocks):
            threads.append(threading.get_ident())
            return super().execute_code_blocks(code_blocks)

    me = agent("me", code_execution_config={"executor": Slow(work_dir=tmp_path)})
    reply = asyncio.run(me.a_generate_reply([{"role": "user", "content": "```python\nprint(1)\n```"}]))
    assert reply.startswith("exitcode: 0")
    assert threads != [threading.get_ident()]


# Hooks


def test_hooks(call, agent, mode):
    a, b = agent("a"), agent("b")
    b.register_reply([Agent, None], lambda recipient, messages, sender, config: (True, messages[-1]["content"]))
    b.register_hook("process_last_received_message", lambda content: content + "!")
    a.register_hook("process_message_before_send", lambda sender, message, recipient, silent: f"{sender.name}: {message}")
    assert call(a.initiate_chat, b, message="hi", max_turns=1).summary == "a: hi!"
    assert b.chat_messages[a][0]["content"] == "a: hi!"
    assert a.chat_messages[b][0]["content"] == "a: hi"


def test_coroutine_hooks_come_before_plain_ones_in_an_asynchronous_chat(call, agent, mode):
    async def later(messages):
        return [{"role": "user", "content": "later"}]

    me = agent("me")
    me.register_reply([Agent, None], lambda recipient, messages, sender, config: (True, messages[-1]["content"]))
    me.register_hook("process_all_messages_before_reply", lambda messages: [{"role": "user", "content": "now"}])
    assert call(me.generate_reply, HI) == "now"
    me.register_hook("a_process_all_messages_before_reply", later)
    assert call(me.generate_reply, HI) == ("now" if mode == "sync" else "later")


def test_hooks_are_checked(agent):
    me = agent("me")
    with pytest.raises(AssertionError, match="not a hookable method"):
        me.register_hook("process_everything", print)
    me.register_hook("process_last_received_message", print)
    with pytest.raises(AssertionError, match="already registered"):
        me.register_hook("process_last_received_message", print)
    with pytest.warns(UserWarning, match="must be a coroutine function"):
        me.register_hook("a_process_last_received_message", print)


# Queues, nested chats, summaries


def test_a_queue_carries_summaries_over(agent):
    a = agent("a")
    others = [agent(f"b{n}", default_auto_reply=f"R{n}") for n in range(3)]
    queue = [{"recipient": b, "message": "M", "max_turns": 1, "silent": True} for b in others]
    queue[2]["finished_chat_indexes_to_exclude_from_carryover"] = [0]
    before = [dict(entry) for entry in queue]
    results = a.initiate_chats(queue)
    assert [r.chat_history[0]["content"] for r in results] == ["M", "M\nContext: \nR0", "M\nContext: \nR1"]
    assert queue == before
    assert a.get_chat_results(1) is results[1]
    assert initiate_chats([]) == []


def test_an_asynchronous_queue_waits_for_prerequisites_only(agent):
    async def main():
        a = agent("a")
        first_may_go = asyncio.Event()

        async def slow(recipient, messages, sender, config):
            await first_may_go.wait()
            return True, "slow"

        def quick(recipient, messages, sender, config):
            first_may_go.set()
            return True, "quick"

        replies = {1: slow, 2: quick, 3: lambda *args, **kwargs: (True, "third")}
        queue = []
        for number, reply in replies.items():
            b = agent(f"b{number}")
            b.register_reply([Agent, None], reply)
            queue.append({"chat_id": number, "recipient": b, "message": "M", "max_turns": 1, "silent": True})
        queue[2]["prerequisites"] = [1, 2]
        return await a.a_initiate_chats(queue)

    results = asyncio.run(main())
    assert {number: result.summary for number, result in results.items()} == {1: "slow", 2: "quick", 3: "third"}
    assert results[3].chat_history[0]["content"] == "M\nContext: \nslow\nquick"
    assert results[3].chat_id == 3


@pytest.mark.parametrize(
    ("ids", "needs", "told"),
    [
        ([1, None], [[], []], "has no chat_id"),
        ([1, 1], [[], []], "Two chats of the queue have the chat_id 1"),
        ([1, 2], [[], [3]], "not in the queue"),
        ([1, 2], [[2], [1]], "wait for each other"),
        ([1, 2], [[1], []], "wait for each other"),
    ],
)
def test_an_impossible_queue_is_refused(agent, ids, needs, told):
    a = agent("a")
    queue = [
        {"sender": a, "recipient": agent("b"), "message": "M", "chat_id": i, "prerequisites": n}
        for i, n in zip(ids, needs, strict=True)
    ]
    with pytest.raises(ValueError, match=told):
        asyncio.run(a_initiate_chats(queue))


def test_nested_chats_answer_with_the_last_summary(call, agent):
    outer, me = agent("outer"), agent("me")
    first, second, third = (agent(f"n{n}", default_auto_reply=f"S{n}") for n in range(3))
    queue = [
        {"recipient": first, "max_turns": 1, "silent": True},
        {"recipient": second, "max_turns": 1, "silent": True},
        {"recipient": third, "message": lambda *args: f"{len(args)} arguments", "max_turns": 1, "silent": True},
    ]
    me.register_nested_chats(queue, trigger=outer)
    assert call(outer.initiate_chat, me, message="Q", max_turns=1).summary == "S2"
    assert me.chat_messages[first][0]["content"] == "Q"
    assert not me.chat_messages[second]
    assert me.chat_messages[third][0]["content"] == "4 arguments\nContext: \nS0"


def test_nested_chats_with_prerequisites(agent):
    outer, me = agent("outer"), agent("me")
    queue = [
        {"chat_id": n, "recipient": agent(f"n{n}", default_auto_reply=f"S{n}"), "message": "M", "max_turns": 1}
        for n in (1, 2)
    ]
    me.register_nested_chats(queue, trigger=outer, use_async=True)
    assert asyncio.run(outer.a_initiate_chat(me, message="Q", max_turns=1)).summary == "S2"
    with pytest.raises(RuntimeError, match="coroutine reply functions"):
        outer.initiate_chat(me, message="Q")


@pytest.mark.parametrize(("answer", "use_async"), [("other", None), (5, None), (lambda *args: None, True)])
def test_nested_chats_need_something_that_answers(agent, answer, use_async):
    with pytest.raises(ValueError, match="reply_func_from_nested_chats"):
        agent("a").register_nested_chats([], agent("b"), answer, use_async=use_async)


def test_a_reflection_sees_the_chat_and_then_the_prompt(call, agent):
    model = ScriptedModel("answer", "the gist")
    a, b = agent("a"), agent("b", llm_config=model.llm_config, system_message="secret orders")
    arguments = {"summary_prompt": "Gist?", "summary_role": "user"}
    result = call(a.initiate_chat, b, message="Q", max_turns=1, summary_method="reflection_with_llm", summary_args=arguments)
    assert result.summary == "the gist"
    assert [m["content"] for m in model.asked[1]] == ["Q", "answer", "Gist?"]
    assert model.asked[1][-1]["role"] == "user"
    assert arguments == {"summary_prompt": "Gist?", "summary_role": "user"}


@pytest.mark.parametrize(("method", "error"), [("reflection_with_llm", AssertionError), ("other", AssertionError)])
def test_a_summary_that_is_not_possible_is_refused_before_the_chat(call, agent, method, error):
    a, b = agent("a"), agent("b")
    with pytest.raises(error, match=method):
        call(a.initiate_chat, b, message="Q", summary_method=method)
    assert not a.chat_messages


def test_a_summary_of_your_own(call, agent):
    result = call(
        agent("a").initiate_chat,
        agent("b"),
        message="Q",
        max_turns=1,
        summary_method=lambda sender, recipient, args: {"by": sender.name, "n": args["n"]},
        summary_args={"n": 7},
    )
    assert result.summary == {"by": "a", "n": 7}


def test_a_carry_over_of_another_type_is_refused(call, agent):
    with pytest.raises(InvalidCarryOverType, match="int"):
        call(agent("a").initiate_chat, agent("b"), message="M", carryover=5)


# State


def test_clearing_and_counting(agent):
    a, b = agent("a"), agent("b", default_auto_reply="R")
    a.initiate_chat(b, message="m", max_turns=3)
    kept = a.chat_messages[b]
    a.clear_history(nr_messages_to_preserve=2)
    assert len(a.chat_messages[b]) == 2
    a.clear_history(nr_messages_to_preserve=9)
    assert len(a.chat_messages[b]) == 2
    a.clear_history(b)
    assert a.chat_messages[b] is kept
    assert a.last_message(b) is None
    a.reset()
    assert not a.chat_messages
    assert a.last_message() is None


def test_a_tools_answer_stays_with_its_call(agent, capsys):
    a, b = agent("a", silent=None), agent("b")
    history = [
        {"content": None, "tool_calls": [tool_call("f")]},
        {"role": "tool", "content": "x", "tool_responses": [{"role": "tool"}]},
    ]
    a._oai_messages[b] = history
    a.clear_history(nr_messages_to_preserve=1)
    assert len(a.chat_messages[b]) == 2
    assert "Keeping one more message of a" in capsys.readouterr().out


def test_the_last_message_of_whom(agent):
    a, b, c = agent("a"), agent("b"), agent("c")
    with pytest.raises(KeyError, match="'b'"):
        a.last_message(b)
    a.send("x", b)
    assert a.last_message()["content"] == "x"
    a.send("y", c)
    with pytest.raises(ValueError, match="name the peer"):
        a.last_message()


def test_limits_for_each_peer(agent):
    a, b, c = agent("a", max_consecutive_auto_reply=3), agent("b"), agent("c")
    assert a.max_consecutive_auto_reply(b) == 3
    a.update_max_consecutive_auto_reply(1, c)
    assert (a.max_consecutive_auto_reply(b), a.max_consecutive_auto_reply(c), a.max_consecutive_auto_reply()) == (3, 1, 3)
    a.update_max_consecutive_auto_reply(7)
    assert (a.max_consecutive_auto_reply(b), a.max_consecutive_auto_reply(c)) == (7, 7)


def test_descriptions():
    assert AssistantAgent("a", llm_config=False).description == AssistantAgent.DEFAULT_DESCRIPTION
    assert AssistantAgent("a", "orders", llm_config=False).description == "orders"
    user = UserProxyAgent("u", human_input_mode="NEVER", code_execution_config=False)
    assert user.description == UserProxyAgent.DEFAULT_USER_PROXY_AGENT_DESCRIPTIONS["NEVER"]
    assert isinstance(user, Agent)
    with pytest.raises(AttributeError):
        user.name = "x"


def test_a_minimal_agent_of_another_kind_can_be_talked_to(call, agent):
    class Recorder(Agent):
        name = "recorder"

        def receive(self, message, sender, request_reply=None, silent=False):
            self.heard = message

        async def a_receive(self, message, sender, request_reply=None, silent=False):
            self.heard = message

    recorder = Recorder()
    call(agent("a").send, "hi", recorder)
    assert recorder.heard == "hi"


def test_printing_calls_and_answers(agent, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    a, b = agent("a", silent=None), agent("b")
    a.send({"content": None, "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]}, b)
    a.send({"role": "tool", "content": "x", "tool_responses": [{"role": "tool", "tool_call_id": "c1", "content": "x"}]}, b)
    shown = capsys.readouterr().out
    assert "***** Suggested tool call (c1): f *****\nArguments: \n{}\n" in shown
    assert "***** Response from calling tool (c1) *****\nx\n" in shown
