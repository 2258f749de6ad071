"""Messages of the 0.4 line of AutoGen, converted both ways.

Messages of that line are dicts as `model_dump()` makes them, with a `type`, or objects with that method; no package of it is
needed.

>>> to_02({"type": "TextMessage", "source": "writer", "content": "Hello"}, reader="critic")
{'content': 'Hello', 'role': 'user', 'name': 'writer', 'metadata': {'type': 'TextMessage'}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["ConvertedHistory", "from_state04", "history_to_02", "history_to_04", "to_02", "to_04"]

Message = dict[str, Any]

DROPPED = frozenset(
    (
        "CodeExecutionEvent",
        "CodeGenerationEvent",
        "MemoryQueryEvent",
        "ModelClientStreamingChunkEvent",
        "SelectSpeakerEvent",
        "ThoughtEvent",
        "UserInputRequestedEvent",
    )
)
"""Types of events outside the conversation."""

_PNG = "data:image/png;base64,"
# In a message of 0.2, where the rest of a message of 0.4 is kept, and the other way round.
_REST_OF_04, _REST_OF_02 = "metadata", "autogen02"


class ConvertedHistory(NamedTuple):
    """A converted history.

    Attributes:
        messages: Its messages.
        dropped: Events outside the conversation, as they were.
    """

    messages: list[Message]
    dropped: list[Message]


def to_02(message: Any, *, reader: str | None = None, code_events: bool = False) -> Message | None:
    """Convert a message of 0.4; None if it is an event outside the conversation.

    Args:
        message: Message of 0.4. One of an unknown type becomes text.
        reader: Name of the agent that reads it: its own messages have the role `assistant`, all others `user`. None to give
            all of them the role `user`.
        code_events: True to convert generated code and the output of code to text.

    Raises:
        TypeError: if it is not a message, or a part of it has another form than 0.4 gives it.
    """
    dump = _get_dump(message)
    kind = str(dump.get("type"))
    source = dump.get("source")
    rest = {key: value for key, value in dump.items() if key not in ("source", "content")}
    role = "assistant" if reader is not None and source == reader else "user"
    if kind in DROPPED:
        if not code_events or not kind.startswith("Code"):
            return None
        content: Any = _get_code_text(dump)
    elif kind == "ToolCallRequestEvent":
        converted: Message = {"content": None, "role": "assistant", "tool_calls": list(map(_to_call_02, dump["content"]))}
        return _add_fields(converted, source, rest)
    elif kind == "ToolCallExecutionEvent":
        return _add_fields(_to_results_02(dump["content"]), source, {**rest, "content": dump["content"]})
    elif kind == "MultiModalMessage":
        content = [_to_part_02(item) for item in dump["content"]]
    else:
        content = dump.get("content")
        if not isinstance(content, str):
            # The structured content of a message, or that of a type that came later.
            rest["content"] = content
            content = json.dumps(content, ensure_ascii=False, default=str)
    return _add_fields({"content": content, "role": role}, source, rest)


def to_04(message: Mapping[str, Any], *, source: str | None = None, names: Mapping[str, str] | None = None) -> Message:
    """Convert a message of 0.2 to a dict that 0.4 can load.

    Args:
        message: Message of 0.2. If it was converted from 0.4, it becomes the original.
        source: Author of a message without a name; None for its role.
        names: Names of functions by the ids of their calls, which results in 0.2 don't have; None to find none.

    Raises:
        TypeError: if it is not a message.
    """
    if not isinstance(message, Mapping):
        raise TypeError(f"A message of 0.2 must be a dict, got {message!r}.")
    role = message.get("role")
    author = message.get("name") or source or role or "user"
    rest = message.get(_REST_OF_04)
    if isinstance(rest, Mapping) and "type" in rest:
        content = rest.get("content", message.get("content"))
        if rest["type"] == "MultiModalMessage":
            content = [_to_part_04(part) for part in content]
        elif rest["type"] == "ToolCallRequestEvent":
            content = list(map(_to_call_04, message.get("tool_calls") or ()))
        return {"source": author, **rest, "content": content}
    calls = list(message.get("tool_calls") or ())
    if function_call := message.get("function_call"):
        calls.append({"id": function_call.get("name"), "function": function_call})
    content = message.get("content")
    used = {"role", "name", "content"}
    if calls:
        used |= {"tool_calls", "function_call"}
        used -= {"content"} if content else set()
        result: Message = {"type": "ToolCallRequestEvent", "content": list(map(_to_call_04, calls))}
    elif role in ("tool", "function"):
        used |= {"tool_responses", "tool_call_id"}
        result = {"type": "ToolCallExecutionEvent", "content": _to_results_04(message, names or {})}
    elif isinstance(content, (list, tuple)):
        result = {"type": "MultiModalMessage", "content": [_to_part_04(part) for part in content]}
    else:
        result = {"type": "TextMessage", "content": "" if content is None else str(content)}
    others = {key: value for key, value in message.items() if key not in used and value is not None}
    # Metadata of 0.4 are texts.
    metadata = {_REST_OF_02: json.dumps(others, ensure_ascii=False, default=str)} if others else {}
    return {"type": result["type"], "source": author, "content": result["content"], "metadata": metadata}


def history_to_02(messages: Iterable[Any], *, reader: str | None = None, code_events: bool = False) -> ConvertedHistory:
    """Convert a history of 0.4; the arguments are those of `to_02`."""
    converted: list[Message] = []
    dropped: list[Message] = []
    for message in messages:
        result = to_02(message, reader=reader, code_events=code_events)
        if result is None:
            dropped.append(_get_dump(message))
        else:
            converted.append(result)
    return ConvertedHistory(converted, dropped)


def history_to_04(messages: Iterable[Mapping[str, Any]], *, source: str | None = None) -> list[Message]:
    """Convert a history of 0.2; results of tools get the names of the functions that were called."""
    converted = []
    names: dict[str, str] = {}
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call.get("id") or ""] = (call.get("function") or {}).get("name") or ""
        converted.append(to_04(message, source=source, names=names))
    return converted


def from_state04(
    state: Mapping[str, Any], name: str, *, peer: str = "user", system_message: str = "", description: str = ""
) -> Message:
    """Convert the saved state of an agent of 0.4 to a document for `ConversableAgent.load_state`. There is no way back.

    Args:
        state: State of an `AssistantAgent`, or of a team that it is a member of.
        name: Name of the agent, in the team and here.
        peer: Name of the agent with which it has the conversation here, such as the manager of a group.
        system_message: System message, which states of 0.4 don't have.
        description: Description, likewise.

    Raises:
        ValueError: if it is not such a state, or the team has no such member.
    """
    members = state.get("agent_states")
    if isinstance(members, Mapping):
        if name not in members:
            raise ValueError(f"The team has no member {name!r}, but {', '.join(sorted(members))}.")
        state = members[name].get("agent_state", members[name])
    context = state.get("llm_context")
    if not isinstance(context, Mapping) or not isinstance(context.get("messages"), list):
        raise ValueError(f"The document is not the state of an AssistantAgent of 0.4: its type is {state.get('type')!r}.")
    histories = {peer: [_from_model_message(message, name) for message in context["messages"]]}
    return {
        "type": "agent",
        "version": 1,
        "name": name,
        "system_message": system_message,
        "description": description or system_message,
        "histories": histories,
        "auto_replies": {},
        "limit": 100,
        "limits": {},
        "replies_at_receive": {},
        "stop_reasons": {},
        "human_input": [],
    }


def _from_model_message(message: Mapping[str, Any], name: str) -> Message:
    """Convert a message as the models of 0.4 get it."""
    kind, content = message.get("type"), message.get("content")
    if kind == "FunctionExecutionResultMessage":
        return _to_results_02(content or ())
    if kind == "AssistantMessage":
        if isinstance(content, list):
            return {"content": message.get("thought"), "role": "assistant", "tool_calls": list(map(_to_call_02, content))}
        return {"content": content, "role": "assistant", "name": name}
    if kind == "SystemMessage":
        return {"content": content, "role": "system"}
    parts = [_to_part_02(item) for item in content] if isinstance(content, list) else content
    return {"content": parts, "role": "user", **({"name": message["source"]} if message.get("source") else {})}


def _get_dump(message: Any) -> Message:
    dump = message.model_dump() if hasattr(message, "model_dump") else message
    if not isinstance(dump, Mapping) or not isinstance(dump.get("type"), str):
        raise TypeError(f"A message of 0.4 must be a dict with a type, or an object with model_dump, got {message!r}.")
    return dict(dump)


def _add_fields(message: Message, source: object, rest: Mapping[str, Any]) -> Message:
    if source:
        message["name"] = source
    message[_REST_OF_04] = dict(rest)
    return message


def _get_code_text(dump: Mapping[str, Any]) -> str:
    content = dump.get("content")
    if isinstance(content, str) and content:
        return content
    result = dump.get("result") or {}
    return f"exit code {result.get('exit_code')}:\n{result.get('output', '')}" if result else ""


def _to_call_02(call: Mapping[str, Any]) -> Message:
    # Under `arguments`, as JSON text; objects are taken as well.
    arguments = call.get("arguments", "{}")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call.get("id"), "type": "function", "function": {"name": call.get("name"), "arguments": text}}


def _to_call_04(call: Mapping[str, Any]) -> Message:
    function = call.get("function") or {}
    return {"id": call.get("id") or "", "name": function.get("name") or "", "arguments": function.get("arguments") or "{}"}


def _to_results_02(results: Iterable[Mapping[str, Any]]) -> Message:
    responses = [
        {"tool_call_id": result.get("call_id"), "role": "tool", "content": str(result.get("content", ""))}
        for result in results
    ]
    text = "\n\n".join(str(response["content"]) for response in responses)
    return {"content": text, "role": "tool", "tool_responses": responses}


def _to_results_04(message: Mapping[str, Any], names: Mapping[str, str]) -> list[Message]:
    responses = message.get("tool_responses") or [message]
    results = []
    for response in responses:
        call_id = response.get("tool_call_id") or response.get("name") or ""
        # Only a result in the older form has the name of the function.
        name = names.get(call_id) or (response.get("name") if response.get("role") == "function" else None) or ""
        results.append(
            {
                "content": str(response.get("content") or ""),
                "name": name,
                "call_id": call_id,
                "is_error": bool(response.get("is_error")),
            }
        )
    return results


def _to_part_02(item: Any) -> Message:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if isinstance(item, Mapping) and isinstance(item.get("data"), str):
        return {"type": "image_url", "image_url": {"url": f"{_PNG}{item['data']}"}}
    raise TypeError(f"A part of a MultiModalMessage must be text or an image with data, got {item!r}.")


def _to_part_04(part: Any) -> Any:
    if isinstance(part, str):
        return part
    if part.get("type") == "image_url":
        image = part["image_url"]
        url = image["url"] if isinstance(image, Mapping) else image
        # 0.4 knows images by their data alone; an address stays readable.
        return {"data": url.partition("base64,")[2]} if url.startswith("data:") else url
    return part["text"] if "text" in part else json.dumps(part, ensure_ascii=False, default=str)
