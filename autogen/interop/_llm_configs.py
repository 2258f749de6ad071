"""The first entry of an agent's config, for factories that make the models of other frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]
"""An entry of a config."""

# Keys of an entry that only this package reads.
_OWN_KEYS = {
    *("api_type", "cache_seed", "config_list", "functions", "hide_tools", "max_retries", "model_client_cls"),
    *("native_tool_calls", "price", "response_format", "retry_wait_time", "tags", "tools"),
}


def get_first_entry(llm_config: Any) -> Entry:
    """Return the first entry of a config, with the settings that hold for all entries.

    Args:
        llm_config: An `LLMConfig`, or a dict with a `config_list`, or with a model.

    Raises:
        ValueError: if it has no model.
    """
    config = dict(llm_config) if isinstance(llm_config, Mapping) else dict(getattr(llm_config, "model_dump", dict)())
    entries = config.pop("config_list", None)
    first = dict(entries[0]) if entries else {}
    # The settings of an entry have precedence.
    merged = {**{key: value for key, value in config.items() if value is not None}, **first}
    if not merged.get("model"):
        raise ValueError("The llm_config has no entry with a model.")
    return {key: value for key, value in merged.items() if value is not None}


def get_kind(entry: Entry) -> str:
    """Return the `api_type` of an entry."""
    return str(entry.get("api_type") or "openai")


def drop_own_keys(entry: Entry) -> Entry:
    """Return an entry without the keys that only this package reads."""
    return {key: value for key, value in entry.items() if key not in _OWN_KEYS}
