"""The model that the user has set up in the environment, for agents that are given none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from .._endpoints.provider_registry import PROVIDERS
from .sources import config_list_from_json

if TYPE_CHECKING:
    from ...types import ConfigEntry

CONFIG_LIST = "OAI_CONFIG_LIST"

DEFAULT_MODELS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-flash",
    "mistral": "mistral-small-latest",
    "groq": "openai/gpt-oss-20b",
    "deepseek": "deepseek-chat",
    "xai": "grok-4.5",
    "cerebras": "gpt-oss-120b",
    "together": "openai/gpt-oss-120b",
    "perplexity": "sonar",
    "openrouter": "openrouter/auto",
}
"""The model that is used if a vendor's key is in the environment and no model is named, by `api_type`, in order."""


class EnvironmentConfig(NamedTuple):
    """A config list from the environment, and its label in messages to people."""

    config_list: list[ConfigEntry]
    label: str


def find_environment_config() -> EnvironmentConfig | None:
    """Return the entries of OAI_CONFIG_LIST (variable or file), or an entry for the first vendor with a key; else None.

    The model in this process is never chosen: a user who wants it says so.

    Raises:
        ValueError: if OAI_CONFIG_LIST exists and can't be read.
    """
    try:
        entries = config_list_from_json(CONFIG_LIST)
    except FileNotFoundError:
        entries = []
    if entries:
        return EnvironmentConfig(entries, f"{entries[0].get('model')} (first of {len(entries)} in {CONFIG_LIST})")
    for api_type, model in DEFAULT_MODELS.items():
        provider = PROVIDERS[api_type]
        for variable in provider.connection.key_variables:
            if os.environ.get(variable):
                entry: ConfigEntry = {"model": model, "api_type": api_type}
                return EnvironmentConfig([entry], f"{model} at {provider.title} ({variable} is set)")
    return None
