"""What an agent is told about its model."""

from __future__ import annotations

import copy
from typing import Any, Literal

from ..._secret_text import with_secrets_hidden
from ...llm_config import get_active_config

NO_MODEL: tuple[dict[str, Any], ...] = ({}, {"config_list": []}, {"config_list": [{"model": ""}]})


def validate_llm_config(llm_config: Any, default: Any) -> dict[str, Any] | Literal[False]:
    """A copy of an `llm_config` whose keys don't show themselves, or False for an agent without a model.

    Raises:
        AssertionError: It is neither a dict, False nor None.
        ValueError: It names no model.
        TypeError: A value in it can't be copied.
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
        own = copy.deepcopy(config)
    except TypeError as error:
        raise TypeError(
            f"A value in llm_config can't be copied ({error}). Give its class a __deepcopy__ method; one that returns "
            "self is enough for a value that may be shared."
        ) from error
    own.update(with_secrets_hidden(dict(own)))  # in place: it may be an LLMConfig
    return own
