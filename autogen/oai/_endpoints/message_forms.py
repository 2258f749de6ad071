"""Messages in the forms that endpoints take.

Each function takes a list of messages and returns one. What it is given it leaves as it is: a message that changes is a new
dict. No text is lost. A second time nothing changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

Message = dict[str, Any]
Form = Callable[[Sequence[Message]], list[Message]]

CONTINUE = "Please continue."  # what a user says where an endpoint wants a user's turn and there is none
UNDERSTOOD = "Understood."  # the same for the assistant
BLANK = "(empty)"  # stands for nothing where an endpoint wants text
SYSTEM = ("system", "developer")


def remove_nulls(messages: Sequence[Message]) -> list[Message]:
    """No key is null, but for the content."""
    return [_only(m, lambda key, value: value is not None or key == "content") for m in messages]


def remove_names(messages: Sequence[Message]) -> list[Message]:
    """No message has a name, but those of functions, which need it.

    Where several users speak, as in a group chat, the name goes in front of the text: the model must tell them apart.
    """
    speakers = {m["name"] for m in messages if m.get("role") == "user" and m.get("name")}
    several = len(speakers) > 1
    return [_said_by(m) if several and m.get("role") == "user" and m.get("name") else _nameless(m) for m in messages]


def _nameless(message: Message) -> Message:
    return message if message.get("role") == "function" else _only(message, lambda key, _: key != "name")


def _said_by(message: Message) -> Message:
    content, mark = message.get("content"), f"{message['name']}: "
    if isinstance(content, list):
        content = [_text_part(mark.rstrip()), *content]
    elif not (content or "").startswith(mark):
        content = mark + (content or "")
    return {**_nameless(message), "content": content}


def merge_system_messages(messages: Sequence[Message]) -> list[Message]:
    """One system message, at the front, with the text of all of them.

    One that comes last is a question (agents ask so who speaks next): it becomes the user's.
    """
    if len(messages) > 1 and messages[-1].get("role") in SYSTEM:
        messages = [*messages[:-1], {**messages[-1], "role": "user"}]
    systems = [m for m in messages if m.get("role") in SYSTEM]
    return [*_as_one(systems), *(m for m in messages if m.get("role") not in SYSTEM)]


def convert_late_system_to_user(messages: Sequence[Message]) -> list[Message]:
    """One system message at the front; later ones keep their place as the user's."""
    start = next((i for i, m in enumerate(messages) if m.get("role") not in SYSTEM), len(messages))
    if start == len(messages) > 1:
        start -= 1  # the last one is a question here too
    return [*_as_one(messages[:start]), *convert_system_to_user(messages[start:])]


def _as_one(messages: Sequence[Message]) -> list[Message]:
    return [reduce(_joined, messages)] if messages else []


def convert_system_to_user(messages: Sequence[Message]) -> list[Message]:
    """No system message: for models that know none."""
    return [{**m, "role": "user"} if m.get("role") in SYSTEM else m for m in messages]


def convert_developer_to_system(messages: Sequence[Message]) -> list[Message]:
    """`system` for `developer`, which only OpenAI knows."""
    return [{**m, "role": "system"} if m.get("role") == "developer" else m for m in messages]


def ensure_alternation(messages: Sequence[Message]) -> list[Message]:
    """User and assistant take turns, and a user begins: turns of one role that follow each other are one."""
    turns: list[Message] = []
    for message in remove_names(messages):
        if turns and _can_join(turns[-1], message):
            turns[-1] = _joined(turns[-1], message)
        else:
            turns.append(message)
    start = 1 if turns and turns[0].get("role") in SYSTEM else 0
    if len(turns) > start and turns[start].get("role") == "assistant":
        turns.insert(start, {"role": "user", "content": CONTINUE})
    return turns


def _can_join(one: Message, other: Message) -> bool:
    same = one.get("role") == other.get("role") and one.get("role") in ("user", "assistant", *SYSTEM)
    return same and not (one.get("function_call") and other.get("function_call"))


def ensure_user_last(messages: Sequence[Message]) -> list[Message]:
    """The last turn is the user's, or a tool's."""
    if messages and messages[-1].get("role") in ("user", "tool", "function"):
        return list(messages)
    return [*messages, {"role": "user", "content": CONTINUE}]


def insert_tool_acknowledgements(messages: Sequence[Message]) -> list[Message]:
    """No user speaks right after a tool: the assistant does first."""
    result: list[Message] = []
    for message in messages:
        if result and message.get("role") == "user" and result[-1].get("role") == "tool":
            result.append({"role": "assistant", "content": UNDERSTOOD})
        result.append(message)
    return result


def fill_missing_content(messages: Sequence[Message]) -> list[Message]:
    """No content is null or missing: it is an empty text instead."""
    return [m if m.get("content") is not None else {**m, "content": ""} for m in messages]


def replace_blanks(messages: Sequence[Message]) -> list[Message]:
    """No content is blank: `BLANK` stands for it, or null beside calls, where that is usual."""
    return [_filled(m) for m in messages]


def _filled(message: Message) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        kept = [part for part in content if not (_is_text(part) and not part["text"].strip())]
        if len(kept) == len(content) and kept:
            return message
        content = kept
    if content and (not isinstance(content, str) or content.strip()):
        return {**message, "content": content}
    calls = message.get("tool_calls") or message.get("function_call")
    return {**message, "content": None if calls else BLANK}


def join_text_parts(messages: Sequence[Message]) -> list[Message]:
    """No content is a list, if it is of text alone: it is one text then."""
    return [
        {**m, "content": "\n\n".join(part["text"] for part in m["content"])}
        if isinstance(m.get("content"), list) and all(map(_is_text, m["content"]))
        else m
        for m in messages
    ]


def shorten_call_ids(messages: Sequence[Message]) -> list[Message]:
    """The ids of calls are nine letters and digits."""
    result = []
    for m in messages:
        if m.get("tool_calls"):
            m = {**m, "tool_calls": [{**call, "id": _short(call.get("id"))} for call in m["tool_calls"]]}
        if m.get("role") == "tool":
            m = {**m, "tool_call_id": _short(m.get("tool_call_id"))}
        result.append(m)
    return result


def _short(call_id: Any) -> str:
    text = str(call_id)
    return text if re.fullmatch("[a-zA-Z0-9]{9}", text) else hashlib.sha256(text.encode()).hexdigest()[:9]


def convert_functions_to_tools(messages: Sequence[Message]) -> list[Message]:
    """Calls of tools for calls of functions, which are older. An answer without a call becomes the user's."""
    result: list[Message] = []
    open_ids: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        if message.get("role") == "function":
            name = str(message.get("name"))
            answered = next((pair for pair in open_ids if pair[0] == name), None)
            rest = _only(message, lambda key, _: key not in ("role", "name"))
            if answered is None:
                text = _said_by({**rest, "role": "user", "name": name})
                result.append(text)
                continue
            open_ids.remove(answered)
            message = {**rest, "role": "tool", "tool_call_id": answered[1]}
        elif call := message.get("function_call"):
            call_id = f"function{number}"
            open_ids.append((str(call.get("name")), call_id))
            calls = [*(message.get("tool_calls") or ()), {"id": call_id, "type": "function", "function": call}]
            message = {**_only(message, lambda key, _: key != "function_call"), "tool_calls": calls}
        result.append(message)
    return result


def render_calls_as_text(messages: Sequence[Message]) -> list[Message]:
    """No calls and no tools: for requests without tools, whose history has some all the same."""
    result = []
    for m in messages:
        if m.get("role") in ("tool", "function"):
            rest = _only(m, lambda key, _: key not in ("tool_call_id", "name"))
            m = {**rest, "role": "user", "content": _after("The tool's answer:", m.get("content"))}
        elif calls := _calls(m):
            said = [f"Call of {c['function'].get('name')}: {_arguments(c['function'])}" for c in calls]
            rest = _only(m, lambda key, _: key not in ("tool_calls", "function_call"))
            m = {**rest, "content": _both(m.get("content"), "\n".join(said))}
        result.append(m)
    return result


def _calls(message: Message) -> list[Message]:
    older = message.get("function_call")
    return [*(message.get("tool_calls") or ()), *([{"function": older}] if older else ())]


def describe_response_format(messages: Sequence[Message], response_format: Any) -> list[Message]:
    """A system message more, which says what `response_format` does: for endpoints that know none."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind not in ("json_schema", "json_object"):
        return list(messages)
    text = "Answer with JSON alone."
    if kind == "json_schema":
        text = f"Answer with JSON alone, which fits this schema: {json.dumps(response_format['json_schema'].get('schema'))}"
    start = next((i for i, m in enumerate(messages) if m.get("role") not in SYSTEM), len(messages))
    return [*messages[:start], {"role": "system", "content": text}, *messages[start:]]


def _arguments(function: Message) -> str:
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _after(mark: str, content: Any) -> Any:
    return [_text_part(mark), *content] if isinstance(content, list) else f"{mark}\n{content or ''}"


def _joined(one: Message, other: Message) -> Message:
    """Two messages of one role as one."""
    both = {**other, **one, "content": _both(one.get("content"), other.get("content"))}
    calls = [*(one.get("tool_calls") or ()), *(other.get("tool_calls") or ())]
    return {**both, "tool_calls": calls} if calls else both


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, list) or isinstance(other, list):
        return [*_parts(one), *_parts(other)]
    if not one or not other:
        return one or other
    return f"{one}\n\n{other}"


def _parts(content: Any) -> list[Any]:
    return list(content) if isinstance(content, list) else [_text_part(content)] if content else []


def _text_part(text: str) -> Message:
    return {"type": "text", "text": text}


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _only(message: Message, wanted: Callable[[str, Any], bool]) -> Message:
    """The message without some of its keys; itself if it has none of those."""
    kept = {key: value for key, value in message.items() if wanted(key, value)}
    return message if len(kept) == len(message) else kept
