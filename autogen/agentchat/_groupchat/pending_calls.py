"""Calls in a group chat: which are pending, who can carry them out, and who waits for their results."""

from __future__ import annotations

from typing import Any

from .._core.protocols import Group
from ..agent import Agent, Message


def pending_names(messages: list[Message]) -> list[str] | None:
    """The names that the last message calls; None if it calls nothing."""
    last = messages[-1] if messages else {}
    calls = [call.get("function") or {} for call in last.get("tool_calls") or () if call.get("type") in (None, "function")]
    if function_call := last.get("function_call"):
        calls.insert(0, function_call)
    if not calls and not last.get("tool_calls"):
        return None
    return [str(call.get("name") or "") for call in calls]


def can_execute(agent: Any, names: list[str]) -> bool:
    """Whether an agent executes all of these; one without tools executes none."""
    able = getattr(agent, "can_execute_function", None)
    return bool(able and able(names))


def caller_of(group: Group) -> Agent | None:
    """Who called what the last message answers; None if it answers no call."""
    messages = group.messages
    if not messages or messages[-1].get("role") not in ("tool", "function"):
        return None
    answered = {answer.get("tool_call_id") for answer in messages[-1].get("tool_responses") or ()}
    for message in reversed(messages):
        ids = {call.get("id") for call in message.get("tool_calls") or ()}
        if message.get("function_call") or ids & answered or (ids and not answered):
            return group.agent_by_name(message.get("name") or "")
    return None
