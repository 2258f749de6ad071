"""Calls that an endpoint could not read itself, and sends as the text of an error: Groq's `failed_generation`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...types import JSON, Message

FAILURE_CODE = "tool_use_failed"
"""Code of the error."""
# <function=read={"path": "x"}</function>, with other characters between the name and the object, too.
_TAGGED = re.compile(r"<function=([\w.-]{1,100})[\s=>(]{0,5}(\{.*?\})\s*\)?>?\s*(?:</function>|\Z)", re.DOTALL)
_MAX_LENGTH = 100_000


def read_failed_generation(error_body: object, params: Mapping[str, Any]) -> dict[str, JSON] | None:
    """Return the text of an error as the response that the model meant; None if it isn't calls of tools of the request.

    Args:
        error_body: JSON of the error.
        params: Parameters of the request.
    """
    text = error_body.get("failed_generation") if isinstance(error_body, Mapping) else None
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        return None
    calls = list(_iter_calls(text.strip()))
    names = {str((tool.get("function") or {}).get("name")) for tool in params.get("tools") or () if isinstance(tool, dict)}
    if not calls or not names.issuperset(str(call["name"]) for call in calls):
        return None
    message: Message = {"role": "assistant", "content": None, "tool_calls": [{"function": call} for call in calls]}
    return {"choices": [{"message": message, "finish_reason": "tool_calls"}]}


def _iter_calls(text: str) -> Iterator[Message]:
    tagged = list(_TAGGED.finditer(text))
    if tagged and not _TAGGED.sub("", text).strip():
        for match in tagged:
            yield {"name": match[1], "arguments": match[2]}
        return
    value = _parse(text)
    for call in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
        arguments = call.get("arguments", call.get("parameters")) if isinstance(call, dict) else None
        if not isinstance(arguments, dict):
            return
        yield {"name": call.get("name"), "arguments": arguments}


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
