"""Answers that a model refused or that were cut: the message says so, and so does the result of the chat."""

import pytest

from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.chat import StopReason
from autogen.testing import RawReply

HEAD = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}


def answer(message, reason="stop"):
    delta = {"index": 0, "delta": message, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": reason}
    chunks = [{**HEAD, "choices": [choice]} for choice in (delta, last)]
    body = {**HEAD, "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}]}
    return RawReply(body, [*chunks, b"data: [DONE]\n\n"])


REFUSALS = {
    "field": {"content": None, "refusal": "I can't help with that."},
    "part": {"content": [{"type": "refusal", "refusal": "I can't help with that."}]},
}


def make_agents(server, stream=False, **entry):
    llm_config = {"config_list": [{**server.config, **entry}], "cache_seed": None, "stream": stream}
    assistant = ConversableAgent("assistant", llm_config=llm_config, human_input_mode="NEVER", silent=True)
    return ConversableAgent("user", human_input_mode="NEVER", silent=True), assistant


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api_type", ["openai", "groq"])
def test_a_chat_that_ends_with_a_refusal_says_so(refusal, stream, api_type, call, openai_server, tmp_path):
    server = openai_server(answer(refusal))
    for _ in range(2):
        user, assistant = make_agents(server, stream, api_type=api_type)
        result = call(user.initiate_chat, assistant, message="Do it.", max_turns=1, checkpoint=tmp_path / "chat.db")
        assert result.stop_reason is StopReason.REFUSAL
        assert result.stop_detail == result.summary == "I can't help with that."
        last = result.chat_history[-1]
        assert (last["content"], last["refusal"], last["stop_reason"]) == ("I can't help with that.",) * 2 + ("refusal",)


def test_a_refusal_in_a_run_and_in_a_group(openai_server):
    server = openai_server(*[answer(REFUSALS["field"])] * 2)
    user, assistant = make_agents(server)
    assert assistant.run("Do it.").stop_reason is StopReason.REFUSAL
    group = GroupChat([user, assistant], max_round=2, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, human_input_mode="NEVER", silent=True)
    result = user.initiate_chat(manager, message="Do it.")
    assert (result.stop_reason, result.stop_detail) == (StopReason.REFUSAL, "I can't help with that.")


def test_a_refusal_before_the_end_is_not_the_reason(openai_server):
    server = openai_server(answer(REFUSALS["field"]), "Fine.")
    user, assistant = make_agents(server)
    user._default_auto_reply = "Please."
    result = user.initiate_chat(assistant, message="Do it.", max_turns=2)
    assert (result.stop_reason, result.stop_detail) == (StopReason.MAX_TURNS, None)
    # The refusal goes back as the text of the model.
    assert server.requests[1]["messages"][2]["content"] == "I can't help with that."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_endpoint_that_stops_before_the_first_word_is_asked_again(stream, openai_server):
    server = openai_server(answer({"content": ""}, "insufficient_system_resource"), "It rains.")
    user, assistant = make_agents(server, stream, max_retries=1, retry_policy={"first_delay": 0})
    assert user.initiate_chat(assistant, message="Weather?", max_turns=1).summary == "It rains."


@pytest.mark.parametrize(
    ("reason", "finish_reason", "stop_reason"),
    [
        ("stop", "stop", None),
        ("eos", "stop", None),
        ("end_turn", "stop", None),
        ("length", "length", "length"),
        ("MAX_TOKENS", "length", "length"),
        ("model_length", "length", "length"),
        ("model_context_window_exceeded", "length", "context"),
        ("content_filter", "content_filter", "content_filter"),
        ("SAFETY", "content_filter", "content_filter"),
        ("guardrail_intervened", "content_filter", "content_filter"),
        ("insufficient_system_resource", "length", "length"),
        ("error", None, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_reasons_of_the_end(reason, finish_reason, stop_reason, stream, openai_server):
    server = openai_server(answer({"content": "It rai"}, reason), "It rains.")
    user, assistant = make_agents(server, stream, max_retries=1, retry_policy={"first_delay": 0})
    last = user.initiate_chat(assistant, message="Weather?", max_turns=1).chat_history[-1]
    assert (last["content"], last.get("stop_reason")) == ("It rai" if finish_reason else "It rains.", stop_reason)
    if finish_reason:
        server = openai_server(answer({"content": "It rai"}, reason))
        response = make_agents(server, stream)[1].client.create(messages=[{"role": "user", "content": "Weather?"}])
        assert response.choices[0].finish_reason == finish_reason
