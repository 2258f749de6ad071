"""Requests that an endpoint refuses as too long."""

import logging

import pytest

from autogen import ConversableAgent, events
from autogen.testing import Fault, ScriptedModel, tool_call

REFUSALS = [
    (
        400,
        "context_length_exceeded",
        "This model's maximum context length is {limit} tokens. However, your messages resulted in 9 tokens.",
    ),
    (400, None, "prompt is too long: 213462 tokens > {limit} maximum"),
    (400, None, "input length and `max_tokens` exceed context limit: 199000 + 8192 > {limit}, decrease input length"),
    (400, None, "The input token count (1200000) exceeds the maximum number of tokens allowed ({limit})."),
    (400, None, "Prompt contains 40000 tokens, too large for model with {limit} maximum context length"),
    (400, "context_length_exceeded", "Please reduce the length of the messages or completion."),
    (422, None, "Input validation error: inputs tokens + max_new_tokens must be <= {limit}. Given: 9000"),
    (400, None, "too many tokens: total number of tokens in the prompt cannot exceed {limit} - received 9000"),
    (400, None, "Input is too long for requested model."),
    (400, "exceed_context_size_error", "the request exceeds the available context size ({limit} tokens), try increasing it"),
    (413, None, "Request too large: Limit {limit}, Requested 9000, please reduce your message size and try again."),
]


def make_agent(model, **options):
    return ConversableAgent(
        "agent", "System.", llm_config=model.llm_config, human_input_mode="NEVER", silent=True, **options
    )


def noop(x: str) -> str:
    return x


def make_history(count=40):
    return [{"role": "user", "content": f"message {number} " + "word " * 100} for number in range(count)]


@pytest.mark.parametrize(("status", "code", "message"), REFUSALS)
def test_the_oldest_messages_are_left_out_and_the_request_is_sent_once_more(call, caplog, status, code, message):
    seen = []
    history = make_history()
    fault = Fault(status=status, code=code, message=message.format(limit=2000))
    with ScriptedModel(fault, "fine") as model:
        agent = make_agent(model)
        with caplog.at_level(logging.WARNING), events.subscribe(seen.append, types=[events.ContextTransformed]):
            assert call(agent.generate_reply, history) == "fine"
        first, second = model.asked
    assert [len(first), first[0], second[0], second[1]] == [41, second[0], first[0], first[1]]
    assert second[-10:] == first[-10:]
    assert 15 <= len(second) <= (17 if "{limit}" in message else 27)
    assert len(history) == 40
    [event] = seen
    assert (event.agent, event.transform, event.messages_before) == ("agent", "length_guard", 41)
    assert event.messages_after == len(second)
    assert event.left_out[0][0] == 2
    assert "refused a request" in caplog.text
    assert "not shown: 2-" in caplog.text


def test_the_second_refusal_is_raised(call):
    fault = Fault(status=400, code="context_length_exceeded", message="maximum context length is 100 tokens")
    with ScriptedModel(fault, fault) as model:
        with pytest.raises(Exception, match="maximum context length"):
            call(make_agent(model).generate_reply, make_history())
        assert len(model.asked) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400, message="Unknown parameter: foo"),
        Fault(status=401, message="maximum context length is 100 tokens"),
        RuntimeError("the program has an error"),
    ],
)
def test_other_errors_are_raised_at_once(call, fault):
    with ScriptedModel(fault) as model:
        with pytest.raises(Exception, match=r"foo|context|program"):
            call(make_agent(model).generate_reply, make_history())
        assert len(model.asked) == 1


def test_a_huge_result_is_shortened_with_its_call(call):
    messages = [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("read", call_id="1")]},
        {
            "role": "tool",
            "tool_responses": [{"role": "tool", "tool_call_id": "1", "content": "line\n" * 20_000}],
            "content": "",
        },
    ]
    fault = Fault(status=400, code="context_length_exceeded", message="maximum context length is 4096 tokens")
    with ScriptedModel(fault, "fine") as model:
        assert call(make_agent(model).generate_reply, messages) == "fine"
        system, question, request, result = model.asked[1]
    assert (system["role"], question["content"], request["tool_calls"][0]["id"]) == ("system", "Read it.", "1")
    assert result["tool_call_id"] == "1"
    assert 5_000 < len(result["content"]) < 20_000
    assert "tokens are left out here" in result["content"]


def test_tools_count(call):
    fault = Fault(status=400, code="context_length_exceeded", message="maximum context length is 4000 tokens")
    sizes = []
    for description in ("short", "word " * 2000):
        with ScriptedModel(fault, "fine") as model:
            agent = make_agent(model)
            agent.register_for_llm(name="f", description=description)(noop)
            call(agent.generate_reply, make_history())
            sizes.append(len(model.asked[1]))
    assert sizes[0] - sizes[1] > 8


def test_a_chat_that_is_resumed_gets_the_recorded_responses(call, tmp_path):
    fault = Fault(status=400, code="context_length_exceeded", message="maximum context length is 2000 tokens")
    results = []
    for replies in ([fault, "first", "second"], [fault]):
        with ScriptedModel(*replies) as model:
            agent = make_agent(model)
            peer = ConversableAgent(
                "peer", llm_config=False, human_input_mode="NEVER", default_auto_reply="go on", silent=True
            )
            message = "word " * 5000
            result = call(peer.initiate_chat, agent, message=message, max_turns=2, checkpoint=tmp_path / "chat.db")
            results.append([message["content"] for message in result.chat_history])
    assert results[0] == results[1]
    assert results[0][1] == "first"
