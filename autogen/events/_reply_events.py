"""The events of reply functions, made without their constructors.

They are the most frequent events, and Python takes most of their cost for passing keywords to a class.
"""

from __future__ import annotations

from time import time

from ._event import current_chat_id
from ._kinds import ReplyEnded, ReplyStarted


def make_reply_started(agent: str, function: str, operation: str, parent: str) -> ReplyStarted:
    """Make the event for the call of a reply function.

    Args:
        agent: Name of the agent.
        function: Name of the function.
        operation: Id of the operation that starts.
        parent: Id of the operation around it.
    """
    event = ReplyStarted.__new__(ReplyStarted)
    event.__dict__ = {
        "at": time(),
        "chat": current_chat_id.get(),
        "operation": operation,
        "parent_operation": parent,
        "agent": agent,
        "function": function,
    }
    return event


def make_reply_ended(
    agent: str, function: str, operation: str, parent: str, final: bool = False, seconds: float = 0.0
) -> ReplyEnded:
    """Make the event for the return of a reply function.

    Args:
        agent: Name of the agent.
        function: Name of the function.
        operation: Id of the operation that ends.
        parent: Id of the operation around it.
        final: True if no other function is called.
        seconds: Duration.
    """
    event = ReplyEnded.__new__(ReplyEnded)
    event.__dict__ = {
        "at": time(),
        "chat": current_chat_id.get(),
        "operation": operation,
        "parent_operation": parent,
        "agent": agent,
        "function": function,
        "final": final,
        "seconds": seconds,
    }
    return event
