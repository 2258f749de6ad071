"""Views of a chat's result: a line for consoles, and a table for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..._images.thumbnails import list_thumbnails
from ...code_utils import content_str

_LINE = 60
_CELL = 300
_ROWS = 20


def shorten(value: object, limit: int = _LINE) -> str:
    """Return the text of a value on one line of limited length."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def format_line(name: str, parts: Mapping[str, object]) -> str:
    """Return a line such as `ChatResult(messages=2, summary='42')`, without the parts that are None."""
    shown = (
        f"{key}={shorten(value if key == 'cost' else repr(value))}" for key, value in parts.items() if value is not None
    )
    return f"{name}({', '.join(shown)})"


def format_cost(cost: Mapping[str, Any] | None) -> str | None:
    """Return what a chat has cost in USD, without responses from the cache; None if nothing is known."""
    if cost is None:
        return None
    usage = cost["usage_excluding_cached_inference"]
    return f"{usage['total_cost']:.4g} USD"


def format_table(messages: Sequence[Mapping[str, Any]], caption: str) -> str:
    """Return the messages of a chat as an HTML table. All text is escaped."""
    hidden = max(0, len(messages) - _ROWS)
    rows = [f"<tr><td colspan=2><i>{hidden} earlier messages</i></td></tr>"] if hidden else []
    rows += [
        f"<tr><td><b>{escape(shorten(message.get('name') or message.get('role')))}</b></td>"
        f"<td style='text-align: left'>{escape(shorten(_describe_message(message), _CELL))}"
        f"{_show_pictures(message)}</td></tr>"
        for message in messages[hidden:]
    ]
    return f"<table><caption>{escape(caption)}</caption>{''.join(rows)}</table>"


def _show_pictures(message: Mapping[str, Any]) -> str:
    tags = [f"<img style='max-height: 12em' src='{uri}'>" for uri in list_thumbnails(message.get("content"))]
    return "".join(["<br>", *tags]) if tags else ""


def _describe_message(message: Mapping[str, Any]) -> str:
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    if call := message.get("function_call"):
        calls.append(call)
    lines = [f"{function.get('name')}({function.get('arguments') or ''})" for function in calls]
    content = message.get("content")
    return "\n".join([*([content_str(content)] if content else []), *lines])
