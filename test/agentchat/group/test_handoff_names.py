"""The names for hand-offs: what each takes, refuses and means."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import autogen.agentchat.group as group
from autogen import AssistantAgent
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    AvailableCondition,
    ContextCondition,
    ContextExpression,
    ContextStr,
    ContextStrLLMCondition,
    ExpressionAvailableCondition,
    ExpressionContextCondition,
    GroupManagerTarget,
    Handoffs,
    LLMCondition,
    NestedChatTarget,
    OnCondition,
    OnContextCondition,
    RandomAgentTarget,
    ReplyResult,
    RevertToUserTarget,
    StayTarget,
    StringAvailableCondition,
    StringContextCondition,
    StringLLMCondition,
    TerminateTarget,
    TransitionTarget,
)
from autogen.agentchat.group.handoffs import get_handoffs

STAY, END = StayTarget(), TerminateTarget()


def test_every_name_is_there_for_editors_and_for_the_interpreter():
    source = ast.parse(Path(group.__file__).read_text())
    block = next(n for n in source.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    assert {alias.name for imported in block.body for alias in imported.names} == set(group._HOME)
    for name in group.__all__:
        assert getattr(group, name) is not None


@pytest.mark.slow
def test_the_package_is_not_loaded_by_import_autogen():
    probe = "import autogen.agentchat, sys; print([m for m in sys.modules if m.startswith('autogen.agentchat.group.')])"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "[]"


def test_an_agent_that_hands_over_to_nobody_has_no_handoffs_yet(agent):
    one = agent("one")
    assert "handoffs" not in vars(one)
    assert isinstance(one.handoffs, Handoffs)
    assert one.handoffs is one.handoffs
    assert one.handoffs is not agent("two").handoffs


def test_all_that_adds_can_be_chained(agent):
    two = agent("two")
    handoffs = agent("one").handoffs
    llm, data = OnCondition(two, "Go."), OnContextCondition(two)
    assert handoffs.add(llm).add(data).add_many([llm, data]).add_llm_condition(llm).add_llm_conditions((llm,)) is handoffs
    assert handoffs.add_context_condition(data).add_context_conditions([data]) is handoffs
    assert handoffs.set_after_work(END).add_after_work(data).add_after_works([data]) is handoffs
    assert (handoffs.llm_conditions, handoffs.context_conditions) == ([llm] * 4, [data] * 4)
    assert handoffs.clear() is handoffs
    assert not (handoffs.llm_conditions)
    assert not (handoffs.context_conditions)
    assert not (handoffs.after_works)


def test_the_after_work_without_a_condition_is_kept_last_and_is_one():
    fallback, other, newer = OnContextCondition(END), OnContextCondition(STAY, "vip"), OnContextCondition(STAY)
    handoffs = Handoffs().set_after_work(END).add_after_work(other)
    assert handoffs.after_works == [other, fallback]
    assert handoffs.add_after_work(newer).after_works == [other, newer]
    assert handoffs.set_after_work(END).after_works == [fallback]


@pytest.mark.parametrize("wrong", [None, "text", 3, END, [OnContextCondition(END)], OnCondition])
def test_an_invalid_condition_is_a_type_error(wrong):
    handoffs = Handoffs()
    for add in (handoffs.add, handoffs.add_llm_condition, handoffs.add_context_condition, handoffs.add_after_work):
        with pytest.raises(TypeError):
            add(wrong)


def test_conditions_of_the_other_kind_are_a_type_error(agent):
    llm, data = OnCondition(END, "Go."), OnContextCondition(END)
    handoffs = Handoffs()
    for add, wrong in (
        (handoffs.add_llm_condition, data),
        (handoffs.add_context_condition, llm),
        (handoffs.add_after_work, llm),
    ):
        with pytest.raises(TypeError, match="A hand-off must be"):
            add(wrong)
    for add_all in (handoffs.add_many, handoffs.add_llm_conditions, handoffs.add_after_works):
        with pytest.raises(TypeError, match="must be a list of"):
            add_all("text")
        with pytest.raises(TypeError):
            add_all(None)
    with pytest.raises(TypeError):
        handoffs.add_many([llm, "text"])
    assert handoffs.llm_conditions == []  # all or none


@pytest.mark.parametrize("wrong", ["refund", 3, None, object(), AgentTarget, AssistantAgent])
def test_an_invalid_target_is_a_type_error(wrong):
    for make in (
        lambda: OnCondition(wrong, "Go."),
        lambda: OnContextCondition(wrong),
        lambda: Handoffs().set_after_work(wrong),
    ):
        with pytest.raises(TypeError, match="A target must be"):
            make()


def test_an_agent_is_accepted_wherever_a_target_is(agent):
    two = agent("two")
    assert (
        OnCondition(two, "Go.").target == OnContextCondition(two).target == ReplyResult("", two).target == AgentTarget(two)
    )
    assert Handoffs().set_after_work(two).after_works[0].target == AgentTarget(two)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AgentTarget("two"),
        lambda: AgentNameTarget(3),
        lambda: RandomAgentTarget([]),
        lambda: RandomAgentTarget(["two"]),
        lambda: OnCondition(END, ""),
        lambda: OnCondition(END, None),
        lambda: OnCondition(END, 3),
        lambda: OnCondition(END, "Go.", available=3),
        lambda: OnContextCondition(END, 3),
        lambda: StringLLMCondition(" "),
        lambda: ContextStrLLMCondition(3),
        lambda: StringContextCondition(3),
        lambda: StringAvailableCondition(None),
        lambda: ExpressionContextCondition(3),
        lambda: ReplyResult("", target="two"),
        lambda: ReplyResult("", context_variables=[1]),
    ],
)
def test_wrong_arguments_are_type_errors(make):
    with pytest.raises(TypeError):
        make()


def test_a_coroutine_function_is_neither_condition_nor_target():
    async def later(*_):
        return True

    with pytest.raises(TypeError):
        OnContextCondition(END, later)
    with pytest.raises(TypeError):
        OnContextCondition(later)


@pytest.mark.parametrize("config", [{}, [], {"chat_queue": []}])
def test_nested_chats_need_a_queue(config):
    with pytest.raises(ValueError, match="chat_queue"):
        NestedChatTarget(config)


def test_the_name_of_a_tool_must_be_valid():
    with pytest.raises(ValueError, match="Invalid name"):
        OnCondition(END, "Go.", llm_function_name="no blanks")


def test_names_of_tools_are_valid_and_unique(agent):
    two = agent("two")
    rules = [
        OnCondition(target, "Go.") for target in (two, AgentNameTarget("Señor Größe" * 9), RevertToUserTarget(), STAY, two)
    ]
    rules.append(OnCondition(END, "Go.", llm_function_name="finish"))
    names = list(Handoffs().add_many(rules).tools())
    assert names[0] == "transfer_to_two_1"
    assert names[2:] == [
        "transfer_to_revert_to_user_3",
        "transfer_to_stay_4",
        "transfer_to_two_5",
        "finish",
    ]
    assert len(names[1]) == 64
    assert names[1].endswith("_2")
    assert names[1].isascii()


def test_two_tools_of_one_name_are_refused():
    handoffs = Handoffs().add(OnCondition(END, "Go.", llm_function_name="finish"))
    with pytest.raises(ValueError, match="same llm_function_name"):
        handoffs.add(OnCondition(STAY, "Stay.", llm_function_name="finish"))
    assert len(handoffs.llm_conditions) == 1


def test_programs_may_use_the_name_handoffs_for_their_own_data(agent):
    one = agent("one")
    one.handoffs = ["mine"]
    one.context_variables = {"mine": 1}
    assert get_handoffs(one) is None
    assert one.handoffs == ["mine"]
    assert one.context_variables == {"mine": 1}


VARIABLES = {"name": "Ada", "n": 3, "no": False}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("If {name} asks.", "If {name} asks."),
        (StringLLMCondition(prompt="If {name} asks."), "If {name} asks."),
        (ContextStr(template="If {name} asks."), "If Ada asks."),
        (ContextStrLLMCondition(ContextStr(template="If {name} asks.")), "If Ada asks."),
        (ContextStrLLMCondition("If {name} asks."), "If Ada asks."),
        (lambda agent, messages: f"If {agent} has {len(messages)}.", "If me has 0."),
    ],
)
def test_conditions_for_models_are_texts(given, text):
    condition = OnCondition(END, given).condition
    assert isinstance(condition, LLMCondition)
    assert condition.text("me", [], VARIABLES) == text


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ("name", True),
        ("no", False),
        ("missing", False),
        (StringContextCondition(variable_name="n"), True),
        (StringAvailableCondition(context_variable="no"), False),
        (ContextExpression("${n} > 2"), True),
        (ExpressionContextCondition(expression=ContextExpression("${n} > 3")), False),
        (ExpressionAvailableCondition(ContextExpression("${n} > 2")), True),
        (ExpressionAvailableCondition("${n} > 3"), False),
        (lambda agent, messages: messages, False),
    ],
)
def test_conditions_on_data_hold_or_not(given, holds):
    for condition in (OnContextCondition(END, given).condition, OnCondition(END, "Go.", given).available):
        assert condition.holds("me", [], VARIABLES) is holds


def test_kinds_of_conditions_can_be_distinguished():
    assert isinstance(StringContextCondition("a"), ContextCondition)
    assert isinstance(StringAvailableCondition("a"), AvailableCondition)
    assert isinstance(ExpressionContextCondition("1"), ContextCondition)
    assert isinstance(ExpressionAvailableCondition("1"), AvailableCondition)
    for target in (STAY, END, AskUserTarget(), GroupManagerTarget(), RevertToUserTarget(), AgentNameTarget("a")):
        assert isinstance(target, TransitionTarget)
        assert target.label
