"""The settings of a captain's teams."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

from ...._mistakes import suggest
from ...groupchat import GroupChat

Settings = dict[str, Any]
"""Settings by section."""

DEFAULTS: Mapping[str, Any] = {
    "autobuild_init_config": {},
    "autobuild_build_config": {
        "default_llm_config": {},
        "code_execution_config": {"timeout": 300, "work_dir": "groupchat", "last_n_messages": 1, "use_docker": False},
        "coding": True,
    },
    "group_chat_config": {"max_round": 10},
    "group_chat_llm_config": None,
    "max_turns": 5,
}
"""Settings of teams, unless others are given."""

_SECTIONS = {
    "autobuild_init_config": (
        *("config_file_or_env", "config_file_location", "builder_model", "agent_model", "builder_model_tags"),
        *("agent_model_tags", "max_agents", "llm_config", "cache"),
    ),
    "autobuild_build_config": (
        *("default_llm_config", "list_of_functions", "coding", "code_execution_config", "use_oai_assistant", "user_proxy"),
        *("max_agents", "approve", "top_k", "embedding_model", "library_path_or_json"),
    ),
    "autobuild_tool_config": ("tool_root", "retriever", "tool_top_k"),
    "group_chat_config": tuple(field.name for field in fields(GroupChat) if field.init),
}
_KEYS = (*_SECTIONS, "group_chat_llm_config", "max_turns")


def merge_settings(defaults: Mapping[str, object], settings: Mapping[str, object] | None) -> Settings:
    """Return settings over the defaults, section by section. Neither is changed, now or later.

    Raises:
        ValueError: if a section or a setting is unknown, or a section is not a dict.
    """
    merged = copy_settings(defaults)
    settings = settings or {}
    _check_names("nested_config", settings, _KEYS)
    for key, value in settings.items():
        if key in _SECTIONS:
            if not isinstance(value, Mapping):
                raise ValueError(f"{key} of nested_config must be a dict, got {value!r}.")
            _check_names(key, value, _SECTIONS[key])
            merged[key] = {**merged.get(key, {}), **value}
        else:
            merged[key] = value
    return merged


def copy_settings(settings: Mapping[str, object]) -> Settings:
    """Return a copy of settings and of their sections. Values such as agents and executors are the same objects."""
    return {
        key: dict(value) if key in _SECTIONS and isinstance(value, Mapping) else value for key, value in settings.items()
    }


def _check_names(owner: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{owner} has no {name!r}.{suggest(name, known)}")
