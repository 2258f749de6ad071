"""Summaries of old messages, which a model writes and extends."""

import logging

import pytest

from autogen import ConversableAgent, events
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import SummaryTransform
from autogen.testing import Fault, ScriptedModel, tool_call


def noop(x: str) -> str:
    return x


def make_history(count, start=0):
    return [{"role": "user", "content": f"message {number} " + "word " * 20} for number in range(start, count)]


def make_agent(model, **options):
    return ConversableAgent(
        "agent", "System.", llm_config=model.llm_config, human_input_mode="NEVER", silent=True, **options
    )


def is_summary_request(messages):
    return "messages that it has to cover" in str(messages[-1]["content"])


class Writer:
    """A model that replies, and summarises by counting its summaries."""

    def __init__(self):
        self.summaries = []
        self.seen = []

    def __call__(self, messages):
        if is_summary_request(messages):
            self.summaries.append(messages[-1]["content"])
            return f"Summary number {len(self.summaries)}."
        self.seen.append([message["content"] for message in messages[1:]])
        return "fine"


@pytest.mark.parametrize("where", ["context", "capability"])
def test_a_summary_is_kept_and_extended(call, where):
    writer, history, seen = Writer(), make_history(40), []
    transform = SummaryTransform(trigger_tokens=400, keep_last=4)
    with ScriptedModel(writer) as model, events.subscribe(seen.append, types=[events.ContextTransformed]):
        agent = make_agent(model, model_context=transform if where == "context" else None)
        agent.register_for_llm(name="f", description="A tool.")(noop)
        if where == "capability":
            agent.add_capability(TransformMessages(transforms=[transform]))
        for count in range(1, 41):
            call(agent.generate_reply, history[:count])
        requests = [request for request in model.requests if is_summary_request(request["messages"])]
        # Its usage is that of the agent.
        assert agent.get_actual_usage()["scripted"]["completion_tokens"] >= 40
    # 16 messages of about 26 tokens are above the limit, then 4 are left.
    assert 2 <= len(writer.summaries) <= 4
    assert all("tools" not in request for request in requests)
    assert "The summary so far" not in writer.summaries[0]
    assert "message 0 " in writer.summaries[0]
    for number, prompt in enumerate(writer.summaries[1:], start=1):
        assert f"The summary so far:\nSummary number {number}." in prompt
        assert "message 0 " not in prompt
    covered = "".join(writer.summaries)
    last = writer.seen[-1]
    assert last[0].endswith(f"Summary number {len(writer.summaries)}.")
    assert [f"message {number} " in covered for number in range(40)] == [True] * (41 - len(last)) + [False] * (len(last) - 1)
    assert [text.split()[1] for text in last[1:]] == [str(number) for number in range(41 - len(last), 40)]
    event = seen[-1]
    assert (event.transform, event.messages_after, event.left_out) == ("SummaryTransform", len(last), [[0, 40 - len(last)]])
    assert event.effect == f"Summarised {41 - len(last)} messages."
    assert history == make_history(40)


def test_the_message_says_that_it_is_a_summary():
    with ScriptedModel("The gist.") as model:
        transform = SummaryTransform(model.llm_config, trigger_tokens=100, keep_last=2)
        view = transform.apply_transform(make_history(10))
        assert transform.view(make_history(10)) == view
    assert (view[0]["role"], view[0]["name"]) == ("user", "summary")
    assert view[0]["content"] == "Summary of the conversation so far (8 earlier messages are not shown):\nThe gist."
    assert view[1:] == make_history(10, 8)


def test_a_call_is_not_separated_from_its_results_and_is_part_of_the_summary():
    calls = {"role": "assistant", "content": None, "tool_calls": [tool_call("add", call_id="1", n=7)]}
    result = {
        "role": "tool",
        "tool_responses": [{"role": "tool", "tool_call_id": "1", "content": "forty"}],
        "content": "forty",
    }
    history = [*make_history(8), calls, result, *make_history(10, 9)]
    with ScriptedModel("The gist.") as model:
        view = SummaryTransform(model.llm_config, trigger_tokens=100, keep_last=2).apply_transform(history)
        assert view[1:] == history[8:]
        assert "add" not in model.asked[0][-1]["content"]
    with ScriptedModel("The gist.") as model:
        view = SummaryTransform(model.llm_config, trigger_tokens=100, keep_last=1).apply_transform(history)
        assert view[1:] == history[10:]
        assert '[calls add with {"n": 7}]' in model.asked[0][-1]["content"]
        assert "result of a tool: forty" in model.asked[0][-1]["content"]


def test_a_long_history_is_read_in_pieces():
    writer = Writer()
    with ScriptedModel(writer) as model:
        transform = SummaryTransform(model.llm_config, trigger_tokens=1000, keep_last=1)
        view = transform.apply_transform([*make_history(100), {"role": "user", "content": "end " * 5000}, *make_history(1)])
    assert 3 <= len(writer.summaries) <= 8
    assert max(map(len, writer.summaries)) < 14_000
    assert view[0]["content"].endswith(f"Summary number {len(writer.summaries)}.")
    assert len(view) == 2


@pytest.mark.parametrize("reply", [Fault(status=400, message="no"), "", "   "])
def test_if_the_model_fails_the_history_is_shown(call, caplog, reply):
    with ScriptedModel(reply, "fine") as model:
        agent = make_agent(model, model_context=SummaryTransform(trigger_tokens=100, keep_last=2))
        with caplog.at_level(logging.WARNING):
            assert call(agent.generate_reply, make_history(10)) == "fine"
        assert len(model.asked[-1]) == 11
    assert "The summary could not be extended" in caplog.text


def test_chats_with_different_beginnings_have_summaries_of_their_own():
    writer = Writer()
    with ScriptedModel(writer) as model:
        transform = SummaryTransform(model.llm_config, trigger_tokens=100, keep_last=2)
        histories = [make_history(10), [{"role": "user", "content": "other"}, *make_history(10)]]
        for _ in range(2):
            for number, history in enumerate(histories, start=1):
                assert transform.apply_transform(history)[0]["content"].endswith(f"Summary number {number}.")
    assert len(writer.summaries) == 2


def test_a_model_is_needed():
    with pytest.raises(ValueError, match="SummaryTransform needs a model"):
        SummaryTransform(trigger_tokens=10).apply_transform(make_history(20))
    for options in ({"trigger_tokens": 0}, {"keep_last": -1}):
        with pytest.raises(ValueError, match="must be"):
            SummaryTransform(**options)


def test_a_chat_with_a_checkpoint_pays_for_a_summary_once(call, tmp_path):
    results = []
    for attempt in range(2):
        writer = Writer()
        with ScriptedModel(writer) as model:
            agent = make_agent(model, model_context=SummaryTransform(trigger_tokens=100, keep_last=2))
            peer = ConversableAgent(
                "peer", llm_config=False, human_input_mode="NEVER", default_auto_reply="word " * 30, silent=True
            )
            result = call(peer.initiate_chat, agent, message="start", max_turns=6, checkpoint=tmp_path / "chat.db")
            results.append([message["content"] for message in result.chat_history])
            assert bool(model.asked) is (attempt == 0)
    assert results[0] == results[1]
