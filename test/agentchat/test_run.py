"""An agent that works alone with its tools."""

import pytest

from autogen.agentchat.chat import StopReason
from autogen.testing import ScriptedModel, tool_call


def multiply(a: int, b: int) -> int:
    """Multiply two numbers.

    This is not for the model.
    """
    return a * b


def test_it_calls_its_tools_until_it_has_an_answer(call, agent):
    with ScriptedModel(tool_call("multiply", a=6, b=7), tool_call("multiply", a=42, b=2), "It is 84.") as model:
        me = agent("me", llm_config=model.llm_config)
        result = call(me.run, "6 times 7 times 2?", tools=[multiply])
    assert result.summary == "It is 84."
    assert result.stop_reason is StopReason.TERMINATION_MESSAGE
    assert [message["role"] for message in result.chat_history] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]
    assert [m["content"] for m in result.chat_history if m["role"] == "tool"] == ["42", "84"]
    described = model.requests[0]["tools"][0]["function"]
    assert (described["name"], described["description"]) == ("multiply", "Multiply two numbers.")
    assert "tools" not in me.llm_config


def test_tools_of_its_own_are_used_and_kept(call, agent):
    with ScriptedModel(tool_call("multiply", a=2, b=3), "6") as model:
        me = agent("me", llm_config=model.llm_config)
        me.register_for_execution()(me.register_for_llm(description="Multiply.")(multiply))
        assert call(me.run, "2 times 3?").summary == "6"
    assert [tool["function"]["name"] for tool in me.llm_config["tools"]] == ["multiply"]


def test_without_tools_it_answers(call, agent):
    me = agent("me", llm_config=ScriptedModel("hello").llm_config)
    assert call(me.run, "hi").summary == "hello"


def test_it_stops_when_it_has_called_too_often(call, agent):
    model = ScriptedModel(lambda messages: tool_call("multiply", a=1, b=1))
    result = call(agent("me", llm_config=model.llm_config).run, "go", tools=[multiply], max_turns=3)
    assert len(model.requests) == 4
    assert result.stop_reason is StopReason.MAX_CONSECUTIVE_AUTO_REPLY


def test_the_tools_are_taken_back_whatever_happens(call, agent):
    me = agent("me", llm_config=ScriptedModel(ZeroDivisionError()).llm_config)
    with pytest.raises(ZeroDivisionError):
        call(me.run, "go", tools=[multiply])
    assert "tools" not in me.llm_config
