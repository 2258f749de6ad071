"""What a valid message is, how it is kept, and how a history is laid out for a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..agent import Message

KEPT = ("content", "function_call", "tool_calls", "tool_responses", "tool_call_id", "name", "context", "receivers")
"""The keys that a history keeps, in this order. Everything else on the wire is for the one delivery only."""

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def as_dict(message: Any) -> Message:
    """A wire message as a dict: text becomes its content, a dict stays as it is.

    Raises:
        TypeError, ValueError: `message` is neither text nor anything that `dict` accepts.
    """
    if isinstance(message, str):
        return {"content": message}
    return message if isinstance(message, dict) else dict(message)


def stored_form(message: Message, role: str, speaker: str) -> Message | None:
    """The message as a history keeps it, or None if it has neither content nor calls.

    Args:
        message: The wire message. It is not changed.
        role: `assistant` on the side that sends, `user` on the side that receives.
        speaker: The name of the agent that sends.
    """
    if len(message) == 1 and isinstance(text := message.get("content"), str):  # what most messages are
        return {"content": text, "role": role, "name": speaker}
    kept = {key: message[key] for key in KEPT if message.get(key) is not None}
    if "content" not in kept:
        if "function_call" not in kept and "tool_calls" not in kept:
            return None
        kept = {"content": None, **kept}
    if kept.get("function_call") or kept.get("tool_calls"):
        kept["role"] = "assistant"  # only a model calls, and an endpoint takes calls from nobody else
        return kept
    wire_role = message.get("role")
    kept["role"] = wire_role if wire_role in ("function", "tool") else message.get("override_role", role)
    kept.setdefault("name", speaker)
    return kept


def unrolled(messages: Iterable[Message]) -> list[Message]:
    """A history as an endpoint wants it: each tool response a message of its own."""
    flat: list[Message] = []
    for message in messages:
        if "tool_responses" not in message or not message["tool_responses"]:
            flat.append(message)
            continue
        flat.extend(message["tool_responses"])
        if message.get("role") != "tool":
            flat.append({key: value for key, value in message.items() if key != "tool_responses"})
    return flat


def assert_valid_name(name: str) -> str:
    """Return a function's or tool's name if an endpoint accepts it.

    Raises:
        ValueError: The name has other characters than ASCII letters, digits, `_`, `-`, or is too long or empty.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"Invalid name: {name!r}. A function name has 1 to 64 characters: ASCII letters, digits, '_' and '-'."
        )
    return name


def normalized_name(name: str) -> str:
    """A name that a model made up, as an endpoint accepts it."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]
