"""Records of agents for the runtime log. Callers check `runtime_logging.is_logging` first."""

from __future__ import annotations

from collections.abc import Callable

from ... import runtime_logging
from ..agent import Agent, Message


def capture_arguments(namespace: dict[str, object]) -> dict[str, object] | None:
    """Return constructor arguments for the runtime log; None if logging is off.

    Args:
        namespace: `locals()` of the constructor, before it does anything.
    """
    if not runtime_logging.is_logging:
        return None
    return {name: value for name, value in namespace.items() if name not in ("self", "__class__")}


def log_new_agent(agent: Agent, init_args: dict[str, object] | None) -> None:
    """Log a new agent with its constructor arguments, as `capture_arguments` returned them."""
    if init_args is not None:
        runtime_logging.log_new_agent(agent, init_args)


def log_received(agent: Agent, message: Message, sender: object, valid: bool) -> None:
    """Log a received message."""
    name = getattr(sender, "name", None)
    runtime_logging.log_event(agent, "received_message", message=message, sender=name, valid=valid)


def log_reply(agent: Agent, function: Callable[..., object], final: object, reply: object) -> None:
    """Log the call of a reply function, and its reply."""
    runtime_logging.log_event(
        agent,
        "reply_func_executed",
        reply_func_module=getattr(function, "__module__", None),
        reply_func_name=getattr(function, "__name__", repr(function)),
        final=final,
        reply=reply,
    )


def log_function_use(agent: Agent, function: Callable[..., object], arguments: dict[str, object], result: object) -> None:
    """Log the execution of a tool."""
    runtime_logging.log_function_use(agent, function, arguments, result)
