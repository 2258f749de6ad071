"""Spans of group chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ...agentchat.group.patterns import Pattern
from ...agentchat.groupchat import GroupChat
from .._tracers import get_tracer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument_groupchat", "instrument_pattern"]

P = TypeVar("P", bound=Pattern)
G = TypeVar("G", bound=GroupChat)


def instrument_pattern(pattern: P, *, tracer_provider: TracerProvider) -> P:
    """Trace the group chats of a pattern, and its agents as by `instrument_agent`.

    Args:
        pattern: The pattern.
        tracer_provider: Provider of the tracer.

    Returns:
        The pattern.

    Raises:
        TypeError: if it is not a pattern, or the provider is not a tracer provider.
        ImportError: if `opentelemetry` is not installed.
    """
    if not isinstance(pattern, Pattern):
        raise TypeError(f"pattern must be a Pattern, got a {type(pattern).__name__}.")
    users = [] if pattern.user_agent is None else [pattern.user_agent]
    get_tracer(tracer_provider).add_members([*pattern.agents, *users])
    return pattern


def instrument_groupchat(groupchat: G, *, tracer_provider: TracerProvider) -> G:
    """Trace the chats of a group, and its members as by `instrument_agent`.

    Args:
        groupchat: The group.
        tracer_provider: Provider of the tracer.

    Returns:
        The group.

    Raises:
        TypeError: if it is not a group, or the provider is not a tracer provider.
        ImportError: if `opentelemetry` is not installed.
    """
    if not isinstance(groupchat, GroupChat):
        raise TypeError(f"groupchat must be a GroupChat, got a {type(groupchat).__name__}.")
    get_tracer(tracer_provider).add_members(groupchat.agents)
    return groupchat
