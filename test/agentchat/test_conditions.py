"""Conditions that end a chat: what each one means, how they combine, and how they work in chats."""

import asyncio
import copy
import pickle
import re
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen.agentchat.chat import StopReason
from autogen.agentchat.conditions import (
    Condition,
    ExternalStop,
    FunctionCall,
    Handoff,
    MaxCost,
    MaxMessages,
    MaxTokens,
    NoProgress,
    Refused,
    TextMention,
    Timeout,
)
from autogen.testing import Reply, ScriptedModel, tool_call


def calls(*names, **more):
    return {"content": None, "tool_calls": [tool_call(name) for name in names], "role": "assistant", **more}


def old_call(name):
    return {"content": None, "function_call": {"name": name, "arguments": "{}"}, "role": "assistant"}


MESSAGES = st.one_of(
    st.builds(
        lambda text, who: {"content": text, "role": "user", "name": who}, st.text("ab ", max_size=3), st.sampled_from("xy")
    ),
    st.builds(calls, st.sampled_from(["f", "g", "transfer_to_x", "transfer_to_y_2"])),
    st.builds(old_call, st.sampled_from("fg")),
    st.sampled_from(
        [
            {"content": None, "role": "user"},
            {"role": "user"},
            {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}], "role": "user"},
            {"content": [{"type": "input_audio"}, {"text": "b"}, "c"], "role": "user"},
            {"content": lambda context: "a", "role": "user"},
            {"content": {"odd": 1}, "role": "user"},
            {"content": "a", "role": "function", "name": "x"},
            {"content": "", "role": "tool", "tool_responses": [{"role": "tool", "content": "", "tool_call_id": "1"}]},
            {"content": None, "tool_calls": [{"id": "1"}, {"function": None}], "function_call": None},
        ]
    ),
)
TALKS = st.lists(MESSAGES, max_size=12)
LEAVES = st.one_of(
    st.builds(MaxMessages, st.integers(1, 6)),
    st.builds(TextMention, st.sampled_from(["a", "b", "ab"]), st.sampled_from([None, "x", ["x", "y"]])),
    st.builds(FunctionCall, st.sampled_from("fg")),
    st.builds(Handoff, st.sampled_from("xy")),
    st.builds(NoProgress, st.integers(2, 3)),
    st.builds(Refused, st.integers(1, 3)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a & b, parts, parts),
        st.builds(lambda a, b: a | b, parts, parts),
        st.builds(lambda a: ~a, parts),
    ),
    max_leaves=4,
)


def trace(condition, talk):
    """What the condition says to each message, from a fresh start."""
    condition.reset()
    return [condition(message) for message in talk]


@given(CONDITIONS, CONDITIONS, CONDITIONS, TALKS)
def test_the_laws_of_boolean_algebra_hold(a, b, c, talk):
    for left, right in [
        (a & b, b & a),
        (a | b, b | a),
        (a & (b & c), (a & b) & c),
        (a | (b | c), (a | b) | c),
        (a & (b | c), (a & b) | (a & c)),
        (a | (b & c), (a | b) & (a | c)),
        (~(a & b), ~a | ~b),
        (~(a | b), ~a & ~b),
        (~~a, a),
        (a & a, a),
        (a | a, a),
        (a | (a & b), a),
        (a & (a | b), a),
    ]:
        assert trace(left, talk) == trace(right, talk), (left, right)
    assert all(trace(a | ~a, talk))
    assert not any(trace(a & ~a, talk))


def text(message):
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""


def speaker(message):
    return None if message.get("role") == "function" else message.get("name")


def called(message):
    found = [call.get("function") for call in message.get("tool_calls") or ()] + [message.get("function_call")]
    return {call["name"] for call in found if call}


def same(message):
    functions = [call.get("function") for call in message.get("tool_calls") or ()]
    return message.get("content"), functions + [call for call in [message.get("function_call")] if call]


def silent(message):
    parts = message.get("content")
    other = callable(parts) or (
        isinstance(parts, list) and any(isinstance(p, dict) and p.get("type") != "text" for p in parts)
    )
    return not (text(message).strip() or other or called(message) or message.get("tool_responses"))


DEFINITIONS = [  # a condition, and what it should say of the messages since it began
    (MaxMessages(3), lambda said: len(said) >= 3),
    (TextMention("ab"), lambda said: any("ab" in text(m) for m in said)),
    (TextMention(re.compile("^a|b$")), lambda said: any(text(m)[:1] == "a" or text(m)[-1:] == "b" for m in said)),
    (TextMention("a", sources=["x"]), lambda said: any("a" in text(m) and speaker(m) == "x" for m in said)),
    (FunctionCall("f"), lambda said: any("f" in called(m) for m in said)),
    (Handoff("y"), lambda said: any("transfer_to_y_2" in called(m) for m in said)),
    (Handoff(), lambda said: any(name.startswith("transfer_to_") for m in said for name in called(m))),
    (
        NoProgress(2),
        lambda said: (
            any(silent(a) and silent(b) for a, b in pairwise(said))
            or any(
                same(a) == same(b)
                for who in (None, "x", "y")
                for own in [[m for m in said if speaker(m) == who]]
                for a, b in pairwise(own)
            )
        ),
    ),
    (
        TextMention("a") & FunctionCall("f"),
        lambda said: any("a" in text(m) for m in said) and any("f" in called(m) for m in said),
    ),
]


@pytest.mark.parametrize(
    ("condition", "definition"), DEFINITIONS, ids=lambda one: repr(one) if isinstance(one, Condition) else ""
)
@given(talk=TALKS)
def test_a_condition_is_true_exactly_when_its_definition_says_so(condition, definition, talk):
    condition.reset()
    since = []
    for message in talk:
        since.append(message)
        true = condition(message)
        assert true == definition(since)
        assert (condition.reason is not None) == true
        if true:
            since = []  # it begins anew


@given(CONDITIONS, TALKS, TALKS)
def test_copies_are_conditions_of_their_own(condition, before, talk):
    trace(condition, before)
    for copied in (copy.deepcopy(condition), copy.copy(condition), pickle.loads(pickle.dumps(condition))):
        assert repr(copied) == repr(condition)
        assert trace(copied, talk) == trace(condition, talk)


def test_time_is_told_by_the_clock():
    now = [100.0]
    condition = Timeout(60, clock=lambda: now[0])
    assert not condition({"content": "hi"})
    now[0] = 159.9
    assert not condition({"content": "hi"})
    now[0] = 160
    assert condition({"content": "hi"})
    assert condition.reason == "the chat took 60 s, the limit is 60 s"
    assert isinstance(pickle.loads(pickle.dumps(Timeout(5))), Timeout)


def test_plain_functions_stand_beside_conditions():
    for condition in (
        MaxMessages(9) | (lambda m: "bye" in m["content"]),
        (lambda m: "bye" in m["content"]) | MaxMessages(9),
    ):
        assert trace(condition, [{"content": None}, {"content": "good bye"}]) == [False, True]
        assert "lambda" in condition.reason
    both = (lambda m: "bye" in m["content"]) & MaxMessages(2)
    assert trace(both, [{"content": "bye"}, {"content": "x"}]) == [False, True]
    with pytest.raises(TypeError, match="got 'bye'"):
        MaxMessages(9) | "bye"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MaxMessages(0),
        lambda: MaxMessages(True),
        lambda: MaxTokens(1.5),
        lambda: MaxCost(0),
        lambda: MaxCost(float("nan")),
        lambda: Timeout(-1),
        lambda: NoProgress(1),
        lambda: Refused(0),
        lambda: TextMention(""),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"takes|needs"):
        wrong()


# In chats.


def test_all_messages_of_the_chat_count_also_those_that_nobody_was_asked_about(call, agent):
    a = agent("a", default_auto_reply="x", is_termination_msg=MaxMessages(6))
    b = agent("b", default_auto_reply="y")
    for clear_history in (True, False, False):
        before = 0 if clear_history else len(a.chat_messages[b])
        result = call(a.initiate_chat, b, message="hi", clear_history=clear_history)
        assert len(result.chat_history) - before == 6
        assert result.stop_reason is StopReason.TERMINATION_MESSAGE
        assert result.stop_detail == "6 messages were said, the limit is 6"


def test_a_plain_function_and_a_chat_that_ended_otherwise_have_no_detail(call, agent):
    a, b = agent("a", is_termination_msg=lambda m: True), agent("b", default_auto_reply="y")
    assert call(a.initiate_chat, b, message="hi").stop_detail is None
    c = agent("c", is_termination_msg=MaxMessages(99))
    assert call(c.initiate_chat, b, message="hi", max_turns=2).stop_detail is None


def test_a_follow_up_by_send_begins_to_count_anew(call, agent):
    a = agent("a", default_auto_reply="x", is_termination_msg=MaxMessages(4))
    b = agent("b", default_auto_reply="y")
    call(a.initiate_chat, b, message="hi")
    call(a.send, "go on", b)
    assert len(a.chat_messages[b]) == 8


def test_a_human_who_goes_on_begins_a_new_count(call, agent):
    answers = iter(["go on", "exit"])
    a = agent("a", human_input_mode="TERMINATE", human_input_source=lambda prompt: next(answers))
    a._is_termination_msg = MaxMessages(4)  # assigned later, as some programs do
    b = agent("b", default_auto_reply="y")
    result = call(a.initiate_chat, b, message="hi")
    assert [m["content"] for m in result.chat_history] == ["hi", "y", "", "y", "go on", "y", "", "y"]
    assert (result.stop_reason, result.stop_detail) == (StopReason.HUMAN_EXIT, None)


def test_a_history_that_is_cleared_meanwhile_does_not_stop_the_count(call, agent):
    a = agent("a", default_auto_reply="x", is_termination_msg=MaxMessages(6))
    b = agent("b", default_auto_reply="y")
    a.register_hook("process_message_before_send", lambda sender, message, recipient, silent: a.clear_history() or message)
    result = call(a.initiate_chat, b, message="hi", max_turns=50)
    assert result.stop_detail is not None


def test_agents_that_share_a_condition_count_for_themselves(call, agent):
    shared = TextMention("y") & TextMention("x")
    a = agent("a", default_auto_reply="x", is_termination_msg=shared)
    b = agent("b", default_auto_reply="y", is_termination_msg=shared)
    result = call(a.initiate_chat, b, message="hi", max_turns=5)  # a hears only y, b only x
    assert result.stop_reason is StopReason.MAX_TURNS


def test_chats_of_one_agent_at_the_same_time_are_told_apart(agent):
    user = agent("user", default_auto_reply="more", is_termination_msg=MaxMessages(6) | TextMention("stop"))
    peers = [agent(f"peer{n}", default_auto_reply=None) for n in range(3)]
    together = asyncio.Barrier(3) if hasattr(asyncio, "Barrier") else None

    async def answer(recipient, messages, sender, config):
        if together:
            await together.wait()
        return True, f"{recipient.name} {len(messages)}"

    for peer in peers:
        peer.register_reply([ConversableAgent], answer)
    queue = [{"chat_id": n, "recipient": peer, "message": "go", "silent": True} for n, peer in enumerate(peers)]
    results = asyncio.run(user.a_initiate_chats(queue))
    assert [len(result.chat_history) for result in results.values()] == [6, 6, 6]
    assert {result.stop_detail for result in results.values()} == {"6 messages were said, the limit is 6"}


HUNDRED = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (MaxTokens(250), "300 tokens were spent, the limit is 250"),
        (MaxCost(0.25), "0.3 USD were spent, the limit is 0.25 USD"),
    ],
)
def test_what_the_chat_spends_is_counted_for_each_chat(call, agent, condition, why):
    model = ScriptedModel(lambda messages: Reply(f"answer {len(messages)}", usage=HUNDRED))
    llm_config = {"config_list": [{**model.config, "price": [1.0, 1.0]}], "cache_seed": None}
    user = agent("user", default_auto_reply="more", is_termination_msg=condition)
    speaker = agent("speaker", llm_config=llm_config)
    for times in (1, 2):
        result = call(user.initiate_chat, speaker, message="go")
        assert (result.stop_detail, len(model.requests)) == (why, 3 * times)


def test_the_spending_of_chats_inside_the_chat_counts(call, agent):
    model = ScriptedModel(lambda messages: Reply("inner", usage=HUNDRED))
    expert = agent("expert", llm_config=model.llm_config)
    asker = agent("asker")
    user = agent("user", default_auto_reply="more", is_termination_msg=MaxTokens(200))
    asker.register_nested_chats([{"recipient": expert, "max_turns": 1, "silent": True}], trigger=user)
    assert call(user.initiate_chat, asker, message="go").stop_detail == "200 tokens were spent, the limit is 200"


def test_a_stop_from_another_thread_ends_the_chats_until_it_is_cleared(call, agent):
    stop = ExternalStop()

    def work():
        presser = threading.Thread(target=stop.set, args=["the button was pressed"])
        presser.start()
        presser.join()
        return "worked"

    caller = agent("caller", llm_config=ScriptedModel(tool_call("work"), "one", "two", "three").llm_config)
    user = agent("user", function_map={"work": work}, is_termination_msg=stop | MaxMessages(99))
    result = call(user.initiate_chat, caller, message="go")
    assert result.stop_detail == "the button was pressed"
    assert [m["content"] for m in result.chat_history] == ["go", None, "worked", "one"]
    assert stop.is_set()
    assert len(call(user.initiate_chat, caller, message="go").chat_history) == 2
    stop.clear()
    assert call(user.initiate_chat, caller, message="go", max_turns=1).stop_reason is StopReason.MAX_TURNS


def test_a_call_ends_the_chat_before_it_is_carried_out(call, agent):
    ran = []
    caller = agent("caller", llm_config=ScriptedModel(tool_call("submit", answer=42)).llm_config)
    user = agent("user", function_map={"submit": ran.append}, is_termination_msg=FunctionCall("submit"))
    result = call(user.initiate_chat, caller, message="go")
    assert (result.stop_detail, ran) == ("'caller' called 'submit'", [])


def test_a_group_ends_by_its_managers_condition(call, agent):
    members = [agent(name, default_auto_reply=f"I am {name}") for name in ("red", "green", "blue")]
    stop = TextMention(re.compile("i am blue", re.IGNORECASE), sources=[members[2]]) & MaxMessages(5)
    for _ in range(2):
        group = GroupChat(members, max_round=30, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, llm_config=False, silent=True, is_termination_msg=stop)
        for clear_history in (True, True):
            result = call(members[0].initiate_chat, manager, message="hi", clear_history=clear_history)
            assert len(group.messages) == 5
            assert result.stop_reason is StopReason.TERMINATION_MESSAGE
            assert result.stop_detail == "'blue' said 'I am blue' and 5 messages were said, the limit is 5"


def test_a_group_ends_by_a_members_condition(call, agent):
    members = [agent("red", default_auto_reply="r"), agent("green", is_termination_msg=NoProgress(2) | MaxMessages(4))]
    group = GroupChat(members, max_round=30, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    result = call(members[0].initiate_chat, manager, message="r")
    assert [m["content"] for m in group.messages] == ["r", "", "r"]
    assert result.stop_detail == "'red' sent the same message 2 times in a row"


def test_an_agent_with_a_condition_is_copied_without_its_chats(agent):
    user = UserProxyAgent(
        "user", human_input_mode="NEVER", code_execution_config=False, is_termination_msg=MaxTokens(5) | MaxMessages(2)
    )
    user.initiate_chat(agent("peer", default_auto_reply="x"), message="hi", silent=True)
    test = copy.deepcopy(user._is_termination_msg)
    assert repr(test) == "(MaxTokens(5) | MaxMessages(2))"
    assert [test({"content": "x"}) for _ in range(2)] == [False, True]
