"""`clear history [agent] [number]`: the command with which a human makes a team forget."""

import pytest

from autogen import GroupChat, GroupChatManager
from autogen.testing import tool_call

SAID = ["go", "one", "two", "three"]


@pytest.fixture
def team(agent):
    """Three members and a manager after a talk of four messages."""
    members = [agent(name) for name in ("alice", "bob", "sam")]
    manager = GroupChatManager(GroupChat(members, [], enable_clear_history=True), llm_config=False, silent=True)
    for text in SAID:
        manager.groupchat.append({"role": "user", "content": text}, members[0])
        for member in members:
            member._append_oai_message(text, "user", manager, is_sending=False)
    return manager


def remembered(manager):
    """How many messages each member and the record hold."""
    members = [len(member.chat_messages.get(manager, ())) for member in manager.groupchat.agents]
    return (*members, len(manager.groupchat.messages))


@pytest.mark.parametrize(
    ("typed", "rest", "left"),
    [
        ("clear history", "", (0, 0, 0, 0)),
        ("CLEAR HISTORY", "", (0, 0, 0, 0)),
        ("clear history bob", "", (4, 0, 4, 4)),
        ("clear history 3", "", (3, 3, 3, 3)),
        ("clear history bob 3", "", (4, 3, 4, 4)),
        ("clear history 3 bob", "", (4, 3, 4, 4)),
        ("clear history bob. How are you?", "How are you?", (4, 0, 4, 4)),
        ("clear history 1. Hi", "Hi", (1, 1, 1, 1)),
        ("please clear history now", "please now", (0, 0, 0, 0)),
        ("clear history Bob go", "Bob go", (0, 0, 0, 0)),
        ("clear history 1 2 go", "2 go", (2, 2, 2, 2)),
        ("clear history 0 go", "go", (0, 0, 0, 0)),
        ("clear history, bob go", "go", (4, 0, 4, 4)),
        ("clear history 1 then clear history 2", "clear history 1 then", (2, 2, 2, 2)),
        ("clear history 3 but don't clear mine", "but don't clear mine", (3, 3, 3, 3)),
        ("clear history 5", "", (4, 4, 4, 4)),
        ("clear history 99 bob", "", (4, 4, 4, 4)),
    ],
)
def test_the_command(team, capsys, typed, rest, left):
    record = team.groupchat.messages
    assert team.clear_agents_history({"content": typed, "role": "user"}, team.groupchat) == rest
    assert remembered(team) == left
    assert team.groupchat.messages is record
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 1
    assert ("bob" in shown[0]) is ("bob" in typed)


def test_it_says_what_is_kept(team, capsys):
    team.clear_agents_history({"content": "clear history bob 3"}, team.groupchat)
    shown = capsys.readouterr().out
    assert "bob" in shown
    assert "3" in shown


def test_all_conversations_of_a_member_are_cleared(team, agent):
    bob, friend = team.groupchat.agents[1], agent("friend")
    bob.send("hi", friend, request_reply=False)
    team.clear_agents_history({"content": "clear history bob"}, team.groupchat)
    assert not any(bob.chat_messages.values())


@pytest.mark.parametrize("typed", ["unclear history", "clear the history", "nothing", "clear", ""])
def test_text_without_a_command_is_kept(team, typed):
    assert team.clear_agents_history({"content": typed, "role": "user"}, team.groupchat) == typed
    assert remembered(team) == (4, 4, 4, 4)


def typed_in_a_run(call, speaker, manage, reply, **group):
    a, b = speaker("a"), speaker("b", reply, "next")
    manager = manage([a, b], max_round=2, **{"enable_clear_history": True, **group})
    call(a.initiate_chat, manager, message="go")
    return [message["content"] for message in manager.groupchat.messages]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"role": "user", "content": "clear history. Now"}, ["Now"]),
        ({"role": "user", "content": "clear history"}, [""]),
        ({"role": "user", "content": "unclear history"}, ["go", "unclear history"]),
        ({"role": "user", "content": "clear  history"}, ["go", "clear  history"]),
        ("clear history", ["go", "clear history"]),
        ({"content": "clear history"}, ["go", "clear history"]),
        ({"role": "assistant", "content": "clear history", "tool_calls": [tool_call("f")]}, ["go", "clear history"]),
        ({"role": "tool", "content": "clear history", "tool_responses": []}, ["go", "clear history"]),
        ({"role": "function", "name": "f", "content": "clear history"}, ["go", "clear history"]),
    ],
)
def test_humans_are_obeyed_in_a_run_and_nobody_else(call, speaker, manage, reply, said):
    assert typed_in_a_run(call, speaker, manage, reply) == said


def test_nobody_is_obeyed_where_it_is_not_enabled(call, speaker, manage):
    reply = {"role": "user", "content": "clear history"}
    assert typed_in_a_run(call, speaker, manage, reply, enable_clear_history=False) == ["go", "clear history"]


def test_a_human_at_a_prompt_is_obeyed(call, agent, speaker, manage, record):
    typed = iter(["hello", "clear history bob 1 go on", "exit"])
    sam = agent("sam", human_input_mode="ALWAYS", human_input_source=lambda prompt: next(typed))
    bob = speaker("bob", "one", "two", "three")
    manager = manage([sam, bob], enable_clear_history=True)
    call(sam.initiate_chat, manager, message="hi")
    assert [text for _, text in record(manager)] == ["hi", "one", "hello", "two", "go on", "three"]
    assert [message["content"] for message in bob.chat_messages[manager]] == ["two", "go on", "three"]


def test_a_pending_call_keeps_its_message(call, agent, speaker, manage, caplog):
    typed = iter(["clear history", "exit"])
    sam = agent("sam", human_input_mode="ALWAYS", human_input_source=lambda prompt: next(typed))
    bob = speaker("bob", {"content": None, "tool_calls": [tool_call("f", call_id="1")]}, "done")
    manager = manage([sam, bob], enable_clear_history=True, func_call_filter=False)
    call(sam.initiate_chat, manager, message="hi")
    assert [message.get("tool_calls", [{}])[0].get("id") for message in manager.groupchat.messages] == ["1", None, None]
    assert manager.groupchat.messages[1]["tool_responses"][0]["tool_call_id"] == "1"
    assert "kept" in caplog.text
