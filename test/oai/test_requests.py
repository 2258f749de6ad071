"""What leaves for an endpoint is what the SDK would send, and whoever watches the SDK sees it."""

import asyncio
import functools

import pytest
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.types.chat import ChatCompletionMessage

from autogen import OpenAIWrapper
from autogen.testing import tool_call

TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hello, wörld"}], "name": "ann"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
]


@pytest.fixture
def create(mode, openai_server):
    """Send a request; returns the body that arrived, and what came back."""

    def create(stream=False, reply="fine", **params):
        server = openai_server(reply)
        wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None, stream=stream)
        params = {"messages": MESSAGES, "tools": [TOOL], "temperature": 0, **params}
        response = wrapper.create(**params) if mode == "sync" else asyncio.run(wrapper.a_create(**params))
        return server.requests[0], response

    return create


@pytest.fixture
def watched(monkeypatch):
    """The calls of the SDK's `create`, as a tracing package sees them."""
    calls = []

    def wrap(owner):
        method = owner.create

        @functools.wraps(method)
        def create(self, *args, **kwargs):
            calls.append(kwargs)
            return method(self, *args, **kwargs)

        monkeypatch.setattr(owner, "create", create)

    wrap(Completions)
    wrap(AsyncCompletions)
    return calls


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_sent_as_it_is(create, stream):
    body, _ = create(stream)
    assert body["messages"] == MESSAGES
    assert body["tools"] == [TOOL]
    assert (body["temperature"], body["model"]) == (0, "scripted")


def test_whoever_wraps_the_sdk_sees_the_messages(create, watched):
    body, _ = create()
    assert watched[0]["messages"] == body["messages"] == MESSAGES
    assert watched[0]["tools"] == body["tools"] == [TOOL]


def test_the_body_is_the_same_for_both(create, request):
    alone, _ = create()
    request.getfixturevalue("watched")
    assert create()[0] == alone


def test_objects_of_the_sdk_are_messages_too(create):
    said = ChatCompletionMessage.model_validate({"role": "assistant", "content": None, "tool_calls": [CALL]})
    body, _ = create(messages=[*MESSAGES[:2], said, MESSAGES[3]])
    create(messages=[said, MESSAGES[3]])
    assert body["messages"] == MESSAGES


def test_an_extra_body_goes_with_it(create):
    body, _ = create(extra_body={"top_k": 5})
    assert (body["top_k"], body["messages"]) == (5, MESSAGES)


def test_calls_come_back(create):
    _, response = create(reply=tool_call("look"))
    assert response.choices[0].message.tool_calls[0].function.name == "look"
