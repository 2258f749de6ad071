"""Breakpoints of the prompt cache: where the vendor keeps what it has read."""

from __future__ import annotations

import json
from typing import Any

from ..protocol import Body

_LIFETIMES = ("5m", "1h")
# A look-up goes back 20 blocks from a breakpoint.
_LOOK_BACK = 20
_STRIDE = 15
_USUAL_LEAST = 1024


def add_breakpoints(body: Body, setting: object, least: int | None) -> Body:
    """Return a body with breakpoints after the tools, the system text and the last message.

    Args:
        body: JSON of a request.
        setting: `prompt_cache` of the entry: False for none; `1h` for a longer life.
        least: Tokens of the shortest prefix that is cached; None if it is unknown.

    Raises:
        ValueError: if the setting is not possible.
    """
    if setting is False:
        return body
    if setting not in (True, *_LIFETIMES):
        raise ValueError(f'"prompt_cache" must be True, False, "5m" or "1h", got {setting!r}.')
    control: dict[str, Any] = {"type": "ephemeral"}
    if setting == "1h":
        control["ttl"] = "1h"
    result = dict(body)
    tools = result.get("tools")
    # Tools of less than a quarter of that, at four characters to a token, are read with the system text.
    if tools and len(json.dumps(tools, default=str)) > (least or _USUAL_LEAST):
        index = max((i for i, tool in enumerate(tools) if not tool.get("defer_loading")), default=None)
        if index is not None:
            result["tools"] = [{**tool, "cache_control": control} if i == index else tool for i, tool in enumerate(tools)]
    if system := result.get("system"):
        result["system"] = [*system[:-1], {**system[-1], "cache_control": control}]
    if _count_tail(result["messages"]) > _LOOK_BACK:
        result["messages"] = _mark_tail(result["messages"], control)
    else:
        # The vendor sets this one at the last block.
        result.setdefault("cache_control", control)
    return result


def _count_tail(messages: list[dict[str, Any]]) -> int:
    """Return the number of blocks that the last turn has added."""
    return sum(len(message["content"]) for message in messages[-2:])


def _mark_tail(messages: list[dict[str, Any]], control: dict[str, Any]) -> list[dict[str, Any]]:
    """Return messages with breakpoints at the last block and about `_STRIDE` blocks before it.

    More blocks than a look-up goes back would hide the breakpoint of the request before.
    """
    marked = [{**message, "content": list(message["content"])} for message in messages[-2:]]
    places = [(blocks, i) for blocks in (message["content"] for message in marked) for i in range(len(blocks))]
    positions = [len(places) - 1, len(places) - 1 - _STRIDE]
    for position in positions:
        # Neither thinking nor empty text may have one.
        while position >= 0 and places[position][0][places[position][1]].get("type") in ("thinking", "redacted_thinking"):
            position -= 1
        if position >= 0:
            blocks, i = places[position]
            blocks[i] = {**blocks[i], "cache_control": control}
    return [*messages[:-2], *marked]
