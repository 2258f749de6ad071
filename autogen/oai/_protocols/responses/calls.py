"""Calls of the Responses API: functions, and the other kinds that a program has to answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ....types import JSON

# Calls of other kinds, as calls of a tool with this name.
TOOL_NAMES = {
    "shell_call": "shell",
    "local_shell_call": "local_shell",
    "apply_patch_call": "apply_patch",
    "computer_call": "computer",
    "mcp_approval_request": "mcp_approval",
}
# The item that answers an item, if it is not that of a function.
_OUTPUTS = {
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "local_shell_call": "local_shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
_FIELDS_OF_ACTION = ("action", "operation", "arguments", "name", "server_label", "pending_safety_checks")


def get_call_id(item: Mapping[str, JSON]) -> str:
    """Return the id by which a call is answered."""
    return str(item.get("call_id") or item.get("id") or "")


def read_call(item: Mapping[str, JSON]) -> dict[str, JSON] | None:
    """Return an item that a program has to answer as a tool call; None for any other item."""
    kind = str(item.get("type"))
    if kind == "function_call":
        name, arguments = item.get("name"), item.get("arguments")
    elif kind == "custom_tool_call":
        name, arguments = item.get("name"), {"input": item.get("input")}
    elif kind in TOOL_NAMES:
        name, arguments = TOOL_NAMES[kind], {key: item[key] for key in _FIELDS_OF_ACTION if key in item}
    else:
        return None
    return {"id": get_call_id(item), "type": "function", "function": {"name": name, "arguments": arguments}}


def index_calls(answers: Iterable[list[JSON]]) -> dict[str, Mapping[str, JSON]]:
    """Return the items of calls in answers of this vendor by the ids by which they are answered."""
    return {get_call_id(item): item for items in answers for item in items if isinstance(item, dict) and read_call(item)}


def build_result(call_id: str, call: Mapping[str, JSON] | None, output: JSON) -> dict[str, JSON]:
    """Return the item that answers a call.

    Args:
        call_id: Id of the call.
        call: Item of the call; None if the answer was rebuilt.
        output: Text or parts.
    """
    kind = str(call.get("type")) if call is not None else "function_call"
    if kind == "mcp_approval_request":
        return {"type": "mcp_approval_response", "approval_request_id": call_id, **_read_approval(output)}
    if kind in ("shell_call", "apply_patch_call", "computer_call"):
        output = _read_output(output)
    return {"type": _OUTPUTS.get(kind, "function_call_output"), "call_id": call_id, "output": output}


def _read_output(output: JSON) -> JSON:
    """Return the JSON that a tool wrote, for calls whose output isn't text. Any other text is the output of a shell."""
    value = _parse(output)
    if isinstance(value, (dict, list)):
        return value
    return [{"stdout": output, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]


def _read_approval(output: JSON) -> dict[str, JSON]:
    """Return the answer to a request for approval. Only a clear yes approves."""
    value = _parse(output)
    if isinstance(value, dict):
        fields: dict[str, JSON] = {"approve": value.get("approve") is True}
        return {**fields, "reason": value["reason"]} if value.get("reason") else fields
    if value is True or (isinstance(output, str) and output.strip().lower() in ("yes", "y", "approve", "approved")):
        return {"approve": True}
    return {"approve": False, "reason": output if isinstance(output, str) else json.dumps(output)}


def _parse(output: JSON) -> Any:
    try:
        return json.loads(output) if isinstance(output, str) else output
    except ValueError:
        return None
