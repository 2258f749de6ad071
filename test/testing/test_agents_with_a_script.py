"""`TestAgent`, `ToolCall` and `tools_message`: AG2's way of testing agents."""

import itertools
import json

import pytest

from autogen import ConversableAgent
from autogen.testing import ScriptedModel, ScriptExhausted, TestAgent, ToolCall, tools_message

HI = [{"role": "user", "content": "hi"}]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(params=["with a model", "without a model"])
def bot(request, agent):
    """An agent whose own model must not be asked, and that would ask a human."""
    own = ScriptedModel(AssertionError("The agent's own model was asked.")).llm_config
    return agent("bot", llm_config=own if request.param == "with a model" else False, human_input_mode="ALWAYS")


def test_the_script_replies_and_everything_is_restored(call, agent, bot):
    before = bot.llm_config, bot.client
    user = agent("user", default_auto_reply="go on")
    with TestAgent(bot, ["one", {"content": "two", "role": "assistant"}]) as model:
        assert bot.human_input_mode == "NEVER"
        result = call(user.initiate_chat, bot, message="hi", max_turns=2)
    assert [message["content"] for message in result.chat_history] == ["hi", "one", "go on", "two"]
    assert len(model.requests) == 2
    assert (bot.llm_config, bot.client, bot.human_input_mode) == (*before, "ALWAYS")


def test_a_script_that_runs_out(call, agent, bot):
    user = agent("user", default_auto_reply="go on")

    def chat(*messages, **options):
        with TestAgent(bot, messages, **options):
            call(user.initiate_chat, bot, message="hi", max_turns=3)

    with pytest.raises(ScriptExhausted, match="All 1 messages are used, and there was another request"):
        chat("one")
    chat("one", suppress_messages_end=True)
    assert [message["content"] for message in bot.chat_messages[user]] == ["hi", "one", "go on"]
    assert bot.human_input_mode == "ALWAYS"
    with pytest.raises(ZeroDivisionError):
        chat(ZeroDivisionError(), suppress_messages_end=True)


def test_the_end_is_a_stop_iteration_at_the_call_and_an_error_for_readers(agent):
    bot, user = agent("bot"), agent("user")
    with TestAgent(bot):
        with pytest.raises(StopIteration) as end:
            user.initiate_chat(bot, message="hi")
        assert isinstance(end.value, ScriptExhausted)
        with pytest.raises(RuntimeError, match="another request") as wrapped:
            list(user.run(bot, message="hi").events)
        assert isinstance(wrapped.value.__cause__, StopIteration)
        # An iterator that raised a StopIteration would end as if the chat were complete.
        chat = user.run_iter(bot, message="hi")
        with pytest.raises(RuntimeError, match="another request"):
            list(iter(lambda: next(chat, None), None))


@pytest.mark.parametrize("kind", ["tool", "reply function", "slow tool"])
def test_a_stop_iteration_of_a_program_ends_no_chat_for_ever(call, agent, kind):
    """A mock raises it when its `side_effect` is used up. A future of asyncio can't hold it."""

    def fail(*args, **kwargs):
        raise StopIteration("used up")

    user = agent("user", concurrent_tool_calls=True)
    bot = agent("bot", llm_config=ScriptedModel(ToolCall("fail").to_message(), "done").llm_config)
    if kind == "reply function":
        bot.register_reply([ConversableAgent, None], fail)
        with pytest.raises((StopIteration, RuntimeError), match=r"used up|StopIteration"):
            call(user.initiate_chat, bot, message="hi", max_turns=2)
        return
    user.register_for_execution(name="fail", timeout=60 if kind == "slow tool" else None)(fail)
    result = call(user.initiate_chat, bot, message="hi", max_turns=2)
    assert "used up" in result.chat_history[2]["content"]
    assert result.summary == "done"


def test_any_iterable_of_replies(agent):
    bot = agent("bot")
    with TestAgent(bot, (f"reply {number}" for number in itertools.count())):
        assert [bot.generate_reply(HI) for _ in range(3)] == ["reply 0", "reply 1", "reply 2"]
    with TestAgent(bot, iter(["one"])), TestAgent(bot, ["inner"]):
        assert bot.generate_reply(HI) == "inner"


@pytest.mark.parametrize(
    ("agent_", "messages", "text"),
    [
        ("bot", [], "agent must be a ConversableAgent, got a str"),
        (None, "hello", "messages must be a list"),
        (None, 3, "got 3"),
    ],
)
def test_mistakes_are_refused(agent, agent_, messages, text):
    with pytest.raises(TypeError, match=text):
        TestAgent(agent_ or agent("bot"), messages)


def test_tools_may_be_registered_and_removed_in_the_block(call, agent):
    bot = agent("bot", llm_config=ScriptedModel("own").llm_config, functions=[add])
    user = agent("user")
    with TestAgent(
        bot, [ToolCall("double", n=4), tools_message(ToolCall("double", n=1), ToolCall("double", n=2)), "7"]
    ) as model:

        @user.register_for_execution()
        @bot.register_for_llm(description="Double a number.")
        def double(n: int) -> int:
            return 2 * n

        bot.update_tool_signature("add", is_remove=True)
        result = call(user.initiate_chat, bot, message="hi", max_turns=3)
    assert result.summary == "7"
    assert [response["content"] for response in result.chat_history[4]["tool_responses"]] == ["2", "4"]
    assert [[tool["function"]["name"] for tool in request["tools"]] for request in model.requests] == [["double"]] * 3
    assert [tool["function"]["name"] for tool in bot.llm_config["tools"]] == ["double"]
    assert bot.generate_reply(HI) == "own"


def test_messages_of_calls():
    message = tools_message(ToolCall("add", a=1, b=2), ToolCall("find", tool_name="x", call_id="y"))
    assert message["role"] == "assistant"
    assert [
        (call["type"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message["tool_calls"]
    ] == [
        ("function", "add", {"a": 1, "b": 2}),
        ("function", "find", {"tool_name": "x", "call_id": "y"}),
    ]
    calls = [*message["tool_calls"], *ToolCall("add").to_message()["tool_calls"]]
    assert len({call["id"] for call in calls}) == 3
    with pytest.raises(TypeError, match="takes ToolCall objects, got 'add'"):
        tools_message("add")
