"""Chats between two agents: messages, turns, results."""

import json

import pytest

from autogen import AssistantAgent, ConversableAgent, UserProxyAgent
from autogen.agentchat.chat import StopReason
from autogen.testing import Fault, ScriptedModel


def contents(result):
    return [message["content"] for message in result.chat_history]


def test_a_message_is_remembered_on_both_sides(call, agent):
    a, b = agent("a"), agent("b")
    call(a.send, "hi", b)
    assert a.chat_messages[b] == [{"content": "hi", "role": "assistant", "name": "a"}]
    assert b.chat_messages[a] == [{"content": "hi", "role": "user", "name": "a"}]


@pytest.mark.parametrize("message", [{}, {"content": None}, {"message": "x"}])
def test_a_message_without_content_or_calls_is_refused(call, agent, message):
    a, b = agent("a"), agent("b")
    with pytest.raises(ValueError, match="neither content nor calls"):
        call(a.send, message, b)
    assert not a.chat_messages[b]
    assert not b.chat_messages[a]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, "<audio>"),
        ({"type": "file", "file": {"file_id": "f"}}, "<file>"),
        ({"type": "video_url", "video_url": {"url": "http://127.0.0.1/v"}}, "<video>"),
    ],
)
def test_media_are_shown_by_their_kind_and_sent_as_they_are(call, agent, openai_server, capsys, part, shown):
    server = openai_server("ok")
    content = [{"type": "text", "text": "see "}, part]
    assistant = agent("assistant", llm_config={"config_list": [server.config], "cache_seed": None})
    call(agent("user", silent=False).initiate_chat, assistant, message={"content": content}, max_turns=1)
    assert f"\nsee {shown}\n" in capsys.readouterr().out
    assert server.requests[0]["messages"][-1]["content"] == content


@pytest.mark.parametrize(
    ("wire", "sent", "received"),
    [
        ({"content": "x", "role": "system"}, "assistant", "user"),
        ({"content": "x", "override_role": "system"}, "system", "system"),
        ({"content": "x", "role": "tool"}, "tool", "tool"),
        ({"function_call": {"name": "f"}}, "assistant", "assistant"),
        ({"content": None, "tool_calls": []}, "assistant", "user"),
    ],
)
def test_roles(call, agent, wire, sent, received):
    a, b = agent("a"), agent("b")
    before = json.dumps(wire)
    call(a.send, wire, b)
    assert (a.last_message(b)["role"], b.last_message(a)["role"]) == (sent, received)
    assert "override_role" not in a.last_message(b)
    assert json.dumps(wire) == before


def test_a_call_has_no_name_and_no_content(call, agent):
    a, b = agent("a"), agent("b")
    call(a.send, {"function_call": {"name": "f"}}, b)
    assert b.last_message(a) == {"content": None, "function_call": {"name": "f"}, "role": "assistant"}


def test_turns(call, agent):
    a, b = agent("a"), agent("b", default_auto_reply="R")
    result = call(a.initiate_chat, b, message="m", max_turns=2)
    assert contents(result) == ["m", "R", "", "R"]
    assert result.summary == "R"
    assert result.stop_reason is StopReason.MAX_TURNS


@pytest.mark.parametrize(("limit", "messages"), [(0, 1), (1, 3), (2, 5), (3, 7)])
def test_the_limit_of_automatic_replies(call, agent, limit, messages):
    a, b = agent("a"), agent("b", max_consecutive_auto_reply=limit)
    result = call(a.initiate_chat, b, message="m")
    assert len(result.chat_history) == messages
    assert b._consecutive_auto_reply_counter[a] == 0
    assert result.stop_reason is StopReason.MAX_CONSECUTIVE_AUTO_REPLY


def test_a_termination_message_ends_the_chat(call, agent):
    a, b = agent("a"), agent("b", default_auto_reply="TERMINATE")
    result = call(a.initiate_chat, b, message="m")
    assert contents(result) == ["m", "TERMINATE"]
    assert result.stop_reason is StopReason.TERMINATION_MESSAGE
    assert result.summary == ""


def test_a_mute_recipient_ends_the_chat(call, agent):
    a, b = agent("a"), agent("b", default_auto_reply=None)
    result = call(a.initiate_chat, b, message="m", max_turns=3)
    assert contents(result) == ["m"]
    assert result.stop_reason is StopReason.NO_REPLY


def test_following_up(call, agent):
    a, b = agent("a"), agent("b", max_consecutive_auto_reply=1, default_auto_reply="R")
    call(a.initiate_chat, b, message="m")
    call(a.send, "more", b)
    assert [m["content"] for m in a.chat_messages[b]] == ["m", "R", "", "more", "R", ""]


def test_after_a_chat_with_turns_a_message_is_not_answered(call, agent):
    a, b = agent("a"), agent("b")
    call(a.initiate_chat, b, message="m", max_turns=1)
    call(a.send, "more", b)
    assert a.last_message(b)["content"] == "more"


def test_one_single_answer(call, agent):
    a, b = agent("a"), agent("b", max_consecutive_auto_reply=1, default_auto_reply="R")
    call(a.initiate_chat, b, message="m")
    a.stop_reply_at_receive(b)
    call(a.send, "sum it up", b)
    assert a.last_message(b)["content"] == "R"


def test_a_result_is_a_snapshot(call, agent):
    a, b = agent("a"), agent("b", default_auto_reply="R")
    first = call(a.initiate_chat, b, message="one", max_turns=1)
    call(a.initiate_chat, b, message="two", max_turns=1)
    assert contents(first) == ["one", "R"]


def test_history_may_be_kept(call, agent):
    a, b = agent("a"), agent("b", default_auto_reply="R")
    call(a.initiate_chat, b, message="one", max_turns=1)
    result = call(a.initiate_chat, b, message="two", max_turns=1, clear_history=False)
    assert contents(result) == ["one", "R", "two", "R"]


def test_the_first_message_may_be_made_from_the_context(call, agent):
    def ask(sender, recipient, context):
        return f"{sender.name} asks {recipient.name}: {context['problem']}"

    result = call(agent("a").initiate_chat, agent("b"), message=ask, problem="2+2?", max_turns=1)
    assert contents(result)[0] == "a asks b: 2+2?"


def test_a_human_types_the_first_message_where_there_is_none(call, agent):
    a = agent("a")
    a.get_human_input = lambda prompt: "typed"
    assert contents(call(a.initiate_chat, agent("b"), max_turns=1))[0] == "typed"


def test_carry_over(call, agent):
    a, b = agent("a"), agent("b")
    result = call(a.initiate_chat, b, message="M", carryover=["a", {"content": 5}, None], max_turns=1)
    assert contents(result)[0] == "M\nContext: \na\n5\nNone"


def test_max_turns_must_be_a_whole_number(call, agent):
    with pytest.raises(ValueError, match=r"max_turns must be a whole number or None, got 1\.5"):
        call(agent("a").initiate_chat, agent("b"), message="m", max_turns=1.5)


def test_the_cache_of_a_chat_is_taken_back_whatever_happens(call, agent):
    a, b = agent("a"), agent("b")
    seen = []

    def fail(recipient, messages, sender, config):
        seen.append((a.client_cache, b.client_cache))
        raise ZeroDivisionError

    b.register_reply([ConversableAgent, None], fail)
    with pytest.raises(ZeroDivisionError):
        call(a.initiate_chat, b, message="m", cache="the cache")
    assert seen == [("the cache", "the cache")]
    assert (a.client_cache, b.client_cache) == (None, None)


def test_a_transcript_without_colour(agent, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    agent("a", silent=None).send("hi", agent("b"))
    assert capsys.readouterr().out == "a (to b):\n\nhi\n\n" + "-" * 80 + "\n"


@pytest.mark.parametrize(
    ("own", "argument", "printed"),
    [(None, None, True), (None, False, True), (None, True, False), (True, False, False), (False, True, True)],
)
def test_silence(call, agent, capsys, own, argument, printed):
    call(agent("a", silent=own).send, "hi", agent("b"), silent=argument)
    assert ("hi" in capsys.readouterr().out) is printed


CODE = "Let me compute that.\n```python\nprint(6 * 7)\n```"


def test_an_assistant_writes_code_and_a_user_runs_it(call, scripted_model, tmp_path):
    from autogen.coding import LocalCommandLineCodeExecutor

    model = scripted_model(CODE, "It is 42. TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    user = UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)},
        is_termination_msg=lambda message: "TERMINATE" in message["content"],
    )
    result = call(user.initiate_chat, assistant, message="What is 6 times 7?")
    assert contents(result)[2] == "exitcode: 0 (execution succeeded)\nCode output: 42\n"
    assert result.summary == "It is 42. "
    assert result.cost["usage_including_cached_inference"]["scripted"]["completion_tokens"] > 0
    assert [m["role"] for m in model.asked[1]] == ["system", "user", "assistant", "user"]


def test_a_chat_goes_on_with_the_second_endpoint(call, openai_server):
    broken, working = openai_server(Fault(status=500)), openai_server("still here")
    config = {"config_list": [broken.config, working.config], "cache_seed": None}
    assistant = AssistantAgent("assistant", llm_config=config)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    assert call(user.initiate_chat, assistant, message="hi", max_turns=1).summary == "still here"


def test_the_same_chat_in_a_running_loop(scripted_model):
    import asyncio

    model = scripted_model("one", "two")

    async def cell():
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        assistant = AssistantAgent("assistant", llm_config=model.llm_config)
        plain = user.initiate_chat(assistant, message="hi", max_turns=1).summary
        return plain, (await user.a_initiate_chat(assistant, message="hi", max_turns=1)).summary

    assert asyncio.run(cell()) == ("one", "two")


def test_agents_that_share_a_model_take_turns(call):
    model = ScriptedModel(lambda messages: f"{len(messages)} messages")
    a, b = (ConversableAgent(n, llm_config=model.llm_config, human_input_mode="NEVER", silent=True) for n in "ab")
    assert contents(call(a.initiate_chat, b, message="m", max_turns=2)) == [
        "m",
        "2 messages",
        "3 messages",
        "4 messages",
    ]
