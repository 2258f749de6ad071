"""Warnings about tools that are offered to a model but not executable, or executable but not offered.

Registering a tool takes two steps, usually with two agents, so a missing step can't be noticed before the start of a
chat. The counterpart may belong to any agent, such as an agent of a nested chat, so all agents are checked.
"""

from __future__ import annotations

import logging
import threading
from weakref import WeakSet

from .internals import internals, is_conversable
from .protocols import AgentCore

logger = logging.getLogger("autogen.agentchat.conversable_agent")

_agents: WeakSet[AgentCore] = WeakSet()
# Adding to a set while another thread iterates over it is an error.
_lock = threading.Lock()


def register_agent(agent: AgentCore) -> None:
    """Take the tools of a new agent into account."""
    with _lock:
        _agents.add(agent)


def find_executors(name: str) -> list[str]:
    """Return the names of the agents that execute a function."""
    with _lock:
        return sorted(agent.name for agent in _agents if name in agent.function_map)


def warn_of_unmatched(*agents: object) -> None:
    """Log the tools of these agents that can't work, once for each agent and tool."""
    for agent in agents:
        if not is_conversable(agent):
            continue
        offered, executed, checked = _get_offered(agent), agent.function_map.keys(), internals(agent).checked_tools
        for name in (offered ^ executed) - checked:
            # Once for each agent and tool, also if the counterpart exists now and goes away later.
            checked.add(name)
            if name in offered and not find_executors(name):
                text = "The model of agent %r knows the tool %r, but no agent executes it: use register_for_execution."
                logger.warning(text, agent.name, name)
            elif name in executed and not _is_offered(name):
                text = "Agent %r executes the function %r, but no agent's model knows of it: use register_for_llm."
                logger.warning(text, agent.name, name)


def _is_offered(name: str) -> bool:
    with _lock:
        return any(name in _get_offered(agent) for agent in _agents)


def _get_offered(agent: AgentCore) -> set[str]:
    """Return the names of the tools and functions that are offered to an agent's model."""
    config = agent.llm_config
    if not isinstance(config, dict):
        return set()
    tools = [tool.get("function", {}).get("name") for tool in config.get("tools") or ()]
    return {*tools, *(function.get("name") for function in config.get("functions") or ())} - {None}
