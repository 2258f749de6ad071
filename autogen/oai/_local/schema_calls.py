"""Calls by schema: requests for models whose own form of calls fails.

The tools become a part of the system message, and a JSON schema, which the server enforces while the model writes, allows
two forms: `{"reply": ...}` and `{"name": ..., "arguments": ...}`. Each answer is valid then, also one of a model that is too
small to keep to a form by itself. `schema_answers.py` reads the answers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...types import Message

Fields = Mapping[str, Any]
Schema = dict[str, Any]

MAX_CONSECUTIVE_CALLS = 2
"""Calls for one message of the user, after which only a reply is allowed. Small models call again for ever."""

# llama.cpp writes a rule for each repetition, and refuses a request with many.
_MAX_REPETITIONS = 100
_LENGTHS = frozenset({"minItems", "maxItems", "minLength", "maxLength"})
_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
# What a grammar can say. Patterns and formats are left to the check of the arguments before the call.
_KEPT = frozenset({"type", "enum", "const", "required", "$ref"})
_SCHEMAS = frozenset({"items", "additionalProperties"})
_SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions"})
_REMINDER = 'Reply to my request with this result: {"reply": "..."}'
_TOOL_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")


def has_calls_or_tools(params: Fields) -> bool:
    """Return True if a request has tools, or calls in its history."""
    return bool(params.get("tools")) or any(
        isinstance(message, Mapping) and (message.get("tool_calls") or message.get("role") == "tool")
        for message in params["messages"]
    )


def build_schema_request(params: Fields, limit: int, excluded: Collection[str] = ()) -> dict[str, Any]:
    """Return a request that asks for calls by schema.

    Args:
        params: The request with tools, as for chat completions.
        limit: Number of calls for one message of the user, after which only a reply is allowed.
        excluded: Names of tools that may not be called.
    """
    request = {key: value for key, value in params.items() if key not in _TOOL_SETTINGS}
    tools = [tool["function"] for tool in params.get("tools") or () if isinstance(tool.get("function"), Mapping)]
    choice = params.get("tool_choice")
    if not tools or choice == "none":
        request["messages"] = list(_render_history(params["messages"], wraps_replies=False))
        return request
    messages = list(_render_history(params["messages"], wraps_replies=True))
    request["messages"] = _add_to_system(messages, _describe_tools(tools))
    named = get_named_tool(choice)
    allowed = [tool for tool in tools if tool.get("name") not in excluded and named in (None, tool.get("name"))]
    replies = choice != "required" and named is None
    if replies and len(list_turn_calls(params["messages"])) >= limit:
        allowed = []
    schema = _build_schema(allowed, _get_reply_schema(params.get("response_format")) if replies or not allowed else None)
    request["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return request


def get_named_tool(choice: object) -> str | None:
    """Return the name of the tool that a `tool_choice` demands; None if it names none."""
    function = choice.get("function") if isinstance(choice, Mapping) else None
    return str(function["name"]) if isinstance(function, Mapping) and function.get("name") else None


def list_turn_calls(messages: Sequence[Message]) -> list[tuple[str, object]]:
    """Return the names and the arguments of the calls since the last message of the user."""
    calls: list[tuple[str, object]] = []
    for message in messages:
        if message.get("role") == "user":
            calls.clear()
        calls += [
            (str(call["function"].get("name")), parse_arguments(call["function"].get("arguments")))
            for call in message.get("tool_calls") or ()
        ]
    return calls


def parse_arguments(arguments: object) -> object:
    """Return the arguments of a call as an object; as they are if they aren't JSON."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments


def _describe_tools(tools: Sequence[Fields]) -> str:
    lines = [
        json.dumps({key: tool[key] for key in ("name", "description", "parameters") if tool.get(key)}, ensure_ascii=False)
        for tool in tools
    ]
    example = {"name": tools[0].get("name"), "arguments": _make_example(_as_dict(tools[0].get("parameters")))}
    return "\n".join(
        [
            "You have access to these functions:",
            *lines,
            "",
            f"To call a function, respond with a JSON object: {json.dumps(example, ensure_ascii=False)}",
            "The result comes in <tool_result>.",
            'To talk to the user, when there is a result or no function fits, respond with: {"reply": "..."}',
            "Always call a function before you reply if one fits the request: never make its result up.",
        ]
    )


def _make_example(schema: Fields) -> object:
    """Return a value that shows the form of a schema without being a likely value."""
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind == "object" or "properties" in schema:
        required = schema.get("required") or list(_as_dict(schema.get("properties")))
        return {name: _make_example(_as_dict(_as_dict(schema.get("properties")).get(name))) for name in required}
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return _make_example(_as_dict(alternatives[0]))
    return {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}.get(str(kind), "...")


def _as_dict(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}


def _add_to_system(messages: list[Message], text: str) -> list[Message]:
    """Append a text to the system message, or put one in front."""
    first = messages[0] if messages else {}
    if first.get("role") != "system":
        return [{"role": "system", "content": text}, *messages]
    content = first.get("content")
    joined: Any = [*content, {"type": "text", "text": text}] if isinstance(content, list) else f"{content or ''}\n\n{text}"
    return [{**first, "content": joined.strip() if isinstance(joined, str) else joined}, *messages[1:]]


def _render_history(messages: Sequence[Message], *, wraps_replies: bool) -> Iterator[Message]:
    """Yield the messages with calls and results in the form that the model is asked for.

    Each call stands beside its result, because the model makes one call a turn.

    Args:
        messages: The history.
        wraps_replies: Whether texts of the assistant get the form of a reply.
    """
    results = {message.get("tool_call_id"): message for message in messages if message.get("role") == "tool"}
    called = {call.get("id") for message in messages for call in message.get("tool_calls") or ()}
    for message in messages:
        content = message.get("content")
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in called:
                yield _render_result(message)
        elif message.get("tool_calls"):
            text = _read_text(content).strip()
            rest = {key: value for key, value in message.items() if key != "tool_calls"}
            for call in message["tool_calls"]:
                yield {**rest, "content": f"{text}\n{_render_call(call)}".lstrip()}
                text = ""
                if result := results.get(call.get("id")):
                    yield _render_result(result)
        elif wraps_replies and message.get("role") == "assistant" and isinstance(content, str):
            yield {**message, "content": json.dumps({"reply": content}, ensure_ascii=False)}
        else:
            yield message


def _render_call(call: Fields) -> str:
    function = _as_dict(call.get("function"))
    arguments = parse_arguments(function.get("arguments"))
    return json.dumps({"name": function.get("name"), "arguments": arguments}, ensure_ascii=False)


def _render_result(message: Fields) -> Message:
    # A result is text from outside, which must not end its block.
    text = _read_text(message.get("content")).replace("</tool_result", "<\\/tool_result")
    # Without the reminder, small models call again.
    return {"role": "user", "content": f"<tool_result>\n{text}\n</tool_result>\n{_REMINDER}"}


def _read_text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", part)) if isinstance(part, Mapping) else str(part) for part in content)
    return "" if content is None else str(content)


def _get_reply_schema(response_format: object) -> Schema:
    """Return the schema of the reply: that of the program, or text."""
    response_format = _as_dict(response_format)
    if response_format.get("type") == "json_object":
        return {"type": "object"}
    schema = _as_dict(response_format.get("json_schema")).get("schema")
    return dict(schema) if isinstance(schema, Mapping) else {"type": "string"}


def _build_schema(tools: Sequence[Fields], reply: Schema | None) -> Schema:
    """Return the schema of the answer.

    The reply comes first: with another order, models call again when the result is there.
    """
    definitions: Schema = {}
    branches = [] if reply is None else [_close({"reply": _embed(reply, "reply", definitions)})]
    for number, tool in enumerate(tools):
        parameters = _embed(_as_dict(tool.get("parameters")), f"tool{number}", definitions)
        arguments = parameters or _close({})
        branches.append(_close({"name": {"const": tool.get("name")}, "arguments": arguments}))
    schema: Schema = branches[0] if len(branches) == 1 else {"anyOf": branches}
    return {**schema, "$defs": definitions} if definitions else schema


def _close(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _embed(schema: Fields, name: str, definitions: Schema) -> Schema:
    """Return a schema as a part of another. One with references becomes a definition, to which they point then."""
    reduced = _reduce(schema)
    if "$ref" not in json.dumps(schema):
        return reduced
    definitions[name] = _move_references(reduced, f"#/$defs/{name}")
    return {"$ref": f"#/$defs/{name}"}


def _reduce(schema: object) -> Schema:
    """Return the parts of a schema that a grammar can say; objects with known keys have no others."""
    schema = _as_dict(schema)
    result: Schema = {}
    for key, value in schema.items():
        if key in _SCHEMAS:
            result[key] = value if isinstance(value, bool) else _reduce(value)
        elif key in _SCHEMA_LISTS and isinstance(value, list):
            result[key] = [_reduce(part) for part in value]
        elif key in _SCHEMA_MAPS and isinstance(value, Mapping):
            result[key] = {name: _reduce(part) for name, part in value.items()}
        elif key in _KEPT or (key in _LENGTHS and _is_short(value)) or (key in _LIMITS and _is_whole(schema, value)):
            result[key] = value
    if "properties" in result:
        result.setdefault("type", "object")
        result.setdefault("additionalProperties", False)
    return result


def _is_short(value: object) -> bool:
    return isinstance(value, int) and value <= _MAX_REPETITIONS


def _is_whole(schema: Fields, value: object) -> bool:
    # A grammar knows the limits of whole numbers alone.
    return schema.get("type") == "integer" and isinstance(value, int)


def _move_references(value: Any, root: str) -> Any:
    if isinstance(value, list):
        return [_move_references(part, root) for part in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _move_references(part, root) for key, part in value.items()}
    if isinstance(reference := value.get("$ref"), str) and reference.startswith("#"):
        moved["$ref"] = root + reference.removeprefix("#")
    return moved
