"""Prompt caches of vendors: a check that each request begins with what the last one had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

_HISTORIES = ("messages", "input", "contents")
_FRONT = ("tools", "toolConfig", "system", "instructions", "systemInstruction")
# A part of the history that is a mark of the cache, and the field of a part that is one.
_MARK_PART, _MARK_FIELD = "cachePoint", "cache_control"


def assert_prefix_stable(requests: Sequence[Mapping[str, Any]]) -> None:
    """Require of requests of one chat that each begins with the one before, so that a vendor's cache has it.

    Marks of the cache itself (`cache_control`, `cachePoint`) may move. The last message of a request may have grown: vendors
    whose turns alternate get new results in the turn that was the last.

    Args:
        requests: The bodies of requests, as the `requests` of a server of `autogen.testing` has them, in their order.

    Raises:
        AssertionError: if a request changes what an earlier one has sent. The text shows the first difference.
    """
    for number, (earlier, later) in enumerate(pairwise(requests), 1):
        for name in _FRONT:
            first, second = _dump(earlier.get(name)), _dump(later.get(name))
            assert first == second, f"request {number + 1} changes {name!r}: {_show_difference(first, second)}"
        before, after = list(_list_parts(earlier)), list(_list_parts(later))
        for index, part in enumerate(before):
            other = after[index] if index < len(after) else ""
            text = f"request {number + 1} changes part {index + 1} of the history: {_show_difference(part, other)}"
            assert part == other, text


def _list_parts(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the history in pieces that don't grow: the parts of each message, each with the role of the message."""
    history = next((request[name] for name in _HISTORIES if request.get(name)), ())
    for message in [{"content": history}] if isinstance(history, str) else history:
        parts = message.get("parts", message.get("content"))
        rest = {key: value for key, value in message.items() if key not in ("parts", "content")}
        for part in parts if isinstance(parts, list) else [parts]:
            if not _is_mark(part):
                yield _dump([rest, part])


def _dump(value: object) -> str:
    return json.dumps(_drop_marks(value), ensure_ascii=False)


def _drop_marks(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _drop_marks(item) for key, item in value.items() if key != _MARK_FIELD}
    return [_drop_marks(item) for item in value if not _is_mark(item)] if isinstance(value, list) else value


def _is_mark(part: object) -> bool:
    return isinstance(part, Mapping) and _MARK_PART in part


def _show_difference(first: str, second: str) -> str:
    position = next((i for i, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), 0)
    start = max(0, position - 20)
    return f"...{first[start : position + 40]!r} became ...{second[start : position + 40]!r}"
