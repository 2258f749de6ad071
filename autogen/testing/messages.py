"""Messages of a model that calls tools."""

from __future__ import annotations

import json

from .. import types
from ..types import Message
from ._scripted import tool_call

__all__ = ["ToolCall", "tools_message"]


class ToolCall:
    """A call of a tool, for the script of a `TestAgent`.

    Args:
        tool_name: Name of the tool.
        **arguments: Arguments of the tool.

    >>> ToolCall("add", a=1, b=2).to_message()["tool_calls"][0]["function"]
    {'name': 'add', 'arguments': '{"a": 1, "b": 2}'}
    """

    def __init__(self, tool_name: str, /, **arguments: object) -> None:
        self.tool_name = tool_name
        self.arguments = arguments

    def __repr__(self) -> str:
        arguments = "".join(f", {name}={value!r}" for name, value in self.arguments.items())
        return f"ToolCall({self.tool_name!r}{arguments})"

    def to_message(self) -> Message:
        """Return a message of a model that makes this call, with a new id."""
        return tools_message(self)


def tools_message(*tool_calls: ToolCall) -> Message:
    """Return a message of a model that makes several calls, with new ids.

    Args:
        *tool_calls: The calls.

    Raises:
        TypeError: if an argument is not a `ToolCall`.
    """
    for call in tool_calls:
        if not isinstance(call, ToolCall):
            raise TypeError(f"tools_message takes ToolCall objects, got {call!r}.")
    return {"role": "assistant", "content": None, "tool_calls": [_make_call(call) for call in tool_calls]}


def _make_call(call: ToolCall) -> types.ToolCall:
    # An argument of the tool may have the name of a parameter of `tool_call`.
    function: types.FunctionCall = {"name": call.tool_name, "arguments": json.dumps(call.arguments)}
    return {**tool_call(call.tool_name), "function": function}
