"""The texts of messages that guardrails check: contents, text parts, results of tools, and the arguments of calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..agent import Message

Path = tuple["str | int", ...]
"""The keys and indexes that lead to a text in a message."""


def find_texts(message: Message | str) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a message, with their paths; the path of a plain text is empty."""
    if isinstance(message, str):
        yield (), message
        return
    content = message.get("content")
    if isinstance(content, str):
        yield ("content",), content
    elif isinstance(content, list):
        for index, part in enumerate(content):
            if isinstance(part, str):
                yield ("content", index), part
            elif isinstance(part, dict) and isinstance(part.get("text"), str):
                yield ("content", index, "text"), part["text"]
    if call := message.get("function_call"):
        yield ("function_call", "arguments"), _get_arguments(call)
    for index, call in enumerate(message.get("tool_calls") or ()):
        if call:
            yield ("tool_calls", index, "function", "arguments"), _get_arguments(call.get("function") or {})
    # The content of a message with results repeats them.
    for index, response in enumerate(message.get("tool_responses") or ()):
        if isinstance(response, dict) and isinstance(response.get("content"), str):
            yield ("tool_responses", index, "content"), response["content"]


def replace_text(message: Message | str, path: Path, text: str) -> Any:
    """Return a copy of a message with another text at a path."""
    if not path:
        return text
    changed = _replace(message, path, text)
    # The joined results are what agents without tools read.
    if path[0] == "tool_responses" and isinstance(changed.get("content"), str):
        changed["content"] = "\n\n".join(str(response.get("content", "")) for response in changed["tool_responses"])
    return changed


def _replace(value: Any, path: Path, text: str) -> Any:
    if not path:
        return text
    key, rest = path[0], path[1:]
    copy = list(value) if isinstance(value, (list, tuple)) else dict(value)
    copy[key] = _replace(copy[key], rest, text)  # type: ignore[index]
    return copy


def _get_arguments(call: Message) -> str:
    arguments = call.get("arguments")
    return arguments if isinstance(arguments, str) else "" if arguments is None else str(arguments)


def join_texts(context: Message | str | Sequence[Message | str] | None) -> str:
    """Return all texts of a message, or of several, on lines of their own."""
    if context is None:
        return ""
    messages = [context] if isinstance(context, (str, dict)) else context
    return "\n".join(text for message in messages for _, text in find_texts(message))
