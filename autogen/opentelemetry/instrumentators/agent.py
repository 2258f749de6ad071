"""Spans of an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ...agentchat.agent import Agent
from .._tracers import get_tracer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument_agent"]

A = TypeVar("A", bound=Agent)


def instrument_agent(agent: A, *, tracer_provider: TracerProvider) -> A:
    """Trace the chats of an agent, its turns in groups, and its tools, code and questions to humans.

    Requests to models have spans by `instrument_llm_wrapper`. Calling it twice changes nothing.

    Args:
        agent: The agent.
        tracer_provider: Provider of the tracer.

    Returns:
        The agent.

    Raises:
        TypeError: if it is not an agent, or the provider is not a tracer provider.
        ImportError: if `opentelemetry` is not installed.
    """
    if not isinstance(agent, Agent):
        raise TypeError(f"agent must be an agent, got a {type(agent).__name__}.")
    get_tracer(tracer_provider).agents.add(agent)
    return agent
