"""Messages of the 0.4 line, converted both ways."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent
from autogen.interop.messages04 import from_state04, history_to_02, history_to_04, to_02, to_04
from autogen.testing import OpenAIServer

COMMON = {"id": "d8ba", "models_usage": None, "metadata": {}, "created_at": "2025-09-01T10:00:00Z"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
RESULT = {"content": "18 degrees", "name": "weather", "call_id": "c1", "is_error": True}
CALL = {"id": "c1", "arguments": '{"city": "Rome"}', "name": "weather"}

# as `model_dump(mode="json")` of 0.4 makes them: a dump and its content in 0.2
MESSAGES = [
    ({"content": "Hello", "type": "TextMessage", "models_usage": USAGE}, "Hello"),
    ({"content": "Bye", "type": "StopMessage"}, "Bye"),
    ({"content": "Over to you", "target": "critic", "context": [], "type": "HandoffMessage"}, "Over to you"),
    ({"content": "18 degrees", "tool_calls": [CALL], "results": [RESULT], "type": "ToolCallSummaryMessage"}, "18 degrees"),
    ({"content": {"answer": 5}, "format_string": None, "type": "StructuredMessage[Answer]"}, '{"answer": 5}'),
    (
        {"content": ["Look:", {"data": "iVBO"}], "type": "MultiModalMessage"},
        [
            {"type": "text", "text": "Look:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        ],
    ),
    ({"content": [CALL], "type": "ToolCallRequestEvent"}, None),
    ({"content": [RESULT], "type": "ToolCallExecutionEvent"}, "18 degrees"),
    ({"content": ["of a later version"], "type": "TelepathyMessage"}, '["of a later version"]'),
]
MESSAGES = [({"source": "writer", **COMMON, **dump}, content) for dump, content in MESSAGES]
EVENTS = [
    {"source": "writer", **COMMON, "content": content, "type": kind}
    for kind, content in (
        ("MemoryQueryEvent", [{"content": "x", "mime_type": "text/plain", "metadata": {}}]),
        ("ThoughtEvent", "hm"),
        ("ModelClientStreamingChunkEvent", "He"),
        ("UserInputRequestedEvent", ""),
        ("SelectSpeakerEvent", ["critic"]),
        ("CodeGenerationEvent", "```python\n1\n```"),
    )
]
EVENTS.append({"source": "x", "type": "CodeExecutionEvent", "result": {"exit_code": 1, "output": "no"}, "retry_attempt": 0})


@pytest.mark.parametrize(("dump", "content"), MESSAGES, ids=[dump["type"] for dump, _ in MESSAGES])
def test_from_04_and_back(dump, content):
    message = to_02(dump, reader="critic")
    assert message["content"] == content
    assert message["name"] == "writer"
    assert to_04(json.loads(json.dumps(message))) == dump


def test_roles_calls_and_results():
    assert [to_02(MESSAGES[0][0], reader=name)["role"] for name in (None, "critic", "writer")] == [
        "user",
        "user",
        "assistant",
    ]
    call, result = to_02(MESSAGES[6][0]), to_02(MESSAGES[7][0])
    assert call["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    ]
    assert call["role"] == "assistant"
    assert result["tool_responses"] == [{"tool_call_id": "c1", "role": "tool", "content": "18 degrees"}]
    assert result["role"] == "tool"


def test_metadata_stays_here(agent):
    with OpenAIServer("Fine.") as server:
        writer = agent("writer", llm_config=server.llm_config)
        assert writer.generate_reply([to_02(MESSAGES[0][0], reader="writer"), to_02(MESSAGES[1][0])]) == "Fine."
    sent = server.requests[0]["messages"]
    assert [set(message) for message in sent[1:]] == [{"role", "content", "name"}] * 2


def test_events_are_listed():
    history = history_to_02([*EVENTS, MESSAGES[0][0]], reader="critic")
    assert [message["content"] for message in history.messages] == ["Hello"]
    assert history.dropped == EVENTS
    shown = history_to_02(EVENTS, code_events=True)
    assert [message["content"] for message in shown.messages] == ["```python\n1\n```", "exit code 1:\nno"]


def test_a_history_of_02():
    history = [
        {"role": "user", "content": "Weather?", "name": "user", "context": {"a": 1}},
        {"role": "assistant", "content": "I look.", "tool_calls": to_02(MESSAGES[6][0])["tool_calls"], "name": "writer"},
        {"role": "tool", "content": "18", "tool_responses": [{"tool_call_id": "c1", "role": "tool", "content": "18"}]},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "5"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
    ]
    converted = history_to_04(history)
    kinds = ["TextMessage", *["ToolCallRequestEvent", "ToolCallExecutionEvent"] * 2, "MultiModalMessage"]
    assert [message["type"] for message in converted] == kinds
    assert [message["source"] for message in converted] == ["user", "writer", "tool", "assistant", "old", "user"]
    assert json.loads(converted[0]["metadata"]["autogen02"]) == {"context": {"a": 1}}
    # the text beside the calls is kept
    assert json.loads(converted[1]["metadata"]["autogen02"]) == {"content": "I look."}
    assert converted[2]["content"] == [{"content": "18", "name": "weather", "call_id": "c1", "is_error": False}]
    assert converted[4]["content"][0]["name"] == "old"
    assert converted[5]["content"] == ["https://example.org/a.png"]


@given(st.text(), st.text(min_size=1), st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text(content, source, metadata):
    dump = {"source": source, "metadata": metadata, "content": content, "type": "TextMessage"}
    assert to_04(to_02(dump)) == dump


@pytest.mark.parametrize("message", ["text", {"content": "no type"}, 5])
def test_what_is_no_message_of_04(message):
    with pytest.raises(TypeError, match="must be a dict with a type"):
        to_02(message)


def test_a_state_of_04(agent):
    context = [
        {"content": "Weather?", "source": "user", "type": "UserMessage"},
        {"content": [CALL], "thought": "I look.", "source": "writer", "type": "AssistantMessage"},
        {"content": [RESULT], "type": "FunctionExecutionResultMessage"},
        {"content": "18 degrees.", "thought": None, "source": "writer", "type": "AssistantMessage"},
    ]
    state = {"type": "AssistantAgentState", "version": "1.0.0", "llm_context": {"messages": context}}
    team = {"type": "TeamState", "agent_states": {"writer": {"type": "ChatAgentContainerState", "agent_state": state}}}
    user = agent("user")
    for document in (state, team):
        writer = agent("writer", ConversableAgent)
        writer.load_state(from_state04(document, "writer", system_message="Be kind."), peers=[user])
        messages = writer.chat_messages[user]
        assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant"]
        assert messages[1]["content"] == "I look."
        assert writer.system_message == "Be kind."
    with pytest.raises(ValueError, match="no member 'critic', but writer"):
        from_state04(team, "critic")
    with pytest.raises(ValueError, match="its type is 'TeamState'"):
        from_state04({"type": "TeamState"}, "writer")
