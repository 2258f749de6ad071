"""Configs of LiteLLM from the configs of agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from .._llm_configs import Entry, drop_own_keys, get_first_entry, get_kind

__all__ = ["LiteLLmConfigAdapter", "LiteLLmConfigFactory"]

T = TypeVar("T", bound="type[LiteLLmConfigFactory]")

# LiteLLM's names of vendors, where they differ.
_VENDORS = {"google": "gemini", "together": "together_ai"}
_RENAMED = {"api_key": "api_token", "client_host": "base_url"}


class LiteLLmConfigFactory:
    """Factory of configs of LiteLLM, as Crawl4AI takes them; a subclass can be registered for an `api_type` of its own.

    >>> LiteLLmConfigFactory.create_lite_llm_config({"model": "gpt-4o", "api_key": "sk-..."})
    {'api_token': 'sk-...', 'provider': 'openai/gpt-4o'}
    """

    _factories: ClassVar[list[type[LiteLLmConfigFactory]]] = []

    @classmethod
    def create_lite_llm_config(cls, llm_config: Any) -> Entry:
        """Make the config for the first entry of a config.

        Args:
            llm_config: An `LLMConfig` or a dict.

        Raises:
            ValueError: if there is no entry.
        """
        entry = get_first_entry(llm_config)
        factory = next((item for item in cls._factories if item.accepts(entry)), LiteLLmConfigFactory)
        return factory.create(entry)

    @classmethod
    def register_factory(cls) -> Callable[[T], T]:
        """Return a decorator that registers a factory; the latest has precedence."""

        def register(factory: T) -> T:
            cls._factories.insert(0, factory)
            return factory

        return register

    @classmethod
    def create(cls, first_llm_config: Entry) -> Entry:
        """Make the config for an entry: the model becomes `provider`, with its vendor, and the key `api_token`."""
        kind = get_kind(first_llm_config)
        prepared = drop_own_keys(first_llm_config)
        # LiteLLM has the vendor and the model in one name.
        model = prepared.pop("model")
        config = {_RENAMED.get(key, key): value for key, value in prepared.items()}
        return {**config, "provider": f"{_VENDORS.get(kind, kind)}/{model}"}

    @classmethod
    def get_api_type(cls) -> str:
        """Return the `api_type` of the entries that the factory is for."""
        return "openai"

    @classmethod
    def accepts(cls, first_llm_config: Entry) -> bool:
        """Return True if the factory is for an entry."""
        return get_kind(first_llm_config) == cls.get_api_type()


LiteLLmConfigAdapter = LiteLLmConfigFactory
"""Another name of the same."""
