"""Helpers for chats: validating their specs, adding up their cost, parsing tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

from ._core.result import consolidate_chat_info, gather_usage_summary

__all__ = ["ParsedTag", "consolidate_chat_info", "gather_usage_summary", "parse_tags_from_content"]


class ParsedTag(TypedDict):
    """A tag in a text: its name, its attributes (`src` if an attribute has no name), and its position."""

    tag: str
    attr: dict[str, str]
    match: re.Match[str]


def parse_tags_from_content(tag: str, content: str | Sequence[Mapping[str, object]]) -> list[ParsedTag]:
    """Find tags such as `<img http://x/a.png>` or `<audio text='hi'>`.

    Args:
        tag: Name of the tags.
        content: Text, or a list of content parts.

    Returns:
        The tags, in order.

    Raises:
        ValueError: if `content` is neither text nor a list.
    """
    if isinstance(content, str):
        texts = [content]
    elif isinstance(content, list):
        texts = [str(part["text"]) for part in content if part.get("type") == "text"]
    else:
        raise ValueError(f"content must be a string or a list of parts, got a {type(content).__name__}.")
    pattern = re.compile(rf"<{re.escape(tag)} (.*?)>")
    matches = (match for text in texts for match in pattern.finditer(text))
    return [{"tag": tag, "attr": _parse_attributes(match[1]), "match": match} for match in matches]


def _parse_attributes(text: str) -> dict[str, str]:
    pieces: list[str] = []
    for piece in text.split(" "):
        # A quoted value may contain blanks: only a piece that looks like `key='` starts a new attribute.
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
            # An attribute without a name is the address, which may contain `=` and blanks.
            attributes["src"] = f"{attributes['src']} {piece}" if "src" in attributes else piece
    return attributes
