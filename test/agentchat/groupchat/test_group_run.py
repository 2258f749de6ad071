"""A run of a group chat: order, ends, histories, what is shown."""

import pytest

from autogen import Agent, GroupChat, GroupChatManager, UserProxyAgent
from autogen.agentchat.chat import StopReason
from autogen.testing import ScriptedModel, tool_call


def contents(messages):
    return [message["content"] for message in messages]


# Order and ends


def test_everybody_hears_what_is_said_in_turn(call, speaker, manage, record):
    a, b, c = (speaker(name, *(f"{name}{n}" for n in range(3))) for name in "abc")
    manager = manage([a, b, c], max_round=5)
    result = call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("b", "b0"), ("c", "c0"), ("a", "a0"), ("b", "b1")]
    assert all(contents(one.chat_messages[manager]) == contents(manager.groupchat.messages) for one in (a, b, c))
    assert contents(result.chat_history) == contents(manager.groupchat.messages)
    assert (result.summary, result.stop_reason) == ("b1", StopReason.MAX_ROUND)


@pytest.mark.parametrize(("rounds", "said"), [(0, []), (1, ["go"]), (2, ["go", "b"])])
def test_the_number_of_rounds_counts_the_opening(call, speaker, manage, rounds, said):
    a, b = speaker("a", "a"), speaker("b", "b")
    manager = manage([a, b], max_round=rounds)
    result = call(a.initiate_chat, manager, message="go")
    assert contents(manager.groupchat.messages) == said
    assert contents(b.chat_messages[manager]) == said
    assert result.stop_reason is StopReason.MAX_ROUND


def test_the_group_is_one_live_object(call, speaker, manage):
    a, b = speaker("a", *"12345"), speaker("b", *"12345")
    manager = manage([a, b])
    manager.groupchat.max_round = 3
    manager.groupchat.messages = record = []
    call(a.initiate_chat, manager, message="go")
    assert contents(record) == ["go", "1", "1"]
    manager.reset()
    assert record == []
    assert [row["config"] for row in manager._reply_func_list[:2]] == [manager.groupchat] * 2


@pytest.mark.parametrize("opening", [True, False])
def test_a_terminating_message_is_heard_before_it_ends_the_chat(call, speaker, manage, opening):
    a, b, c = speaker("a"), speaker("b", "stop it"), speaker("c", "never said")
    manager = manage([a, b, c], options={"is_termination_msg": lambda message: "stop" in message["content"]})
    result = call(a.initiate_chat, manager, message="stop" if opening else "go")
    said = ["stop"] if opening else ["go", "stop it"]
    assert contents(c.chat_messages[manager]) == contents(a.chat_messages[manager]) == said
    assert result.stop_reason is StopReason.TERMINATION_MESSAGE


def test_the_exact_word_ends_a_chat_by_default(call, speaker, manage):
    a, b = speaker("a"), speaker("b", "TERMINATE now", "TERMINATE")
    manager = manage([a, b], allow_repeat_speaker=True, method=lambda last, group: b)
    assert contents(call(a.initiate_chat, manager, message="go").chat_history) == ["go", "TERMINATE now", "TERMINATE"]


@pytest.mark.parametrize("own", [True, False])
def test_predicates_get_text_also_for_calls(call, speaker, manage, own):
    seen = []

    def predicate(message):
        seen.append(message["content"])
        return "TERMINATE" in message["content"]

    calls = {"content": None, "tool_calls": [tool_call("f")]}
    options = {"is_termination_msg": predicate}
    a, b = speaker("a", "TERMINATE"), speaker("b", "x", **(options if own else {}))
    manager = manage([a, b], method=lambda last, group: b if last is a else a, options={} if own else options)
    b.register_function({"f": lambda: "done"})
    result = call(a.initiate_chat, manager, message=calls)
    assert seen
    assert all(isinstance(text, str) for text in seen)
    assert result.stop_reason is StopReason.TERMINATION_MESSAGE


@pytest.mark.parametrize(
    ("reply", "said"), [(None, []), ("", [""]), ({"content": "x"}, ["x"]), ({"content": "", "x": 1}, [""])]
)
def test_what_a_member_may_answer(call, speaker, manage, reply, said):
    a, b = speaker("a"), speaker("b", reply)
    manager = manage([a, b], max_round=2)
    result = call(a.initiate_chat, manager, message="go")
    assert contents(manager.groupchat.messages) == ["go", *said]
    assert result.stop_reason is (StopReason.MAX_ROUND if said else StopReason.NO_REPLY)


@pytest.mark.parametrize(
    ("reply", "error"), [({}, ValueError), ({"content": None}, ValueError), ({"content": 5}, TypeError)]
)
def test_what_a_member_can_not_answer_is_said_to_nobody(call, speaker, manage, reply, error):
    a, b, c = speaker("a"), speaker("b", reply), speaker("c")
    manager = manage([a, b, c])
    with pytest.raises(error):
        call(a.initiate_chat, manager, message="go")
    for member in (a, b, c):
        assert contents(member.chat_messages[manager]) == contents(manager.groupchat.messages) == ["go"]


def test_a_members_own_reasons_end_the_chat(call, speaker, manage, agent):
    for options, reason in [
        ({"is_termination_msg": lambda message: True}, StopReason.TERMINATION_MESSAGE),
        ({"max_consecutive_auto_reply": 0}, StopReason.MAX_CONSECUTIVE_AUTO_REPLY),
        ({"human_input_mode": "ALWAYS", "human_input_source": lambda prompt: "exit"}, StopReason.HUMAN_EXIT),
        ({"default_auto_reply": None}, StopReason.NO_REPLY),
    ]:
        a, b = speaker("a"), agent("b", **options)
        assert call(a.initiate_chat, manage([a, b]), message="go").stop_reason is reason


def test_a_reason_is_that_of_this_run(call, speaker, manage):
    a, b = speaker("a"), speaker("b", is_termination_msg=lambda message: message["content"] == "stop")
    manager = manage([a, b])
    reasons = [call(a.initiate_chat, manager, message=text).stop_reason for text in ("stop", "go")]
    assert reasons == [StopReason.TERMINATION_MESSAGE, StopReason.NO_REPLY]


def test_the_default_limit_of_replies_is_reported(call, agent, manage):
    members = [agent(name, default_auto_reply=name) for name in "abc"]
    manager = manage(members, max_round=1000)
    result = call(members[0].initiate_chat, manager, message="go")
    assert len(manager.groupchat.messages) == 301
    assert result.stop_reason is StopReason.MAX_CONSECUTIVE_AUTO_REPLY


@pytest.mark.parametrize("method", [lambda last, group: None, "round_robin"])
def test_nobody_left_ends_the_chat_with_a_warning(call, speaker, manage, caplog, method):
    a, b = speaker("a"), speaker("b", "x")
    graph = {"allowed_or_disallowed_speaker_transitions": {a: [b], b: []}, "speaker_transitions_type": "allowed"}
    result = call(a.initiate_chat, manage([a, b], method=method, **graph), message="go")
    assert result.stop_reason is StopReason.NO_ELIGIBLE_SPEAKER
    assert "The group chat ends" in caplog.text


# Who begins


def test_an_outsider_gets_the_record(call, speaker, manage):
    members = [speaker("a", "one"), speaker("b", "two")]
    outsider = speaker("outsider")
    manager = manage(members, max_round=3)
    result = call(outsider.initiate_chat, manager, message="ask")
    assert [(m["name"], m["content"]) for m in result.chat_history] == [("outsider", "ask"), ("a", "one"), ("b", "two")]
    assert result.summary == "two"
    assert contents(outsider.chat_messages[manager]) == ["ask"]
    assert manager.chat_messages_for_summary(outsider) is manager.groupchat.messages


def test_a_manager_may_begin(call, speaker, manage, record):
    a, b = speaker("a", "one", "three"), speaker("b", "two")
    manager = manage([a, b], max_round=2)
    call(manager.initiate_chat, manager, message="go")
    assert record(manager) == [("chat_manager", "go"), ("a", "one")]
    manager = manage([a, b], max_round=2)
    call(manager.initiate_chat, recipient=b, message="go", clear_history=False)
    assert record(manager) == [("b", "two"), ("a", "three")]


def test_turns_are_whole_runs(call, speaker, manage):
    a, b = speaker("a", "again", "never"), speaker("b", "one", "two")
    manager = manage([a, b], max_round=2, send_introductions=True)
    result = call(a.initiate_chat, manager, message="go", max_turns=2)
    assert contents(manager.groupchat.messages) == ["go", "one", "again", "two"]
    introduction = manager.groupchat.introductions_msg()
    assert contents(result.chat_history) == ["go", introduction, "one", "again", introduction, "two"]


def test_a_second_chat_forgets_the_first_on_both_sides(call, agent, manage):
    members = [agent(name, default_auto_reply=name) for name in "abc"]
    manager = manage(members, max_round=3)
    for _ in range(3):
        call(members[0].initiate_chat, manager, message="go")
    assert {len(manager.chat_messages[member]) for member in members} == {3}
    call(members[0].initiate_chat, manager, message="go", clear_history=False)
    assert len(manager.groupchat.messages) == len(members[2].chat_messages[manager]) == 6


def test_introductions_go_to_everybody_and_not_on_the_record(call, speaker, manage):
    a, b = speaker("a"), speaker("b", "hi")
    manager = manage([a, b], send_introductions=True, max_round=2)
    call(a.initiate_chat, manager, message="go")
    text = manager.groupchat.introductions_msg()
    assert contents(a.chat_messages[manager]) == ["go", text, "hi"]
    assert contents(b.chat_messages[manager]) == [text, "go", "hi"]
    assert b.chat_messages[manager][0]["name"] == "chat_manager"
    assert contents(manager.groupchat.messages) == ["go", "hi"]


def test_a_member_sees_who_spoke_last(call, speaker, manage):
    seen = []
    a, b = speaker("a"), speaker("b", "x")
    b.register_reply([Agent], lambda member, messages, sender, config: (bool(seen.append(sender.last_speaker)), None))
    manager = manage([a, b], max_round=2)
    assert manager.last_speaker is None
    call(a.initiate_chat, manager, message="go")
    assert seen == [a]
    assert manager.last_speaker is b


# What is said


def test_histories_hold_every_kind_of_message(call, speaker, manage):
    wanted, result = tool_call("f", call_id="1"), {"role": "function", "name": "g", "content": "5"}
    replies = {"content": None, "tool_calls": [wanted]}
    a = speaker("a", replies)
    odd = {"content": "hi", "role": "system", "name": "a", "extra": 1, "context": {"x": 1}}
    b = speaker("b", odd, function_map={"f": str})
    c = speaker("c", result)
    order = iter([b, a, b, c])
    manager = manage([a, b, c], max_round=5, method=lambda last, group: next(order))
    call(a.initiate_chat, manager, message="go")
    tool = {"content": "", "tool_responses": [{"tool_call_id": "1", "role": "tool", "content": ""}], "role": "tool"}
    called = {"role": "assistant", "tool_calls": [wanted]}
    assert c.chat_messages[manager] == [
        {"content": "go", "role": "user", "name": "a"},
        {"content": "hi", "role": "user", "name": "b", "context": {"x": 1}},
        {**called, "content": "", "name": "a"},
        {**tool, "name": "b"},
        {**result, "name": "g"},
    ]
    assert a.chat_messages[manager][2] == {**called, "content": None}
    assert a.chat_messages[manager][0]["role"] == "assistant"
    assert b.chat_messages[manager][1] == {"content": "hi", "role": "assistant", "name": "a", "context": {"x": 1}}
    assert [m["name"] for m in manager.groupchat.messages] == ["a", "b", "a", "b", "g"]
    assert manager.chat_messages[a][2] is manager.groupchat.messages[2]


def test_images_stay_images_for_the_other_members(call, speaker, manage):
    picture = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    a, b, c = speaker("a"), speaker("b", {"content": picture}), speaker("c")
    manager = manage([a, b, c], max_round=2)
    call(a.initiate_chat, manager, message={"content": picture})
    assert contents(manager.groupchat.messages) == ["see<image>"] * 2
    for member in (a, b, c):
        assert contents(member.chat_messages[manager]) == [picture] * 2


def test_the_dict_of_the_caller_stays_as_it_is(call, speaker, manage):
    a, b = speaker("a"), speaker("b", "x")
    manager = manage([a, b], max_round=1)
    message = {"content": None, "role": "user", "name": "x", "tool_calls": [tool_call("f")]}
    before = dict(message)
    assert call(manager.run_chat, messages=[message], sender=a, config=manager.groupchat) == (True, None)
    assert message == before
    assert manager.groupchat.messages[0]["name"] == "a"


@pytest.mark.parametrize("receivers", [["b"], "b", ("b", "x"), {"b"}])
def test_a_message_can_be_for_some(call, speaker, manage, receivers):
    a = speaker("a", {"content": "psst", "receivers": receivers}, "all")
    b, c = speaker("b", "bye"), speaker("c")
    manager = manage([a, b, c], max_round=4, method=lambda last, group: a if len(group.messages) < 3 else b)
    call(c.initiate_chat, manager, message="go")
    assert contents(manager.groupchat.messages) == ["go", "psst", "all", "bye"]
    assert contents(b.chat_messages[manager]) == ["go", "psst", "all", "bye"]
    assert contents(c.chat_messages[manager]) == ["go", "all", "bye"]


def test_receivers_can_be_agents(call, speaker, manage):
    b, c = speaker("b"), speaker("c")
    a = speaker("a", {"content": "psst", "receivers": [b]})
    manager = manage([a, b, c], max_round=2, method=lambda last, group: a)
    call(c.initiate_chat, manager, message="go")
    assert (contents(b.chat_messages[manager]), contents(c.chat_messages[manager])) == (["go", "psst"], ["go"])


def test_a_group_may_decide_who_hears_what(call, speaker, manage):
    a, b, c = speaker("a"), speaker("b", "to a"), speaker("c", "to b")
    manager = manage([a, b, c], max_round=3, visible_to=lambda message, member: message["content"].endswith(member.name))
    call(a.initiate_chat, manager, message="for c")
    heard = {member.name: contents(member.chat_messages[manager]) for member in (a, b, c)}
    assert heard == {"a": ["for c", "to a"], "b": ["to a", "to b"], "c": ["for c", "to b"]}


# What is shown


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("opening", [False, True])
@pytest.mark.parametrize("member", [None, True])
def test_what_is_printed(call, speaker, manage, capsys, silent, opening, member):
    a, b = speaker("a", "second", silent=None), speaker("b", "first", silent=member)
    call(a.initiate_chat, manage([a, b], max_round=3, silent=silent), message="opening", silent=opening)
    shown = capsys.readouterr().out
    assert ("opening" in shown) is not opening
    is_shown = not (opening or silent)
    assert ("Next speaker: b" in shown) is is_shown
    assert ("second" in shown) is is_shown
    assert ("first" in shown) is (is_shown and member is None)
    assert ("a\x1b[0m (to chat_manager):" in shown or "a (to chat_manager):" in shown) is not opening


# Costs and humans


def test_costs_are_those_of_all_members_and_of_the_choice(call, agent):
    def paid(*replies):
        return ScriptedModel(*replies).llm_config

    a, b, c = (agent(name, llm_config=paid(lambda messages: "one two")) for name in "abc")
    own = paid(lambda messages: "c")
    group = GroupChat([a, b, c], [], 4, select_speaker_auto_llm_config=own)
    manager = GroupChatManager(group, llm_config=paid(lambda messages: "never asked"), silent=True)
    outsider = agent("outsider")
    cost = call(outsider.initiate_chat, manager, message="go").cost["usage_including_cached_inference"]
    assert cost["scripted"]["completion_tokens"] == 3 * 2 + 3 * 1
    for one in (a, b, c, manager):
        one.reset()
    cost = call(outsider.initiate_chat, manager, message="TERMINATE").cost["usage_including_cached_inference"]
    assert cost == {"total_cost": 0}


def test_a_human_in_a_group_is_asked_in_their_turn(call, speaker, manage, monkeypatch, record):
    typed = iter(["hello", "exit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    user = UserProxyAgent("user", code_execution_config=False, silent=True)
    a = speaker("a", *"12345")
    manager = manage([user, a])
    result = call(user.initiate_chat, manager, message="go")
    assert record(manager) == [("user", "go"), ("a", "1"), ("user", "hello"), ("a", "2")]
    assert result.stop_reason is StopReason.HUMAN_EXIT
    assert result.human_input == ["hello", "exit"]
