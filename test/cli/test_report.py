"""The report of a recorded chat."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import Cache
from autogen._cli._inspection.page import render_page
from autogen._cli._inspection.report import REASONS, build_report, iterate_turns
from autogen.agentchat._core.result import StopReason
from autogen.recording import Recording
from autogen.testing import OpenAIServer, ScriptedModel


def read_report(file):
    recording = Recording(file)
    return build_report(recording.events, recording.steps, recording.about["chat_id"])


def list_turns(report):
    return [(turn.number, turn.author) for turn in iterate_turns(report.conversation)]


def list_operations(turn):
    return [(operation.kind, operation.failed) for operation in turn.work]


def test_turns_tell_how_they_came_about(group_chat):
    first, planned, called, ran, coded, executed, last = read_report(group_chat[0]).conversation.turns
    assert (first.author, first.text, first.why, first.work) == ("user", "What is it?", "", [])
    assert planned.why == "chosen by the selection function"
    assert planned.function == "generate_oai_reply"
    assert list_operations(planned) == [("model", True), ("model", True), ("model", False)]
    assert "Slow down" in planned.work[0].about["error"]
    assert planned.work[0].about["then"].startswith("retrying in")
    assert planned.work[1].about["then"] == "trying the next endpoint"
    assert called.calls == [("double", '{"x": 4}'), ("double", '{"x": -1}')]
    assert list_operations(ran) == [("tool", False), ("tool", True)]
    assert [sums.about["content"] for sums in ran.work] == ["8", "Error: no negative numbers"]
    assert ran.results == ["8", "Error: no negative numbers"]
    assert list_operations(coded) == [("model", False)]
    assert list_operations(executed) == [("code", False)]
    assert executed.work[0].about["output"].strip() == "the code says 42"
    assert "TERMINATE" in last.text


def test_sums_are_those_of_the_chat(group_chat):
    file, result = group_chat
    report = read_report(file)
    spent = result.cost["usage_excluding_cached_inference"]
    [usage] = [usage for usage in spent.values() if isinstance(usage, dict)]
    assert report.total.cost == pytest.approx(spent["total_cost"])
    assert report.total.prompt_tokens == usage["prompt_tokens"] == 1000
    assert report.total.completion_tokens == usage["completion_tokens"] == 100
    assert report.total.messages == len(result.chat_history)
    by_name = {sums.agent: sums for sums in report.agents}
    assert [sums.agent for sums in report.agents] == ["coder", "planner", "user"]  # the most expensive first
    assert (by_name["planner"].requests, by_name["planner"].failures) == (3, 2)
    assert by_name["planner"].cost == pytest.approx(0.1 * 0.001 + 0.01 * 0.002)
    assert (by_name["user"].tools, by_name["user"].tools_failed, by_name["user"].code) == (2, 1, 1)
    assert report.seconds >= sum(turn.seconds for turn in report.conversation.turns) > 0


def test_the_end_and_its_reason(group_chat):
    report = read_report(group_chat[0])
    assert (report.state, report.reason, report.unfinished) == ("ended", "human_exit", [])
    assert report.why == "A human typed 'exit'."
    assert [(sums.kind, sums.about["text"]) for sums in report.conversation.pending.work] == [("human", "exit")]


def test_every_reason_has_a_sentence():
    assert set(REASONS) == {reason.value for reason in StopReason}


def test_answers_from_a_cache_cost_nothing(call, agent, tmp_path):
    with OpenAIServer("hello") as server, Cache.disk(7, str(tmp_path / "cache")) as cache:
        for file in (tmp_path / "one.db", tmp_path / "two.db"):
            config = {"config_list": [{**server.config, "price": [1.0, 1.0]}]}
            call(
                agent("a").initiate_chat,
                agent("b", llm_config=config),
                message="hi",
                max_turns=1,
                cache=cache,
                checkpoint=file,
            )
    first, second = read_report(tmp_path / "one.db").total, read_report(tmp_path / "two.db").total
    assert (first.requests, first.cached) == (1, 0)
    assert (second.requests, second.cached, second.cost) == (0, 1, 0.0)
    assert second.saved == pytest.approx(first.cost) != 0


def test_chats_on_the_way_to_a_turn_are_within_it(call, agent, tmp_path):
    inner = agent("inner", llm_config=ScriptedModel("deep").llm_config)
    outer = agent("outer", default_auto_reply="x")
    asks = {"recipient": inner, "message": "and?", "max_turns": 1, "summary_method": "last_msg"}
    outer.register_nested_chats([asks], trigger=lambda sender: sender.name == "user")
    call(agent("user").initiate_chat, outer, message="go", max_turns=1, checkpoint=tmp_path / "c.db")
    report = read_report(tmp_path / "c.db")
    assert list_turns(report) == [("1", "user"), ("2.1", "outer"), ("2.2", "inner"), ("2", "outer")]
    assert report.find_turn("2.2").text == "deep"
    assert [turn.number for turn in report.conversation.turns] == ["1", "2"]
    assert report.find_turn("2").chats[0].initiator == "outer"
    assert {sums.agent: sums.requests for sums in report.agents}["inner"] == 1


def test_a_chat_that_was_cut_short(call, agent, tmp_path):
    def die(messages):
        raise SystemExit

    b = agent("b", llm_config=ScriptedModel("one", die).llm_config)
    with pytest.raises(SystemExit):
        call(agent("a", default_auto_reply="more").initiate_chat, b, message="hi", max_turns=2, checkpoint=tmp_path / "c.db")
    report = read_report(tmp_path / "c.db")
    assert report.state == "failed"
    assert report.reason.startswith("SystemExit")
    assert report.unfinished == ["requests to scripted, for b"]
    assert list_turns(report) == [("1", "a"), ("2", "b"), ("3", "a")]


def event(kind, at, **more):
    return {"type": kind, "at": at, "chat": "main", **more}


MODEL = {"agent": "b", "model": "m", "endpoint": "", "attempt": 1}
BEGUN = [
    event("chat_started", 0.0, initiator="a", recipient="b"),
    event("message_sent", 1.0, sender="a", recipient="b", message="hi"),
    event("model_asked", 2.0, **MODEL),
]
DONE = [
    event("model_asked", 1000.0, **MODEL),
    event("model_answered", 1003.0, **MODEL, cached=False, prompt_tokens=1, completion_tokens=2, cost=0.0, seconds=3.0),
    event("message_sent", 1004.0, sender="b", recipient="a", message="there"),
]


@pytest.mark.parametrize("error", [True, False], ids=["it ended by an error", "it was killed"])
def test_time_without_a_process_is_not_counted(error):
    failed = [event("chat_ended", 3.0, error="SystemExit")] if error else []
    report = build_report([*BEGUN, *failed, *DONE, event("chat_ended", 1004.0, error=None, stop_reason="max_turns")])
    assert report.conversation.turns[1].seconds == (6.0 if error else 5.0)
    assert report.conversation.restarts == 1
    assert report.state == "ended"
    assert report.total.requests == 2


@pytest.mark.parametrize("what", ["tool", "code"])
def test_time_without_a_process_while_something_was_under_way(what):
    begun = [
        event("tool_called", 2.0, agent="b", name="f", arguments="{}"),
        event("code_started", 2.0, agent="b", blocks=[["sh", "true"]]),
    ]
    over = [
        event("tool_returned", 1002.0, agent="b", name="f", success=False, content="It is not known.", seconds=1.0),
        event("code_ended", 1002.0, agent="b", exit_code=1, output="It is not known.", seconds=1.0),
    ]
    position = ["tool", "code"].index(what)
    report = build_report([*BEGUN[:2], begun[position], over[position], {**DONE[2], "at": 1003.0}])
    assert report.conversation.turns[1].seconds == 3.0
    assert report.conversation.restarts == 1


@pytest.mark.slow
def test_a_chat_whose_process_was_killed_and_that_was_taken_up_again(tmp_path):
    script = (
        "import os, sys\n"
        "from autogen import ConversableAgent\n"
        "from autogen.testing import ScriptedModel\n"
        "quiet = {'human_input_mode': 'NEVER', 'silent': True}\n"
        "words = ['one', lambda messages: os.kill(os.getpid(), 9)] if sys.argv[2] == 'first' else ['two', 'three']\n"
        "a = ConversableAgent('a', llm_config=False, default_auto_reply='more', **quiet)\n"
        "b = ConversableAgent('b', llm_config=ScriptedModel(*words).llm_config, **quiet)\n"
        "a.initiate_chat(b, message='hi', max_turns=3, checkpoint=sys.argv[1])\n"
    )
    ends = []
    for process in ("first", "second"):
        command = [sys.executable, "-c", script, str(tmp_path / "c.db"), process]
        ends.append(subprocess.run(command, capture_output=True, timeout=60, check=False).returncode)
        report = read_report(tmp_path / "c.db")
        if process == "first":
            assert (report.state, report.unfinished) == ("open", ["requests to scripted, for b"])
    assert [end == 0 for end in ends] == [False, True]
    assert (report.state, report.unfinished) == ("ended", [])
    assert [turn.text for turn in report.conversation.turns] == ["hi", "one", "more", "two", "more", "three"]


def test_a_recording_that_stops_tells_what_was_under_way():
    report = build_report(BEGUN)
    assert report.state == "open"
    assert report.unfinished == ["requests to m, for b"]


def test_the_slowest_turns_without_the_time_of_humans():
    asked = [
        event("human_asked", 5.0, agent="a", prompt="?"),
        event("human_answered", 95.0, agent="a", text="so"),
        event("message_sent", 96.0, sender="a", recipient="b", message="so"),
    ]
    report = build_report([*BEGUN, event("message_sent", 5.0, sender="b", recipient="a", message="there"), *asked])
    assert [(sums.number, sums.seconds) for sums in report.slowest] == [("2", 4.0), ("1", 1.0), ("3", 1.0)]
    assert report.total.waited == 90.0


def test_the_reply_function_of_a_program_that_was_under_way():
    step = {
        "kind": "reply",
        "about": "b:ask_the_database",
        "scope": "/chat:a->b#0",
        "finished": False,
        "value": None,
        "at": 2.0,
    }
    inside = {**step, "kind": "model", "about": "x", "scope": "/chat:a->b#0/reply:b:ask_the_database#0", "finished": True}
    assert build_report(BEGUN[:2], [step]).unfinished == ["the reply function b:ask_the_database"]
    assert build_report(BEGUN[:2], [step, inside]).unfinished == []  # it is open by design: what is within it is read


def test_events_of_a_chat_that_nobody_began_belong_to_the_whole():
    lost = {**DONE[2], "chat": "other"}
    report = build_report([*BEGUN, lost, event("message_sent", 9.0, sender="b", recipient="a", message="x")])
    assert list_turns(report) == [("1", "a"), ("2.1", "b"), ("2", "b")]


def test_chats_that_claim_to_be_within_each_other():
    started = [
        {"type": "chat_started", "at": 0.0, "chat": str(n), "parent": str(n - 1), "initiator": "a", "recipient": "b"}
        for n in range(1, 500)
    ]
    sent = [{"type": "message_sent", "at": 1.0, "chat": "499", "sender": "a", "recipient": "b", "message": "deep"}]
    report = build_report([{**started[0], "parent": "499"}, *started, *sent])
    assert [turn.text for turn in iterate_turns(report.conversation)] == ["deep"]
    assert report.to_dict()["state"] == "open"


ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
WILD = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
KINDS = ["chat_started", "chat_ended", "message_sent", "reply_ended", "speaker_selected"]
KINDS += ["model_asked", "model_answered", "model_failed", "tool_called", "tool_returned", "code_started", "code_ended"]
KINDS += ["human_asked", "human_answered", "reasoning_tree", "nobody_knows"]
FIELDS = ["at", "sender", "recipient", "message", "agent", "name", "arguments", "content", "blocks", "output", "exit_code"]
FIELDS += [
    "error",
    "summary",
    "attempt",
    "cost",
    "prompt_tokens",
    "cached",
    "seconds",
    "text",
    "speaker",
    "why",
    "stop_reason",
]
IDS = st.sampled_from(["a", "b", "c", "d", "a/tool:f#0", ""])
EVENTS = st.builds(
    lambda kind, chat, parent, operation, outer, more: {
        **more,
        "type": kind,
        "chat": chat,
        "parent": parent,
        "operation": operation,
        "parent_operation": outer,
    },
    st.sampled_from(KINDS),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["a", "b", "c", ""]),
    IDS,
    IDS,
    st.dictionaries(st.sampled_from(FIELDS), WILD, max_size=8),
)


@pytest.mark.slow
@given(st.lists(EVENTS | WILD, max_size=12))
def test_no_file_is_too_strange(events):
    report = build_report(events)
    assert render_page(report, "x.db").encode()
    assert report.to_dict()
