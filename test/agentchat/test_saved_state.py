"""States that can be kept anywhere and brought back into new agents."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.testing import ScriptedModel, tool_call

KEY = "sk-planted-0123456789abcdefghijklmnop"


def kept(state):
    """A state that was written down and read."""
    return json.loads(json.dumps(state))


def contents(history):
    return [message["content"] for message in history]


def test_a_conversation_goes_on_in_new_agents(call, agent):
    a, b = agent("a", default_auto_reply="A"), agent("b", llm_config=ScriptedModel("one", "two").llm_config)
    b.update_system_message("You are b.")
    b.update_max_consecutive_auto_reply(7, a)
    call(a.initiate_chat, b, message="hi", max_turns=2)
    states = kept(a.save_state()), kept(b.save_state())
    model = ScriptedModel("three")
    new_a, new_b = agent("a", default_auto_reply="A"), agent("b", llm_config=model.llm_config)
    new_a.load_state(states[0], [new_b])
    new_b.load_state(states[1], [new_a])
    assert contents(new_a.chat_messages[new_b]) == ["hi", "one", "A", "two"]
    assert (new_b.system_message, new_b.max_consecutive_auto_reply(new_a)) == ("You are b.", 7)
    assert new_b._consecutive_auto_reply_counter[new_a] == b._consecutive_auto_reply_counter[a] == 2
    result = call(new_a.initiate_chat, new_b, message="more", max_turns=1, clear_history=False)
    assert contents(result.chat_history) == ["hi", "one", "A", "two", "more", "three"]
    assert contents(model.asked[0]) == ["You are b.", "hi", "one", "A", "two", "more"]


def test_calls_and_human_input_are_kept(call, agent):
    model = ScriptedModel(tool_call("f", call_id="c1"), "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent(
        "user", human_input_mode="TERMINATE", human_input_source=lambda prompt: "exit", function_map={"f": lambda: 1}
    )
    user._is_termination_msg = lambda message: message["content"] == "done"
    call(user.initiate_chat, caller, message="hi")
    new = agent("user")
    peer = agent("caller")
    new.load_state(kept(user.save_state()), [peer])
    assert new.chat_messages[peer] == user.chat_messages[caller]
    assert new.save_state()["human_input"] == ["exit"]
    assert new.save_state()["stop_reasons"] == {"caller": "human_exit"}


def test_no_key_is_in_a_state(agent):
    entry = {"model": "m", "api_key": KEY, "base_url": "http://127.0.0.1:1/v1"}
    assert KEY not in json.dumps(agent("a", llm_config={"config_list": [entry]}).save_state())


def group_of(agent, **options):
    members = [agent(name, default_auto_reply=f"{name} speaks") for name in ("ann", "bob", "cy")]
    group = GroupChat(members, max_round=4, speaker_selection_method="round_robin", **options)
    return GroupChatManager(group, llm_config=False, silent=True), members


def test_a_group_chat_goes_on_with_new_members(call, agent):
    manager, members = group_of(agent, send_introductions=True)
    call(members[0].initiate_chat, manager, message="hi")
    state = kept(manager.save_state())
    new_manager, new_members = group_of(agent, send_introductions=True)
    new_manager.load_state(state)
    assert new_manager.groupchat.messages == manager.groupchat.messages
    assert new_manager.last_speaker is new_members[0]
    for old, new in zip(members, new_members, strict=True):
        assert new.chat_messages[new_manager] == old.chat_messages[manager]
    result = call(new_members[1].initiate_chat, new_manager, message="on we go", clear_history=False)
    assert contents(new_manager.groupchat.messages)[3:6] == ["ann speaks", "on we go", "cy speaks"]
    assert contents(result.chat_history)[-5:] == ["ann speaks", "on we go", "cy speaks", "ann speaks", "bob speaks"]


def test_a_group_of_others_is_refused_and_nothing_changes(call, agent):
    manager, members = group_of(agent)
    call(members[0].initiate_chat, manager, message="hi")
    state = kept(manager.save_state())
    state["members"]["dan"] = state["members"].pop("cy")
    before = manager.save_state()
    with pytest.raises(ValueError, match="dan"):
        manager.load_state(state)
    broken = kept(before)
    broken["members"]["cy"]["histories"]["stranger"] = []
    broken["members"]["ann"]["human_input"] = ["changed"]
    with pytest.raises(ValueError, match="stranger"):
        manager.load_state(broken)
    assert manager.save_state() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "group"}, "not the state of an agent"),
        ({"version": 2}, "version 2"),
        ({"version": None}, "version None"),
        ({"name": "z"}, "'z'"),
        ({"histories": {"nobody": []}}, "nobody"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(agent, change, said):
    a = agent("a")
    a._human_input.append("kept")
    with pytest.raises(ValueError, match=said):
        a.load_state({**a.save_state(), **change, "human_input": ["changed"]})
    assert a._human_input == ["kept"]
    with pytest.raises(ValueError, match="not the state"):
        a.load_state([])


def test_what_json_cannot_hold_is_named(agent):
    a, b = agent("a"), agent("b")
    a.send({"content": "x", "context": {"f": object()}}, b)
    with pytest.raises(TypeError, match="Message 0 of 'a'"):
        a.save_state()


def test_two_peers_of_one_name_are_refused(agent):
    a = agent("a")
    for twin in (agent("twin"), agent("twin")):
        a.send("x", twin)
    with pytest.raises(ValueError, match="one name"):
        a.save_state()


TEXTS = st.text(max_size=20)
MESSAGES = st.lists(
    st.fixed_dictionaries({"content": TEXTS | st.none()}, optional={"name": TEXTS, "tool_call_id": TEXTS}).filter(
        lambda message: message["content"] is not None
    ),
    max_size=5,
)


@given(MESSAGES, MESSAGES, TEXTS)
def test_any_state_comes_back_as_it_was(one, other, system_message):
    a, b, c = (ConversableAgent(name, human_input_mode="NEVER", silent=True) for name in "abc")
    a.update_system_message(system_message)
    for message in one:
        a.send(message, b)
    for message in other:
        c.send(message, a)
    twin = ConversableAgent("a", human_input_mode="NEVER")
    twin.load_state(kept(a.save_state()), [b, c])
    assert twin.save_state() == a.save_state()
    assert list(twin.chat_messages) == list(a.chat_messages)
