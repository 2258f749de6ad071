"""Calls in a response: the function calls that a model requests, in the single form that all other code understands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from ...types import Message


class UnreadableCalls(ValueError):
    """Raised if the calls of an answer are unclear: executing a guess would be worse than asking again."""


def normalize_calls(value: object, seed: str = "") -> list[Message]:
    """Return the tool calls of an answer, each with a unique id, a type, a name and arguments that are text.

    Args:
        value: `tool_calls` of the message. None and an empty list mean that there are no calls.
        seed: Id of the response, from which the ids of calls without one are made.

    Raises:
        UnreadableCalls: if it is not a list of calls.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableCalls(f"tool_calls must be a list, got {type(value).__name__}")
    calls = [_normalize_call(call) for call in value]
    seen: set[str] = set()
    for position, call in enumerate(calls):
        if not call["id"] or call["id"] in seen:
            call["id"] = make_call_id(seed, position, call["function"])
        seen.add(call["id"])
    return calls


def _normalize_call(call: object) -> Message:
    if not isinstance(call, Mapping):
        raise UnreadableCalls(f"a call must be an object, got {type(call).__name__}")
    function = call.get("function")
    # OpenAI's custom tools take text in place of an object.
    if function is None and isinstance(custom := call.get("custom"), Mapping):
        function = {"name": custom.get("name"), "arguments": {"input": custom.get("input")}}
        call = {key: value for key, value in call.items() if key != "custom"}
    call_id = call.get("id")
    rest = {key: value for key, value in call.items() if key not in ("id", "type", "function", "index")}
    return {
        "id": str(call_id) if isinstance(call_id, (str, int)) and not isinstance(call_id, bool) else "",
        "type": "function",
        "function": normalize_function(function),
        **rest,
    }


def normalize_function(function: object) -> Message:
    """Return the name and the arguments of a call, the arguments as text.

    Arguments that are not JSON stay as they are: the agent tells the model.

    Raises:
        UnreadableCalls: if there is no name.
    """
    if not isinstance(function, Mapping):
        raise UnreadableCalls(f"the function of a call must be an object, got {type(function).__name__}")
    name = function.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UnreadableCalls(f"a call must name its function, got {name!r}")
    return {**function, "name": name.strip(), "arguments": format_arguments(function.get("arguments"))}


def format_arguments(arguments: object) -> str:
    """Return arguments as text: `{}` for none, and JSON for an object."""
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    return "{}" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def make_call_id(seed: str, position: int, function: Mapping[str, object]) -> str:
    """Return an id for a call, which is the same whenever the same answer is read."""
    text = json.dumps([seed, position, function.get("name"), function.get("arguments")])
    return f"call_{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def has_calls(message: Mapping[str, object]) -> bool:
    """Return True if a message has calls of either form."""
    calls = message.get("tool_calls")
    return bool(message.get("function_call")) or (isinstance(calls, Sequence) and len(calls) > 0)
