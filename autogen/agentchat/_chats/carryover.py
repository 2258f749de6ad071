"""What a chat takes over from earlier ones, and how its first message is made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..._steps import Steps, get_callable_name, invoke
from ...exception_utils import InvalidCarryOverType
from ...operations import Operation, perform
from ..agent import Agent, Message

if TYPE_CHECKING:
    from .._agent.compat import ClassicMethods
    from ..conversable_agent import ConversableAgent


def opening(agent: ConversableAgent, recipient: Agent, message: Any, context: dict[str, Any]) -> Steps[Any]:
    """The first message of a chat: what a callable makes of the context, or a text with the carry-over below it."""
    if callable(message):
        make = partial(invoke, message, None, agent, recipient, context)
        return (yield from perform(Operation(kind="opening", key=partial(get_callable_name, message), run=make)))
    return (yield from invoke(agent.generate_init_message, agent.a_generate_init_message, message, **context))


def initial_message(agent: ConversableAgent, message: Any, context: dict[str, Any]) -> Steps[Any]:
    """`message`, or what a human types if it is None, with the carry-over of `context` appended."""
    if message is None:
        message = yield from invoke(agent.get_human_input, agent.a_get_human_input, ">")
    return agent._handle_carryover(message, context)


def with_carryover(agent: ClassicMethods, message: Any, context: dict[str, Any]) -> str | Message:
    """Append the carry-over to a message; a dict is copied.

    Raises:
        InvalidCarryOverType: The carry-over is neither text nor a list, or the message neither text nor a dict.
    """
    if not context.get("carryover"):
        return message  # type: ignore[no-any-return]
    if isinstance(message, str):
        return agent._process_carryover(message, context)
    if not isinstance(message, dict):
        raise InvalidCarryOverType(f"A carryover can be added to text or a dict, not to a {type(message).__name__}.")
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": agent._process_carryover(content, context)}
    if isinstance(content, list):
        return {**message, "content": agent._process_multimodal_carryover(content, context)}
    return dict(message)


def appended(content: str, context: dict[str, Any]) -> str:
    """Text with the carry-over of `context` below it."""
    carryover = context.get("carryover")
    if not carryover:
        return content
    if isinstance(carryover, list):
        carryover = "\n".join(carried_text(item) for item in carryover)
    elif not isinstance(carryover, str):
        raise InvalidCarryOverType(f"A carryover is text or a list, not a {type(carryover).__name__}: {carryover!r}")
    return f"{content}\nContext: \n{carryover}"


def carried_text(item: Any) -> str:
    """One item of a carry-over as text."""
    if isinstance(item, str):
        return item
    return str(item["content"]) if isinstance(item, dict) and "content" in item else str(item)
