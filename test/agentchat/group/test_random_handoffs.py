"""Whatever the hand-offs are: a run ends, members speak, and sync and async hold the same talk."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.group import (
    AgentNameTarget,
    ContextExpression,
    ContextVariables,
    HandoffSelector,
    OnCondition,
    OnContextCondition,
    ReplyResult,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
)
from autogen.testing import ScriptedModel, tool_call

NAMES = ["a", "b", "c", "user"]
TARGETS = st.one_of(
    st.sampled_from(NAMES).map(AgentNameTarget),
    st.sampled_from([StayTarget(), TerminateTarget(), RevertToUserTarget()]),
)
CONDITIONS = st.sampled_from(
    [None, "yes", "no", ContextExpression("${n} > 2"), ContextExpression("not ${no} & len(${text}) == 3")]
)
RULES = st.lists(st.builds(OnContextCondition, TARGETS, CONDITIONS, CONDITIONS), max_size=2)
SAYS = st.lists(
    st.one_of(
        st.just("text"),
        st.integers(1, 3).map(lambda place: [place]),
        st.lists(st.integers(0, 3), min_size=2, max_size=3),
    ),
    min_size=1,
    max_size=4,
)
MEMBER = st.fixed_dictionaries({"context": RULES, "after": RULES, "llm": st.lists(TARGETS, max_size=3), "says": SAYS})


def model_of(says):
    """A model that says these things again and again: text, or calls of the hand-offs with these numbers; 0 is a tool."""
    turn = iter(range(10**6))

    def answer(messages):
        said = says[next(turn) % len(says)]
        return said if isinstance(said, str) else [tool_call(f"go_{place}" if place else "count") for place in said]

    return ScriptedModel(answer)


def held(plans, asynchronous):
    known = ContextVariables({"yes": True, "no": False, "n": 0, "text": "abc"})
    members = []
    for name, plan in zip(NAMES, plans, strict=True):
        llm_config = model_of(plan["says"]).llm_config if name != "user" else False
        one = ConversableAgent(name, human_input_mode="NEVER", llm_config=llm_config, silent=True)
        rules = [OnCondition(target, "Go.", llm_function_name=f"go_{place}") for place, target in enumerate(plan["llm"], 1)]
        one.handoffs.add_many(rules).add_context_conditions(plan["context"]).add_after_works(plan["after"])
        one.register_function({"count": count})
        members.append(one)
    user = members[-1]
    selector = HandoffSelector(members[0], RevertToUserTarget(), user, context_variables=known)
    group = GroupChat(members, max_round=15, speaker_selection_method=selector)
    manager = GroupChatManager(group, llm_config=False, silent=True)
    if asynchronous:
        result = asyncio.run(user.a_initiate_chat(manager, message="Hello", silent=True))
    else:
        result = user.initiate_chat(manager, message="Hello", silent=True)
    talk = [(one["name"], one["content"], len(one.get("tool_calls") or ())) for one in group.messages]
    return talk, dict(known), str(result.stop_reason)


def count(context_variables):
    context_variables["n"] += 1
    return ReplyResult(f"{context_variables['n']}")


@given(st.tuples(MEMBER, MEMBER, MEMBER, MEMBER))
def test_every_talk_ends_and_is_the_same_in_both_colours(plans):
    talk, known, reason = held(plans, asynchronous=False)
    assert held(plans, asynchronous=True) == (talk, known, reason)
    assert len(talk) <= 15
    assert {name for name, *_ in talk} <= set(NAMES)
    assert reason in ("terminate_target", "max_round")
    for (name, _, calls), following in itertools.pairwise(talk):
        assert not calls or following[0] == name  # calls are carried out in the caller's name
