"""Validation of an agent's `llm_config`."""

from __future__ import annotations

import copy
import logging
from typing import Any, Literal

from ..._secret_string import hide_secrets
from ...llm_config import LLMConfig, get_active_config
from ...oai._config.entry_checks import check_config, warn_of_placeholders
from ...oai._config.environment import find_environment_config
from ...oai._endpoints.clients import EMBEDDED_EXAMPLE

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

logger = logging.getLogger("autogen.agentchat.conversable_agent")


def find_llm_config(agent_name: str, has_reply: bool) -> dict[str, Any] | None:
    """Return the config that the user has set up in the environment, for an agent that was given none, and log which.

    Args:
        agent_name: Name of the agent.
        has_reply: True if the agent has another reply without a model, a `default_auto_reply`.

    Returns:
        None if nothing is set up, and the agent has another reply.

    Raises:
        MissingCredentials: if nothing is set up, and the agent has no other reply.
    """
    environment = find_environment_config()
    if environment is not None:
        logger.warning(
            "Agent %r has no llm_config, so it uses a model of the environment: %s.", agent_name, environment.label
        )
        return {"config_list": environment.config_list}
    text = (
        f"Agent {agent_name!r} needs a model, but has no llm_config, and neither OAI_CONFIG_LIST nor a vendor's key such as "
        f"OPENAI_API_KEY is set. Pass llm_config=; {EMBEDDED_EXAMPLE} is a model inside this process, without a key. "
        "llm_config=False makes an agent without a model."
    )
    if has_reply:
        logger.warning("%s It replies with its default_auto_reply.", text)
        return None
    from ...oai.errors import MissingCredentials

    raise MissingCredentials(text)


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
    assert isinstance(config, dict), f"llm_config must be a dict, False or None, got a {type(config).__name__}."
    # An LLMConfig was checked when it was made.
    if not isinstance(config, LLMConfig):
        check_config(config)
    warn_of_placeholders(config)
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
