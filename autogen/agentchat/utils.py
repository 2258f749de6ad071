"""Helpers for chats: validating their specs, adding up their cost, parsing tags."""

from __future__ import annotations

import re
from typing import Any

from ._core.chat_info import consolidate_chat_info, gather_usage_summary

__all__ = ["consolidate_chat_info", "gather_usage_summary", "parse_tags_from_content"]


def parse_tags_from_content(tag: str, content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Find tags such as `<img http://x/a.png>` or `<audio text='hi'>`.

    Returns:
        For each hit `tag`, `attr` (a dict; what has no name is `src`) and `match`.

    Raises:
        ValueError: `content` is neither text nor a list of content parts.
    """
    if isinstance(content, str):
        texts = [content]
    elif isinstance(content, list):
        texts = [part["text"] for part in content if part.get("type") == "text"]
    else:
        raise ValueError(f"content must be a string or a list of parts, not a {type(content).__name__}.")
    pattern = re.compile(rf"<{re.escape(tag)} (.*?)>")
    return [
        {"tag": tag, "attr": _attributes(match[1]), "match": match} for text in texts for match in pattern.finditer(text)
    ]


def _attributes(text: str) -> dict[str, str]:
    pieces: list[str] = []
    for piece in text.split(" "):
        if not pieces or re.match(r"\w+=['\"]", piece):
            pieces.append(piece)
        else:
            pieces[-1] += " " + piece
    attributes: dict[str, str] = {}
    for piece in pieces:
        key, equals, value = piece.partition("=")
        if equals and value[:1] in ("'", '"'):
            attributes[key] = value[1:-1]
        else:
            attributes["src"] = f"{attributes['src']} {piece}" if "src" in attributes else piece
    return attributes
