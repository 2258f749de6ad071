"""Groups with hand-offs can be saved, brought back, and cloned."""

import json

import pytest

from autogen.agentchat.contrib.swarm_agent import AfterWork, register_hand_off
from autogen.agentchat.contrib.swarm_agent import OnCondition as SwarmCondition
from autogen.agentchat.group import (
    ContextVariables,
    OnCondition,
    OnContextCondition,
    RandomAgentTarget,
    RevertToUserTarget,
    TerminateTarget,
)
from autogen.agentchat.group.patterns import DefaultPattern


@pytest.fixture
def group(member):
    """A new group, as a new process makes it: its manager, and its user."""

    def make():
        a, b = member("a", default_auto_reply="a"), member("b", default_auto_reply="b")
        user = member("user", default_auto_reply="user")
        a.handoffs.set_after_work(b)
        b.handoffs.add_after_work(OnContextCondition(TerminateTarget()))
        known = ContextVariables({"n": 0})
        a.register_hook("update_agent_state", lambda agent, messages: agent.context_variables.update(n=len(messages)))
        return DefaultPattern(a, [a, b], user, {"silent": True}, known).build()[1], user

    return make


def names(manager):
    return [message["name"] for message in manager.groupchat.messages]


def test_a_saved_group_goes_on_where_it_was(call, group):
    manager, user = group()
    call(user.initiate_chat, manager, message="Hello", silent=True)
    state = json.loads(json.dumps(manager.save_state()))
    assert state["selection"] == {"context_variables": {"n": 1}, "started": True, "target": None}
    again, user = group()
    again.load_state(state)
    assert again.groupchat.speaker_selection_method.context_variables == {"n": 1}
    call(user.initiate_chat, again, message="More", clear_history=False, silent=True)
    assert names(again) == ["user", "a", "b", "user", "b"]  # with whom it was, and not from the beginning


def test_a_hand_off_that_is_pending_is_saved_too(group):
    manager, _ = group()
    selector = manager.groupchat.speaker_selection_method
    selector._set_pending_target(RandomAgentTarget(manager.groupchat.agents[:2]))
    again, _ = group()
    again.load_state(json.loads(json.dumps(manager.save_state())))
    other = again.groupchat.speaker_selection_method
    assert other._pending_target == RandomAgentTarget(again.groupchat.agents[:2])


def test_a_variable_that_json_cannot_hold_is_named(group):
    manager, _ = group()
    manager.groupchat.speaker_selection_method.context_variables["odd"] = object()
    with pytest.raises(TypeError, match="'odd'"):
        manager.save_state()


def test_a_clone_hands_over_among_its_own_members(call, group):
    manager, user = group()
    call(user.initiate_chat, manager, message="Hello", silent=True)
    twin = manager.clone()
    before = names(manager), dict(manager.groupchat.speaker_selection_method.context_variables)
    starter = twin.groupchat.agent_by_name("user")
    call(starter.initiate_chat, twin, message="Hello", silent=True)
    assert names(twin) == ["user", "a", "b"]
    twin.groupchat.speaker_selection_method.context_variables["n"] = 99
    assert (names(manager), dict(manager.groupchat.speaker_selection_method.context_variables)) == before


def test_a_clone_of_an_agent_has_hand_offs_and_variables_of_its_own(member):
    a, b = member("a"), member("b")
    a.context_variables["mine"] = 1
    a.handoffs.add_many([OnCondition(b, "Go."), OnContextCondition(RandomAgentTarget([b]), "yes")])
    register_hand_off(a, [SwarmCondition(b, "Go."), AfterWork("REVERT_TO_USER")])
    twin = a.clone()
    assert "mine" not in twin.context_variables
    assert list(twin.handoffs.tools()) == list(a.handoffs.tools()) == ["transfer_to_b_1", "transfer_a_to_b"]
    assert twin.handoffs.after_works[0].target == RevertToUserTarget()
    twin.handoffs.clear()
    assert len(a.handoffs.llm_conditions) == 2
