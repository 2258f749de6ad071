"""Going on with a group chat from its messages."""

import json

import pytest

from autogen.agentchat.chat import StopReason
from autogen.testing import tool_call


def message(name, content, role="user", **more):
    return {"content": content, "role": role, "name": name, **more}


TALK = [message("a", "go"), message("b", "one"), message("a", "two TERMINATE")]


@pytest.fixture
def team(speaker, manage):
    members = [speaker("a", "A1", "A2"), speaker("b", "B1", "B2"), speaker("c")]
    return manage(members, max_round=3, send_introductions=True)


@pytest.fixture
def resume(call):
    return lambda manager, messages, *args, **options: call(manager.resume, messages, *args, **{"silent": True, **options})


def contents(messages):
    return [message["content"] for message in messages]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_chat_goes_on_where_it_was(team, call, resume, record, as_text):
    a, b, c = team.groupchat.agents
    before = json.dumps(TALK)
    last_agent, last_message = resume(team, team.messages_to_string(TALK) if as_text else TALK, "TERMINATE")
    assert (last_agent, last_message["content"]) == (a, "two ")
    assert record(team) == [("a", "go"), ("b", "one")]
    assert json.dumps(TALK) == before
    result = call(last_agent.initiate_chat, team, message=last_message, clear_history=False)
    assert record(team) == [("a", "go"), ("b", "one"), ("a", "two "), ("b", "B1")]
    assert result.stop_reason is StopReason.NO_REPLY
    for member in (a, b, c):
        assert contents(member.chat_messages[team]) == contents(team.groupchat.messages)


def test_everybody_has_the_role_they_had(team, resume):
    a, b, c = team.groupchat.agents
    resume(team, TALK)
    assert [m["role"] for m in a.chat_messages[team]] == ["assistant", "user"]
    assert [m["role"] for m in b.chat_messages[team]] == ["user", "assistant"]
    assert [m["name"] for m in c.chat_messages[team]] == ["a", "b"]
    assert {m["role"] for m in team.groupchat.messages} == {"user"}


def test_the_rounds_count_from_here(team, call, resume, agent):
    for member in team.groupchat.agents:
        member.register_reply([object], lambda *given, **named: (True, "more"), position=0)
    last_agent, last_message = resume(team, TALK, "TERMINATE")
    result = call(last_agent.initiate_chat, team, message=last_message, clear_history=False)
    assert len(team.groupchat.messages) == 2 + 3
    assert result.stop_reason is StopReason.MAX_ROUND


def test_introductions_are_not_made_again(team, call, resume):
    last_agent, last_message = resume(team, TALK, "TERMINATE")
    call(last_agent.initiate_chat, team, message=last_message, clear_history=False)
    heard = contents(team.groupchat.agents[2].chat_messages[team])
    assert team.groupchat.introductions_msg() not in heard


def test_a_chat_result_can_be_resumed_too(team, call, speaker, manage, resume):
    first, second = speaker("a"), speaker("b", "one")
    said = call(first.initiate_chat, manage([first, second]), message="go").chat_history
    last_agent, last_message = resume(team, said)
    assert (last_agent, last_message["content"]) == (team.groupchat.agents[1], "one")


def test_a_chat_that_an_outsider_began(team, call, speaker, manage, resume, record):
    """The outsider may have come back, too."""
    visitor, first = speaker("visitor"), manage([speaker("a", "one", "three"), speaker("b", "two")], max_round=3)
    call(visitor.initiate_chat, first, message="go")
    said = call(visitor.initiate_chat, first, message="more", clear_history=False).chat_history
    assert [(m["name"], m["content"]) for m in said][3:] == [("visitor", "more"), ("a", "three")]
    last_agent, last_message = resume(team, said)
    assert (last_agent, last_message["content"]) == (team.groupchat.agents[0], "three")
    assert record(team) == [(m["name"], m["content"]) for m in said[:-1]]
    for member in team.groupchat.agents:
        assert contents(member.chat_messages[team]) == contents(said[:-1])
    call(last_agent.initiate_chat, team, message=last_message, clear_history=False)
    assert record(team)[:5] == [(m["name"], m["content"]) for m in said]


def test_an_outsider_that_spoke_last_can_not_be_returned(team, resume):
    with pytest.raises(Exception, match="Resume with the messages before it, and let 'visitor' send it again"):
        resume(team, [message("visitor", "go"), message("a", "one"), message("visitor", "more")])
    with pytest.raises(Exception, match="by 'stranger', who is not in the group"):
        resume(team, [message("visitor", "go"), message("stranger", "one"), message("a", "more")])


def test_a_new_topic_may_be_begun_instead(team, call, resume, record):
    resume(team, TALK)
    call(team.initiate_chat, recipient=team.groupchat.agents[1], message="new", clear_history=False)
    assert record(team)[:3] == [("a", "go"), ("b", "one"), ("b", "B1")]


def test_calls_and_results_stay_together(team, resume):
    calls = [tool_call("f", call_id="1")]
    answer = {"role": "tool", "tool_call_id": "1", "content": "42"}
    talk = [
        message("a", "go"),
        {"content": None, "role": "assistant", "name": "b", "tool_calls": calls},
        message("c", "42", "tool", tool_responses=[answer]),
        {"content": "old", "role": "function", "name": "f"},
        message("a", "thanks"),
    ]
    resume(team, talk)
    for member in team.groupchat.agents:
        history = member.chat_messages[team]
        assert [m["role"] for m in history[1:]] == ["assistant", "tool", "function"]
        assert history[2]["tool_responses"] == [answer]
    assert [m["name"] for m in team.groupchat.messages] == ["a", "b", "c", "f"]
    assert contents(team.groupchat.messages) == ["go", "", "42", "old"]


def test_images_and_receivers_are_kept(team, resume):
    picture = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    a, b, c = team.groupchat.agents
    resume(team, [message("a", picture), message("a", "psst", receivers=["b"]), message("b", "end")])
    assert contents(b.chat_messages[team]) == [picture, "psst"]
    assert contents(c.chat_messages[team]) == [picture]
    assert contents(a.chat_messages[team]) == [picture, "psst"]
    assert contents(team.groupchat.messages) == ["see<image>", "psst"]


@pytest.mark.parametrize(("name", "last"), [("chat_manager", True), ("Admin", True), (None, False), ("", False)])
def test_a_last_message_of_no_member(team, resume, name, last):
    last_agent, _ = resume(team, [TALK[0], message(name, "end")])
    assert last_agent is (team if last else None)


def test_a_message_without_a_name_is_the_managers(team, resume):
    last_agent, last_message = resume(team, [{"content": "x", "role": "user"}, {"content": "y", "role": "user"}])
    assert last_agent is team
    assert last_message["name"] == "chat_manager"
    assert team.groupchat.messages == [message("chat_manager", "x")]


@pytest.mark.parametrize(
    "messages",
    [
        5,
        None,
        tuple(TALK),
        ["text"],
        [TALK[0], "text"],
        [],
        "[]",
        "{}",
        "null",
        "3",
        '{"a": 1}',
        "no json",
        [message("stranger", "x")],
        [{"content": "x", "name": "a"}, TALK[0]],
        [{"role": "user", "name": "a"}, TALK[0]],
        [message("a", 5), TALK[0]],
    ],
    ids=repr,
)
def test_what_can_not_be_resumed_changes_nothing(team, resume, messages):
    resume(team, TALK)
    record = list(team.groupchat.messages)
    histories = [list(member.chat_messages[team]) for member in team.groupchat.agents]
    with pytest.raises(Exception, match=r"resume|JSON"):
        resume(team, messages)
    assert team.groupchat.messages == record
    assert [member.chat_messages[team] for member in team.groupchat.agents] == histories


def test_a_stranger_is_named(team, resume):
    with pytest.raises(Exception, match="'stranger'"):
        resume(team, [TALK[0], message("stranger", "x")])


@pytest.mark.parametrize(
    ("remove", "left", "warned"),
    [
        ("TERMINATE", "two ", False),
        (lambda text: text.replace(" TERMINATE", ""), "two", False),
        (None, "two TERMINATE", True),
        ("", "two TERMINATE", True),
        ("x", "two TERMINATE", True),
    ],
)
@pytest.mark.parametrize("parts", [False, True])
def test_what_ends_the_chat_is_removed_or_warned_about(speaker, manage, resume, caplog, remove, left, warned, parts):
    team = manage([speaker("a"), speaker("b")], options={"is_termination_msg": lambda m: "TERMINATE" in m["content"]})
    content = [{"type": "text", "text": "two TERMINATE"}] if parts else "two TERMINATE"
    _, last_message = resume(team, [TALK[0], message("a", content)], remove)
    assert last_message["content"] == ([{"type": "text", "text": left}] if parts else left)
    assert caplog.text.count("WARNING: ") == warned


def test_what_is_resumed_is_shown(team, resume, capsys):
    resume(team, TALK, silent=False)
    shown = capsys.readouterr().out
    assert "3 messages" in shown
    assert "a" in shown.split()[-1]
    resume(team, TALK)
    assert capsys.readouterr().out == ""


def test_losing_what_was_resumed_is_warned_about(team, call, resume, caplog):
    last_agent, last_message = resume(team, TALK)
    call(last_agent.initiate_chat, team, message=last_message)
    assert "clear_history=False" in caplog.text
    caplog.clear()
    call(last_agent.initiate_chat, team, message=last_message)
    assert "clear_history=False" not in caplog.text


def test_messages_as_text(team):
    assert team.messages_from_string(team.messages_to_string(TALK)) == TALK
    assert team.messages_from_string("3") == 3
    with pytest.raises(TypeError):
        team.messages_to_string([{"content": object()}])
    with pytest.raises(Exception, match="JSON"):
        team.messages_from_string("{")
