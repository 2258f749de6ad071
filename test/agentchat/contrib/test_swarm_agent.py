"""The older names for group chats with hand-offs."""

import asyncio
from dataclasses import fields

import pytest

from autogen.agentchat.contrib import swarm_agent
from autogen.agentchat.contrib.swarm_agent import (
    AFTER_WORK,
    ON_CONDITION,
    UPDATE_SYSTEM_MESSAGE,
    AfterWork,
    AfterWorkOption,
    OnCondition,
    OnContextCondition,
    SwarmAgent,
    SwarmResult,
    a_initiate_swarm_chat,
    initiate_swarm_chat,
    register_hand_off,
)
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    ContextExpression,
    ContextVariables,
    GroupManagerTarget,
    NestedChatTarget,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
)
from autogen.agentchat.group import OnContextCondition as OnContextConditionOfGroups
from autogen.testing import ScriptedModel, tool_call

QUIET = {"silent": True}


@pytest.fixture
def swarm(mode):
    def swarm(*args, **options):
        options = options if len(args) > 4 else {"swarm_manager_args": QUIET, **options}
        if mode == "sync":
            return initiate_swarm_chat(*args, **options)
        return asyncio.run(a_initiate_swarm_chat(*args, **options))

    return swarm


@pytest.fixture
def speaker(agent):
    def make(name, *script, **options):
        model = ScriptedModel(*script) if script else None
        made = agent(name, llm_config=model.llm_config if model else False, **{"default_auto_reply": name, **options})
        made.model = model
        return made

    return make


def names(result):
    return [message.get("name") for message in result.chat_history]


def test_a_swarm_hands_over_by_tools_of_the_older_names(swarm, speaker):
    refund = speaker("refund")
    triage = speaker("triage", tool_call("transfer_triage_to_refund"))
    register_hand_off(triage, [OnCondition(refund, "Money back."), OnCondition(refund, "Also."), AfterWork(refund)])
    result, known, last = swarm(triage, "Hi", [triage, refund], context_variables={"a": 1})
    assert names(result) == ["user", "triage", "triage", "refund"]
    assert last is refund
    assert isinstance(known, ContextVariables)
    assert known == {"a": 1}
    tools = [tool["function"]["name"] for tool in triage.model.requests[0]["tools"]]
    assert tools == ["transfer_triage_to_refund", "transfer_triage_to_refund_2"]


def test_every_name_is_there():
    for name in swarm_agent.__all__:
        assert getattr(swarm_agent, name)
    assert AFTER_WORK is AfterWork
    assert ON_CONDITION is OnCondition


@pytest.mark.parametrize(
    ("option", "spoken"),
    [
        (AfterWorkOption.TERMINATE, ["user", "a"]),
        ("TERMINATE", ["user", "a"]),
        (AfterWorkOption.STAY, ["user", "a", "a", "a"]),
        (AfterWorkOption.REVERT_TO_USER, ["user", "a", "user", "a"]),
        ("b", ["user", "a", "b", "b"]),
        (
            lambda last, messages, group: group.agents[1] if len(messages) == 2 else AfterWorkOption.TERMINATE,
            ["user", "a", "b"],
        ),
        (lambda last, messages, group: None, ["user", "a"]),
    ],
)
def test_after_work(swarm, speaker, option, spoken):
    a, b, user = speaker("a"), speaker("b"), speaker("user")
    result, *_ = swarm(a, "Hi", [a, b], user, max_rounds=4, after_work=option)
    assert names(result) == spoken
    register_hand_off(a, AfterWork(option))
    result, *_ = swarm(a, "Hi", [a, b], user, max_rounds=3)
    assert names(result) == spoken[:3]


def test_the_manager_may_choose(swarm, speaker):
    a, b = speaker("a"), speaker("b")
    user = speaker("user")
    model = ScriptedModel("b")
    register_hand_off(a, AfterWork(AfterWorkOption.SWARM_MANAGER, "Choose of {agentlist} now."))
    result, *_ = swarm(a, "Hi", [a, b], user, {"llm_config": model.llm_config, **QUIET}, max_rounds=3)
    assert names(result) == ["user", "a", "b"]
    assert "Choose of ['a', 'b', 'user'] now." in str(model.asked[0])


@pytest.mark.parametrize("key", ["", "!"])
def test_availability_by_name_may_be_turned_round(swarm, speaker, key):
    b = speaker("b")
    a = speaker("a", "Hello.")
    register_hand_off(a, OnCondition(b, "Go.", available=f"{key}logged_in"))
    swarm(a, "Hi", [a, b], context_variables={"logged_in": True})
    assert ("tools" in a.model.requests[0]) is (key == "")


def test_data_may_hand_over(swarm, speaker):
    a, b = speaker("a"), speaker("b")
    register_hand_off(a, OnContextCondition(b, ContextExpression("${n} > 1")))
    result, *_ = swarm(a, "Hi", [a, b], context_variables=ContextVariables({"n": 2}))
    assert names(result) == ["user", "b"]


def test_nested_chats_are_a_target(swarm, speaker, agent):
    expert = agent("expert", default_auto_reply="42")
    a = speaker("a", tool_call("transfer_a_to_nested_chat"), "It is 42.")
    register_hand_off(a, OnCondition({"chat_queue": [{"recipient": expert, "max_turns": 1}]}, "Hard ones."))
    result, *_ = swarm(a, "Hi", [a])
    assert [message["content"] for message in result.chat_history][2:] == ["42", "It is 42."]


@pytest.mark.parametrize("by", ["agent", "name"])
def test_a_swarm_agent_is_a_deprecated_plain_agent(swarm, speaker, by):
    b = speaker("b")

    def go(city: str, context_variables: dict) -> SwarmResult:
        """Go somewhere.

        Args:
            city: Where.
        """
        return SwarmResult(f"Off to {city}.", b if by == "agent" else "b", {"city": city})

    model = ScriptedModel(tool_call("go", city="Oslo"))
    with pytest.warns(DeprecationWarning, match="SwarmAgent is deprecated"):
        a = SwarmAgent(
            "a",
            llm_config=model.llm_config,
            functions=go,
            update_agent_state_before_reply=[UPDATE_SYSTEM_MESSAGE("In {city}.")],
            silent=True,
        )
    result, known, last = swarm(a, "Hi", [a, b], context_variables={"city": "Rome"})
    assert last is b
    assert known == {"city": "Oslo"}
    assert result.chat_history[2]["content"] == "Off to Oslo."
    assert model.requests[0]["tools"][0]["function"]["description"] == "Go somewhere."
    assert model.asked[0][0]["content"].startswith("In ")


@pytest.mark.parametrize(
    ("make", "target"),
    [
        (lambda b: OnCondition(b, "Go."), AgentTarget),
        (lambda b: ON_CONDITION(target=b, condition="Go.", available="x"), AgentTarget),
        (lambda b: OnCondition("b", "Go."), AgentNameTarget),
        (lambda b: OnCondition(AfterWorkOption.TERMINATE, "Go."), TerminateTarget),
        (lambda b: OnCondition("STAY", "Go."), StayTarget),
        (lambda b: OnContextCondition(AfterWorkOption.REVERT_TO_USER, "x"), RevertToUserTarget),
        (
            lambda b: OnCondition({"chat_queue": [{"recipient": b}], "config": None, "use_async": False}, "Go."),
            NestedChatTarget,
        ),
        (lambda b: AFTER_WORK(b), AgentTarget),
        (lambda b: AfterWork(agent="SWARM_MANAGER"), GroupManagerTarget),
        (lambda b: SwarmResult(values="x", agent=AfterWorkOption.STAY), StayTarget),
    ],
)
def test_targets_in_every_spelling(speaker, make, target):
    assert isinstance(make(speaker("b")).target, target)


def test_the_agent_of_the_first_swarms_is_the_target(speaker):
    b = speaker("b")
    with pytest.warns(DeprecationWarning, match="use target"):
        rule = OnCondition(agent=b, condition="Go.")
    assert rule.target == AgentTarget(b)
    for arguments in ({}, {"agent": b, "target": b}):
        with pytest.raises(TypeError, match="takes a target, got"):
            OnCondition(condition="Go.", **arguments)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (AfterWork, {"agent", "next_agent_selection_msg"}),
        (OnCondition, {"target", "condition", "available"}),
        (OnContextCondition, {"target", "condition", "available"}),
    ],
)
def test_rules_are_dataclasses(kind, names):
    assert {field.name for field in fields(kind)} >= names


def test_hand_offs_are_registered_by_a_method_too(swarm, speaker):
    a, b = speaker("a"), speaker("b")
    with pytest.warns(DeprecationWarning, match=r"use agent\.handoffs"):
        a.register_hand_off([AfterWork(b)])
    a.register_handoff(OnContextConditionOfGroups(b, "ready"))
    b.register_handoffs([OnContextConditionOfGroups(a, "never")])
    result, *_ = swarm(a, "Hi", [a, b], context_variables={"ready": False}, max_rounds=3)
    assert names(result) == ["user", "a", "b"]
    result, *_ = swarm(a, "Hi", [a, b], context_variables={"ready": True}, max_rounds=3)
    assert names(result) == ["user", "b"]


def test_results_name_their_agents(speaker):
    result = SwarmResult("x", "b")
    texts = [result.serialize_agent(agent) for agent in (speaker("a"), "b", AfterWorkOption.STAY, None)]
    assert texts == ["a", "b", "STAY", ""]


def test_an_invalid_hand_off_is_refused(speaker):
    a = speaker("a")
    with pytest.raises(ValueError, match="A hand-off must be"):
        register_hand_off(a, [AfterWork(AfterWorkOption.STAY), "b"])
    assert a.handoffs.after_works == []
