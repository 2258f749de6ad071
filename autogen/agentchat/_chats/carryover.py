"""The carryover from earlier chats, which is appended to the first message of a chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._images.sources import name_sources
from ..._steps import Steps, invoke
from ...exception_utils import InvalidCarryOverType
from .._core.protocols import AgentCore
from ..agent import Message


def ask_first_message(agent: AgentCore) -> Steps[str]:
    """Ask the human for the first message."""
    text = yield from invoke(agent.get_human_input, agent.a_get_human_input, ">")
    name_sources(text)
    return text


def add_carryover(
    message: Message | str,
    context: dict[str, Any],
    append_to_text: Callable[[str, dict[str, Any]], str],
    append_to_parts: Callable[[list[Message], dict[str, Any]], list[Message]],
) -> str | Message:
    """Append the carryover to a message; a dict is copied.

    Args:
        message: Text, or a dict in the OpenAI form.
        context: Context of the chat, with the `carryover` if there is any.
        append_to_text: Appends the carryover to text content.
        append_to_parts: Appends it to content that is a list of parts.

    Raises:
        InvalidCarryOverType: The carryover is neither text nor a list, or the message neither text nor a dict.
    """
    if not context.get("carryover"):
        return message
    if isinstance(message, str):
        return append_to_text(message, context)
    if not isinstance(message, dict):
        raise InvalidCarryOverType(f"A carryover can be added to text or a dict, not to a {type(message).__name__}.")
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": append_to_text(content, context)}
    if isinstance(content, list):
        return {**message, "content": append_to_parts(content, context)}
    return dict(message)


def append_carryover(content: str, context: dict[str, Any]) -> str:
    """Return text with the carryover of `context` below it."""
    carryover = context.get("carryover")
    if not carryover:
        return content
    if isinstance(carryover, list):
        carryover = "\n".join(format_item(item) for item in carryover)
    elif not isinstance(carryover, str):
        raise InvalidCarryOverType(f"A carryover must be text or a list, got a {type(carryover).__name__}: {carryover!r}")
    return f"{content}\nContext: \n{carryover}"


def format_item(item: object) -> str:
    """Return an item of a carryover as text."""
    if isinstance(item, str):
        return item
    return str(item["content"]) if isinstance(item, dict) and "content" in item else str(item)
