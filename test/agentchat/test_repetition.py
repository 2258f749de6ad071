"""Agents that go on saying the same."""

import pytest

from autogen.testing import ScriptedModel, tool_call

LOGGER = "autogen.agentchat.conversable_agent"


def notices(caplog):
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def test_a_message_that_is_said_three_times_in_a_row_is_noticed_once(call, agent, caplog):
    a, b = agent("a", default_auto_reply="thank you"), agent("b", default_auto_reply="no, thank you")
    result = call(a.initiate_chat, b, message="hello", max_turns=6)
    assert result.repetitions == {"a": 5, "b": 6}
    said = notices(caplog)
    assert [text.partition(",")[0] for text in said] == [
        "Agent 'b' sends the same message: 'no",
        "Agent 'a' sends the same message: 'thank you'",
    ]
    assert "max_turns" in said[0]


def test_empty_messages_are_named_as_such(call, agent, caplog):
    a, b = agent("a"), agent("b", default_auto_reply=None)
    b.register_reply([type(a), None], lambda *_, messages, **__: (True, f"number {len(messages)}"))
    result = call(a.initiate_chat, b, message="hello", max_turns=5)
    assert result.repetitions == {"a": 4}
    assert "sends only empty messages" in notices(caplog)[0]
    assert "default_auto_reply" in notices(caplog)[0]


def test_the_same_call_is_noticed_though_its_id_differs(call, agent, caplog):
    model = ScriptedModel(*[tool_call("look", at="x") for _ in range(3)], tool_call("look", at="y"), "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user", function_map={"look": lambda at: f"saw {at}"}, is_termination_msg=lambda m: m["content"] == "done")
    result = call(user.initiate_chat, caller, message="go")
    assert result.repetitions == {"caller": 3, "user": 3}
    assert any("'look'" in text for text in notices(caplog))


def test_different_messages_are_not_noticed(call, agent, caplog):
    a = agent("a", llm_config=ScriptedModel("1", "2", "1", "2").llm_config)
    b = agent("b", llm_config=ScriptedModel("x", "y", "x", "y", "x").llm_config)
    assert call(a.initiate_chat, b, message="hello", max_turns=5).repetitions == {}
    assert notices(caplog) == []


@pytest.mark.parametrize("clear_history", [True, False])
def test_each_chat_counts_anew(call, agent, clear_history):
    a, b = agent("a", default_auto_reply="x"), agent("b", default_auto_reply="y")
    call(a.initiate_chat, b, message="hello", max_turns=4)
    assert call(a.initiate_chat, b, message="hello", max_turns=2, clear_history=clear_history).repetitions == {}
