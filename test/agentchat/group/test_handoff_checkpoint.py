"""Chats with hand-offs that are taken up again have what tools did to them, without running these again."""

import asyncio

import pytest

from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    ContextVariables,
    GroupManagerTarget,
    OnContextCondition,
    RandomAgentTarget,
    ReplyResult,
    RevertToUserTarget,
    TerminateTarget,
    a_initiate_group_chat,
    initiate_group_chat,
)
from autogen.agentchat.group.patterns import DefaultPattern
from autogen.testing import ScriptedModel, tool_call


@pytest.fixture
def hold(mode, member, tmp_path):
    """Hold the same chat again and again; each time with new agents, as a new process has them."""
    ran = []

    def hold(make_target, *script):
        a, b, user = member("a", *script), member("b", default_auto_reply="b"), member("user", default_auto_reply="user")
        known = ContextVariables({"count": 0, "gone": 1, "items": []})

        @a.register_for_execution()
        @a.register_for_llm(description="Go.")
        def go(context_variables: ContextVariables) -> ReplyResult:
            ran.append("go")
            context_variables["count"] += 1
            context_variables["items"].append("in place")
            context_variables.remove("gone")
            return ReplyResult("went", make_target(a, b), {"result": True})

        a.handoffs.add_after_work(OnContextCondition(TerminateTarget()))
        user.handoffs.set_after_work(TerminateTarget())
        model = ScriptedModel(lambda messages: "b")
        pattern = DefaultPattern(a, [a, b], user, {"silent": True, "llm_config": model.llm_config}, known)
        options = {"silent": True, "checkpoint": str(tmp_path / "chat.db")}
        if mode == "sync":
            result, *_ = initiate_group_chat(pattern, "Hello", **options)
        else:
            result, *_ = asyncio.run(a_initiate_group_chat(pattern, "Hello", **options))
        talk = [(message["name"], message["content"]) for message in result.chat_history]
        return talk, known.to_dict(), ran.copy()

    return hold


@pytest.mark.parametrize(
    ("make_target", "last"),
    [
        (lambda a, b: b, "b"),
        (lambda a, b: AgentTarget(b), "b"),
        (lambda a, b: AgentNameTarget("b"), "b"),
        (lambda a, b: RandomAgentTarget([a, b]), "b"),
        (lambda a, b: RevertToUserTarget(), "user"),
        (lambda a, b: TerminateTarget(), "a"),
        (lambda a, b: GroupManagerTarget("Choose of {agentlist}."), "b"),
    ],
)
def test_a_hand_off_by_a_tool_is_kept(hold, make_target, last):
    first = hold(make_target, tool_call("go", call_id="1"))
    assert first[0][-1][0] == last
    assert first[1] == {"count": 1, "items": ["in place"], "result": True}
    assert first[2] == ["go"]
    assert hold(make_target, "not asked") == first  # the tool did not run again, nor was the model asked


def test_a_hand_off_that_json_cannot_hold_is_logged(hold, caplog):
    hold(lambda a, b: lambda last, group: b, tool_call("go", call_id="1"))
    assert "JSON can't represent a hand-off to <lambda>" in caplog.text


def test_a_variable_that_json_cannot_hold_is_logged(hold, caplog):
    def make_target(a, b):
        a.context_variables["odd"] = object()
        return b

    _, known, _ = hold(make_target, tool_call("go", call_id="1"))
    assert "odd" in known
    assert "JSON can't represent the context variable 'odd'" in caplog.text
