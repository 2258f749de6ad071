"""Validation of an agent's `llm_config`."""

from __future__ import annotations

import copy
from typing import Any, Literal

from ..._secret_text import hide_secrets
from ...llm_config import get_active_config

NO_MODEL: tuple[dict[str, Any], ...] = ({}, {"config_list": []}, {"config_list": [{"model": ""}]})


def validate_llm_config(llm_config: object, default: object) -> dict[str, Any] | Literal[False]:
    """Return a copy of an `llm_config` with hidden keys, or False for an agent without a model.

    Args:
        llm_config: Config; None for the active `LLMConfig`, or else the default.
        default: Config of agents constructed with None.

    Raises:
        AssertionError: if it is not a dict, False or None.
        ValueError: if it has no model.
        TypeError: if a value in it can't be copied.
    """
    config = llm_config
    if config is None:
        config = get_active_config() or default
    if config is None or config is False:
        return False
    assert isinstance(config, dict), f"llm_config must be a dict, False or None, not {type(config).__name__}."
    if config in NO_MODEL:
        raise ValueError("llm_config names no model: give it a 'model', or a 'config_list' of dicts that have one.")
    try:
        copied = copy.deepcopy(config)
    except TypeError as error:
        raise TypeError(
            f"A value in llm_config can't be copied ({error}). Give its class a __deepcopy__ method; a method that returns "
            "self is enough for a value that may be shared."
        ) from error
    # In place, because it may be an LLMConfig.
    copied.update(hide_secrets(dict(copied)))
    return copied
