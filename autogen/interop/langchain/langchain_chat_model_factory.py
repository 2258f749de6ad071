"""Chat models of LangChain from the configs of agents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..._extras import require
from .._llm_configs import Entry, drop_own_keys, get_first_entry, get_kind

__all__ = ["LangChainChatModelFactory"]

T = TypeVar("T", bound="type[LangChainChatModelFactory]")


class LangChainChatModelFactory(ABC):
    """Base class of factories that make the chat model of LangChain that an agent's config means.

    >>> model = LangChainChatModelFactory.create_base_chat_model(llm_config)  # doctest: +SKIP
    """

    _factories: ClassVar[list[type[LangChainChatModelFactory]]] = []

    @classmethod
    def create_base_chat_model(cls, llm_config: Any) -> Any:
        """Make the chat model for the first entry of a config.

        Args:
            llm_config: An `LLMConfig` or a dict.

        Returns:
            A `BaseChatModel` of LangChain.

        Raises:
            ValueError: if there is no entry, or no factory for its `api_type`.
            ImportError: if LangChain's package for it is not installed.
        """
        entry = get_first_entry(llm_config)
        # Those of programs come first.
        for factory in cls._factories:
            if factory.accepts(entry):
                return factory.create(entry)
        known = ", ".join(repr(factory.get_api_type()) for factory in cls._factories)
        raise ValueError(f"No chat model of LangChain is known for api_type {get_kind(entry)!r}, but for {known}.")

    @classmethod
    def register_factory(cls) -> Callable[[T], T]:
        """Return a decorator that registers a factory; the latest has precedence."""

        def register(factory: T) -> T:
            cls._factories.insert(0, factory)
            return factory

        return register

    @classmethod
    def prepare_config(cls, first_llm_config: Entry) -> Entry:
        """Return an entry as keyword arguments for the chat model."""
        return drop_own_keys(first_llm_config)

    @classmethod
    @abstractmethod
    def create(cls, first_llm_config: Entry) -> Any:
        """Make the chat model for an entry."""

    @classmethod
    @abstractmethod
    def get_api_type(cls) -> str:
        """Return the `api_type` of the entries that the factory is for."""

    @classmethod
    def accepts(cls, first_llm_config: Entry) -> bool:
        """Return True if the factory is for an entry."""
        return get_kind(first_llm_config) == cls.get_api_type()


def _make_factory(api_type: str, module: str, name: str, renamed: dict[str, str]) -> type[LangChainChatModelFactory]:
    """Make the factory for one class of LangChain, whose arguments may have other names than the keys of an entry."""

    class Factory(LangChainChatModelFactory):
        @classmethod
        def create(cls, first_llm_config: Entry) -> Any:
            prepared = cls.prepare_config(first_llm_config)
            kind = getattr(require(module, feature=f"The chat model for {api_type!r}"), name)
            return kind(**{renamed.get(key, key): value for key, value in prepared.items()})

        @classmethod
        def get_api_type(cls) -> str:
            return api_type

    Factory.__name__ = Factory.__qualname__ = f"{name}Factory"
    return LangChainChatModelFactory.register_factory()(Factory)


for _row in (
    ("ollama", "langchain_ollama", "ChatOllama", {"client_host": "base_url"}),
    ("google", "langchain_google_genai", "ChatGoogleGenerativeAI", {}),
    ("anthropic", "langchain_anthropic", "ChatAnthropic", {}),
    ("azure", "langchain_openai", "AzureChatOpenAI", {"base_url": "azure_endpoint", "model": "azure_deployment"}),
    ("openai", "langchain_openai", "ChatOpenAI", {}),
):
    _make_factory(*_row)
