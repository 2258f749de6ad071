"""Noticing tools of which one half is missing: a model knows them and nobody executes them, or the other way round.

Registering takes two steps, mostly at two agents, so only a chat that begins is late enough to say that a step was
forgotten. Which agent has the other half can't be seen from the two that talk: it may sit in a nested chat.
"""

from __future__ import annotations

import logging
import threading
from weakref import WeakSet

from .internals import internals, is_conversable
from .protocols import AgentCore

logger = logging.getLogger("autogen.agentchat.conversable_agent")

_agents: WeakSet[AgentCore] = WeakSet()
_lock = threading.Lock()  # adding to a set while another thread walks it is an error


def remember(agent: AgentCore) -> None:
    """Take an agent into account from now on."""
    with _lock:
        _agents.add(agent)


def executors_of(name: str) -> list[str]:
    """The names of the agents that execute a function."""
    with _lock:
        return sorted(agent.name for agent in _agents if name in agent.function_map)


def warn(*agents: object) -> None:
    """Log, once for each agent and tool, which tools of these agents can't work."""
    for agent in agents:
        if not is_conversable(agent):
            continue
        suggested, executed = _suggested(agent), agent.function_map.keys()
        for name in (suggested ^ executed) - internals(agent).checked_tools:
            internals(agent).checked_tools.add(name)
            if name in suggested and not executors_of(name):
                text = "The model of agent %r knows the tool %r, but no agent executes it: use register_for_execution."
                logger.warning(text, agent.name, name)
            elif name in executed and not _is_suggested(name):
                text = "Agent %r executes the function %r, but no agent's model knows of it: use register_for_llm."
                logger.warning(text, agent.name, name)


def _is_suggested(name: str) -> bool:
    with _lock:
        return any(name in _suggested(agent) for agent in _agents)


def _suggested(agent: AgentCore) -> set[str]:
    """The names of the tools and functions that an agent's model knows."""
    config = agent.llm_config
    if not isinstance(config, dict):
        return set()
    tools = [tool.get("function", {}).get("name") for tool in config.get("tools") or ()]
    return {*tools, *(function.get("name") for function in config.get("functions") or ())} - {None}
