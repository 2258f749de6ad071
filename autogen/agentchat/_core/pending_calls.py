"""Pending tool calls in a group chat, their executors, and their callers."""

from __future__ import annotations

from .._core.protocols import Group
from ..agent import Agent, Message


def get_pending_names(messages: list[Message]) -> list[str] | None:
    """Return the names of the functions that the last message calls; None if it has no calls."""
    last = messages[-1] if messages else {}
    calls = [call.get("function") or {} for call in last.get("tool_calls") or () if call.get("type") in (None, "function")]
    if function_call := last.get("function_call"):
        calls.insert(0, function_call)
    if not calls and not last.get("tool_calls"):
        return None
    return [str(call.get("name") or "") for call in calls]


def can_execute(agent: Agent, names: list[str]) -> bool:
    """Return True if an agent executes all of these functions."""
    check = getattr(agent, "can_execute_function", None)
    return bool(check and check(names))


def find_caller(group: Group) -> Agent | None:
    """Return the agent whose calls the last message answers; None if it answers no call."""
    messages = group.messages
    if not messages or messages[-1].get("role") not in ("tool", "function"):
        return None
    answered = {answer.get("tool_call_id") for answer in messages[-1].get("tool_responses") or ()}
    for message in reversed(messages):
        ids = {call.get("id") for call in message.get("tool_calls") or ()}
        if message.get("function_call") or ids & answered or (ids and not answered):
            return group.agent_by_name(message.get("name") or "")
    return None
