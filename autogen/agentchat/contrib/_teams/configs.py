"""The configs of teams as files: they can be read by any version, and hold no keys."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...._folders import replace_file
from ...._mistakes import trim_stop, warn_caller
from ...._secrets import is_secret_name

_REQUIRED = ("agent_configs", "coding", "default_llm_config", "code_execution_config")
_REQUIRED_OF_AGENTS = ("name", "system_message", "description")
# Everybody who has the program may read it.
_MODE = 0o644


def check_configs(configs: object) -> None:
    """Check that the configs of a team are complete.

    Raises:
        AssertionError: if a key is missing. The text names it.
    """
    assert isinstance(configs, Mapping), f"The configs of a team must be a JSON object, got {type(configs).__name__}."
    for key in _REQUIRED:
        assert configs.get(key) is not None, f'Missing "{key}" in the configs of the team.'
    for number, agent in enumerate(configs["agent_configs"], start=1):
        assert isinstance(agent, Mapping), f"Agent {number} of agent_configs must be an object, got {agent!r}."
        for key in _REQUIRED_OF_AGENTS:
            assert agent.get(key) is not None, f'Missing "{key}" of agent {number} in agent_configs.'


def read_json(source: object, parameter: str) -> Any:
    """Return the content of a JSON file, or of a JSON text.

    Args:
        source: Path or text.
        parameter: Name of the argument, for errors.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the content is not JSON.
    """
    text, name = os.fspath(source) if isinstance(source, os.PathLike) else source, "The text"
    if not isinstance(text, str):
        raise ValueError(f"{parameter} must be the path of a JSON file, or a JSON text, got {source!r:.80}.")
    if not text.lstrip().startswith(("{", "[")):
        name = f"The file {text}"
        text = Path(text).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        hint = "Restore the file, or build the team again; the file was left as it is."
        raise ValueError(f"{name} of {parameter} is not JSON: {trim_stop(error)}. {hint}") from error


def write_configs(configs: Mapping[str, object], path: str | os.PathLike[str] | None) -> str:
    """Write the configs of a team to a JSON file, without endpoints, keys and executors.

    Args:
        configs: Configs.
        path: Path of the file; None for a name made of the task.

    Returns:
        The path.

    Raises:
        TypeError: if a setting has no JSON form.
    """
    if path is None:
        digest = hashlib.md5(str(configs["building_task"]).encode(), usedforsecurity=False).hexdigest()
        path = f"./save_config_{digest}.json"
    saved = {
        **configs,
        "agent_configs": _drop_secrets(configs["agent_configs"]),
        "default_llm_config": _drop_secrets(configs["default_llm_config"]),
        "code_execution_config": _drop_executor(configs["code_execution_config"]),
    }
    content = json.dumps(saved, indent=4, ensure_ascii=False)
    with replace_file(Path(path), _MODE) as file:
        file.write(content.encode())
    return os.fspath(path)


def _drop_secrets(config: object) -> object:
    """Return a config without endpoints, which come from the builder when the file is loaded, and without keys."""
    if isinstance(config, Mapping):
        return {
            key: _drop_secrets(value) for key, value in config.items() if key != "config_list" and not is_secret_name(key)
        }
    return [_drop_secrets(item) for item in config] if isinstance(config, (list, tuple)) else config


def _drop_executor(config: object) -> object:
    if isinstance(config, Mapping) and not isinstance(config.get("executor", ""), str):
        warn_caller("The executor is not saved: pass code_execution_config to load().")
        return {key: value for key, value in config.items() if key != "executor"}
    return config
