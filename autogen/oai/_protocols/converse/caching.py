"""Breakpoints of Bedrock's prompt cache, which are blocks of their own."""

from __future__ import annotations

import json
import re
from typing import Any

from ..protocol import Body
from .blocks import get_kind

# Other models refuse the breakpoints.
_CLAUDE = re.compile(r"claude")
_CACHING = re.compile(r"claude|amazon\.nova")
_LIFETIMES = ("5m", "1h")
# A look-up goes back 20 blocks from a breakpoint.
_LOOK_BACK = 20
_STRIDE = 15
# Tools shorter than this many characters are read with the system text.
_WORTH = 1024


def is_claude(model: str) -> bool:
    """Return True for a model of Anthropic."""
    return bool(_CLAUDE.search(model))


def add_cache_points(body: Body, setting: object) -> Body:
    """Return a body with breakpoints after the tools, the system text and the last message.

    Args:
        body: JSON of a request.
        setting: `prompt_cache` of the entry: False for none; `5m` or `1h` for the life; None for models known to have a
            cache, and True for any.

    Raises:
        ValueError: if the setting is not possible.
    """
    if setting is False or (setting is None and not _CACHING.search(body["model"])):
        return body
    if setting not in (None, True, *_LIFETIMES):
        raise ValueError(f'"prompt_cache" must be True, False, "5m" or "1h", got {setting!r}.')
    point: dict[str, Any] = {"cachePoint": {"type": "default", **({"ttl": "1h"} if setting == "1h" else {})}}
    result = dict(body)
    tools = (result.get("toolConfig") or {}).get("tools")
    # The other models with a cache take none after tools.
    if tools and len(json.dumps(tools, default=str)) > _WORTH and (setting or is_claude(body["model"])):
        result["toolConfig"] = {**result["toolConfig"], "tools": [*tools, point]}
    if system := result.get("system"):
        result["system"] = [*system, point]
    return {**result, "messages": _mark_tail(result["messages"], point)}


def _mark_tail(messages: list[dict[str, Any]], point: dict[str, Any]) -> list[dict[str, Any]]:
    """Return messages with a breakpoint at the end, and one before it if the last turn has added many blocks.

    More blocks than a look-up goes back would hide the breakpoint of the request before.
    """
    marked = [{**message, "content": list(message["content"])} for message in messages[-2:]]
    places = [(blocks, i) for blocks in (message["content"] for message in marked) for i in range(len(blocks))]
    ends = [len(places) - 1]
    if len(places) > _LOOK_BACK:
        ends.insert(0, len(places) - 1 - _STRIDE)
    # From the end, so that positions before stay the same.
    for end in reversed(ends):
        # Thinking may have none after it.
        while end >= 0 and get_kind(places[end][0][places[end][1]]) == "reasoningContent":
            end -= 1
        if end >= 0:
            blocks, i = places[end]
            blocks.insert(i + 1, point)
    return [*messages[:-2], *marked]


def drop_cache_points(body: Body) -> Body:
    """Return a body without breakpoints."""

    def strip(blocks: list[Any]) -> list[Any]:
        return [block for block in blocks if "cachePoint" not in block]

    result = {**body, "messages": [{**message, "content": strip(message["content"])} for message in body["messages"]]}
    if "system" in result:
        result["system"] = strip(result["system"])
    if tools := (result.get("toolConfig") or {}).get("tools"):
        result["toolConfig"] = {**result["toolConfig"], "tools": strip(tools)}
    return result
