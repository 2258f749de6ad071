"""What servers of open models tell of them, and the requests that depend on it."""

import pytest

from autogen import OpenAIWrapper
from autogen.agentchat._contexts.counting import get_window
from autogen.oai.abilities import get_abilities
from autogen.testing import Fault, OpenAIServer

HI = [{"role": "user", "content": "hi"}]
SHOW = {"capabilities": ["completion", "vision"], "parameters": 'stop "x"\nnum_ctx                 8192\ntemperature 1'}
PROPS = {"modalities": {"vision": False, "audio": True}, "default_generation_settings": {"n_ctx": 4096}}
STUDIO = {"data": [{"id": "m", "type": "vlm", "loaded_context_length": 2048, "capabilities": ["tool_use"]}, {"id": "x"}]}
VLLM = {"data": [{"id": "x", "max_model_len": 1}, {"id": "m", "max_model_len": 1024}]}


@pytest.mark.parametrize(
    ("api_type", "page", "answer", "expected"),
    [
        ("ollama", "/api/show", SHOW, {"vision": True, "tools": False, "audio_in": False, "context": 8192}),
        ("ollama", "/api/show", {"capabilities": ["tools"]}, {"vision": False, "tools": True, "context": None}),
        ("llamacpp", "/props", PROPS, {"vision": False, "audio_in": True, "context": 4096}),
        ("lmstudio", "/api/v0/models", STUDIO, {"vision": True, "tools": True, "context": 2048}),
        ("vllm", "/v1/models", VLLM, {"vision": None, "context": 1024}),
        ("vllm", "/v1/models", Fault(500), {"context": None}),
        ("ollama", "/api/show", Fault(404), {"vision": None, "tools": None}),
        ("ollama", "/api/show", {"capabilities": [1, None], "parameters": [3]}, {"vision": None, "context": None}),
        ("llamacpp", "/props", {"modalities": 1, "default_generation_settings": {"n_ctx": "8"}}, {"context": None}),
        ("lmstudio", "/api/v0/models", {"data": [None, {"id": "m", "type": 3}]}, {"vision": None}),
    ],
)
def test_a_server_of_open_models_is_asked_once(call, api_type, page, answer, expected):
    with OpenAIServer("a", "b", pages={page: answer}) as server:
        entry = {**server.config, "model": "m", "api_type": api_type}
        client = OpenAIWrapper(config_list=[entry], cache_seed=None)
        for text in "ab":
            assert call(client.create, messages=HI).choices[0].message.content == text
        assert server.asked_pages == [page]
        # Other spellings of the address are the same server.
        abilities = get_abilities({**entry, "base_url": server.base_url.replace("//", "//user:word@") + "/"})
    assert {name: getattr(abilities, name) for name in expected} == expected


@pytest.mark.parametrize(
    "setting", [{"abilities": {"like": "gpt-4o"}}, {"adapt_request": False}, {"api_type": "openai"}], ids=str
)
def test_servers_are_not_asked_when_the_program_knows(setting):
    with OpenAIServer("a", pages={"/api/show": SHOW}) as server:
        entry = {**server.config, "model": "m", "api_type": "ollama", **setting}
        OpenAIWrapper(config_list=[entry], cache_seed=None).create(messages=HI)
        assert server.asked_pages == []


def test_what_a_server_tells_decides_about_pictures_and_calls():
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
    show = {"capabilities": ["completion"]}
    with OpenAIServer("a", '{"name": "add", "arguments": {}}', "c", pages={"/api/show": show}) as server:
        entry = {**server.config, "model": "blind", "api_type": "ollama"}
        client = OpenAIWrapper(config_list=[entry], cache_seed=None)
        client.create(messages=[picture])
        message = client.create(messages=HI, tools=[tool]).choices[0].message
        # The program has tried it.
        sure = OpenAIWrapper(config_list=[{**entry, "abilities": {"tools": True, "vision": True}}], cache_seed=None)
        sure.create(messages=[picture], tools=[tool])
    blind, by_schema, trusted = server.requests
    assert blind["messages"][0]["content"] == "<image>"
    assert "tools" not in by_schema
    assert message.tool_calls[0].function.name == "add"
    assert trusted["tools"] == [tool]
    assert trusted["messages"][0]["content"] == picture["content"]


def test_a_server_that_is_down_is_asked_again_when_it_is_up():
    with OpenAIServer("a", pages={"/props": PROPS}) as server:
        entry = {**server.config, "model": "late", "api_type": "llamacpp"}
        down = {**entry, "base_url": "http://127.0.0.1:9/v1"}
        client = OpenAIWrapper(config_list=[down, entry], cache_seed=None)
        assert client.create(messages=HI).choices[0].message.content == "a"
        assert get_abilities(entry).context == 4096
    assert get_abilities(down).context is None


def test_the_window_of_a_model_is_that_of_its_server(agent):
    with OpenAIServer("a", pages={"/api/show": SHOW}) as server:
        entry = {**server.config, "model": "llama3.1", "api_type": "ollama"}
        speaker = agent("speaker", llm_config={"config_list": [entry], "cache_seed": None})
        before = get_window(speaker)
        speaker.generate_reply(messages=HI)
        assert (before, get_window(speaker)) == (None, 8192)
