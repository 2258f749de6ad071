"""Models of other frameworks from the configs of agents."""

import sys
from types import ModuleType

import pytest

from autogen import LLMConfig
from autogen.interop import LangChainChatModelFactory, LiteLLmConfigFactory

KEY = "sk-0123456789abcdefghijklmnop"


class Made:
    """A chat model that remembers its arguments."""

    def __init__(self, **arguments):
        self.arguments = arguments


def make_config(**entry):
    return LLMConfig(config_list=[{"model": "m", "api_key": KEY, **entry}], temperature=0.5)


@pytest.mark.parametrize(
    ("entry", "module", "name", "arguments"),
    [
        ({}, "langchain_openai", "ChatOpenAI", {"model": "m", "api_key": KEY, "temperature": 0.5}),
        (
            {"api_type": "azure", "base_url": "https://a.test", "api_version": "2024-10-21"},
            "langchain_openai",
            "AzureChatOpenAI",
            {"azure_deployment": "m", "azure_endpoint": "https://a.test", "api_version": "2024-10-21", "api_key": KEY},
        ),
        ({"api_type": "anthropic"}, "langchain_anthropic", "ChatAnthropic", {"model": "m", "api_key": KEY}),
        ({"api_type": "google"}, "langchain_google_genai", "ChatGoogleGenerativeAI", {"model": "m", "api_key": KEY}),
        (
            {"api_type": "ollama", "client_host": "http://127.0.0.1:11434"},
            "langchain_ollama",
            "ChatOllama",
            {"model": "m", "base_url": "http://127.0.0.1:11434"},
        ),
    ],
)
def test_chat_models_of_langchain(monkeypatch, entry, module, name, arguments):
    fake = ModuleType(module)
    setattr(fake, name, Made)
    monkeypatch.setitem(sys.modules, module, fake)
    made = LangChainChatModelFactory.create_base_chat_model(make_config(**entry)).arguments
    assert {key: str(value) if key == "api_key" else value for key, value in made.items() if key in arguments} == arguments
    assert not made.keys() & {"api_type", "tags", "config_list"}


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(ImportError, match="The chat model for 'anthropic' needs the package 'langchain_anthropic'"):
        LangChainChatModelFactory.create_base_chat_model(make_config(api_type="anthropic"))


@pytest.mark.parametrize(
    ("entry", "config"),
    [
        ({}, {"provider": "openai/m", "api_token": KEY}),
        ({"api_type": "google"}, {"provider": "gemini/m", "api_token": KEY}),
        ({"api_type": "ollama", "client_host": "http://a.test"}, {"provider": "ollama/m", "base_url": "http://a.test"}),
    ],
)
def test_configs_of_litellm(entry, config):
    made = LiteLLmConfigFactory.create_lite_llm_config(make_config(**entry))
    assert {key: str(value) for key, value in made.items() if key in config} == config
    assert "model" not in made


def test_factories_of_programs(monkeypatch):
    for base, create in (
        (LangChainChatModelFactory, "create_base_chat_model"),
        (LiteLLmConfigFactory, "create_lite_llm_config"),
    ):
        monkeypatch.setattr(base, "_factories", list(base._factories))

        @base.register_factory()
        class Own(base):
            @classmethod
            def create(cls, first_llm_config):
                return "own", first_llm_config["model"]

            @classmethod
            def get_api_type(cls):
                return "mine"

        assert getattr(base, create)({"config_list": [{"model": "m", "api_type": "mine"}]}) == ("own", "m")


def test_configs_without_a_model_or_a_factory():
    for create in (LangChainChatModelFactory.create_base_chat_model, LiteLLmConfigFactory.create_lite_llm_config):
        with pytest.raises(ValueError, match="no entry with a model"):
            create({"config_list": []})
    with pytest.raises(ValueError, match="is known for api_type 'groq', but for 'openai'"):
        LangChainChatModelFactory.create_base_chat_model({"model": "m", "api_type": "groq"})
