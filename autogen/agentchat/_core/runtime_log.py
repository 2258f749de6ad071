"""What agents report when `autogen.runtime_logging` is on. Callers look at `runtime_logging.is_logging` first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import runtime_logging
from ..agent import Agent, Message


def given(constructor: dict[str, Any]) -> dict[str, Any] | None:
    """What a constructor was given: its `locals()` before it does anything. None while nothing is recorded."""
    if not runtime_logging.is_logging:
        return None
    return {name: value for name, value in constructor.items() if name not in ("self", "__class__")}


def new_agent(agent: Agent, init_args: dict[str, Any] | None) -> None:
    """An agent was made, from what `given` kept."""
    if init_args is not None:
        runtime_logging.log_new_agent(agent, init_args)


def received(agent: Agent, message: Message, sender: Any, valid: bool) -> None:
    """A message came in."""
    name = getattr(sender, "name", None)
    runtime_logging.log_event(agent, "received_message", message=message, sender=name, valid=valid)


def replied(agent: Agent, function: Callable[..., Any], final: Any, reply: Any) -> None:
    """A reply function was asked, and this is what it said."""
    runtime_logging.log_event(
        agent,
        "reply_func_executed",
        reply_func_module=getattr(function, "__module__", None),
        reply_func_name=getattr(function, "__name__", repr(function)),
        final=final,
        reply=reply,
    )


def used(agent: Agent, function: Callable[..., Any], arguments: dict[str, Any], result: Any) -> None:
    """A tool was executed."""
    runtime_logging.log_function_use(agent, function, arguments, result)
