"""Message transforms, from the classic form to the forms that endpoints take.

All transforms are pure, lossless and idempotent: messages that change are new dicts, and no text is dropped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from ...types import Message, MessageContentType
from .._protocols.turns import CONTINUE, describe_format, render_call

Form = Callable[[Sequence[Message]], list[Message]]
"""A message transform."""

UNDERSTOOD = "Understood."
"""The assistant's turn that is inserted where an endpoint requires an assistant's turn."""
BLANK = "(empty)"
"""The text that replaces a blank one where an endpoint requires text."""
SYSTEM = ("system", "developer")
THINKING_KEYS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
"""Fields in which vendors want the thinking of earlier answers back."""


def remove_nulls(messages: Sequence[Message]) -> list[Message]:
    """Remove keys whose value is None, except `content`."""
    return [_filter_keys(m, lambda key, value: value is not None or key == "content") for m in messages]


def remove_names(messages: Sequence[Message]) -> list[Message]:
    """Remove the names of messages, except those of functions.

    If several users speak, as in a group chat, the name is put in front of the text: the model must tell the users apart.
    """
    # A single user needs no name in the text.
    speakers = {m["name"] for m in messages if m.get("role") == "user" and m.get("name")}
    has_several = len(speakers) > 1
    return [
        _move_name_to_text(m) if has_several and m.get("role") == "user" and m.get("name") else _remove_name(m)
        for m in messages
    ]


def _remove_name(message: Message) -> Message:
    return message if message.get("role") == "function" else _filter_keys(message, lambda key, _: key != "name")


def _move_name_to_text(message: Message) -> Message:
    content, prefix = message.get("content"), f"{message['name']}: "
    if isinstance(content, list):
        content = [_make_text_part(prefix.rstrip()), *content]
    # Idempotent: the name may have been put there before.
    elif not (content or "").startswith(prefix):
        content = prefix + (content or "")
    return {**_remove_name(message), "content": content}


def merge_system_messages(messages: Sequence[Message]) -> list[Message]:
    """Merge all system messages into one, at the start.

    A system message that comes last is a question (agents ask for the next speaker like this) and becomes the user's.
    """
    if len(messages) > 1 and messages[-1].get("role") in SYSTEM:
        messages = [*messages[:-1], {**messages[-1], "role": "user"}]
    systems = [m for m in messages if m.get("role") in SYSTEM]
    return [*_merge_all(systems), *(m for m in messages if m.get("role") not in SYSTEM)]


def convert_late_system_to_user(messages: Sequence[Message]) -> list[Message]:
    """Merge the system messages at the start, and convert later ones to user messages in their positions."""
    start = _find_first_turn(messages)
    if start == len(messages) > 1:
        # A system message that comes last is a question, as in `merge_system_messages`.
        start -= 1
    return [*_merge_all(messages[:start]), *convert_system_to_user(messages[start:])]


def _find_first_turn(messages: Sequence[Message]) -> int:
    return next((i for i, m in enumerate(messages) if m.get("role") not in SYSTEM), len(messages))


def _merge_all(messages: Sequence[Message]) -> list[Message]:
    return [reduce(_merge_pair, messages)] if messages else []


def convert_system_to_user(messages: Sequence[Message]) -> list[Message]:
    """Convert system messages to user messages, for models without a system role."""
    return [{**m, "role": "user"} if m.get("role") in SYSTEM else m for m in messages]


def convert_developer_to_system(messages: Sequence[Message]) -> list[Message]:
    """Convert `developer` messages, which only OpenAI knows, to `system` messages."""
    return [{**m, "role": "system"} if m.get("role") == "developer" else m for m in messages]


def ensure_alternation(messages: Sequence[Message]) -> list[Message]:
    """Merge consecutive messages of one role, and insert a user's turn if the assistant comes first."""
    turns: list[Message] = []
    for message in remove_names(messages):
        if turns and _can_merge(turns[-1], message):
            turns[-1] = _merge_pair(turns[-1], message)
        else:
            turns.append(message)
    # The first turn after the system message must be a user's.
    start = 1 if turns and turns[0].get("role") in SYSTEM else 0
    if len(turns) > start and turns[start].get("role") == "assistant":
        turns.insert(start, {"role": "user", "content": CONTINUE})
    return turns


def _can_merge(first: Message, second: Message) -> bool:
    same_role = first.get("role") == second.get("role") and first.get("role") in ("user", "assistant", *SYSTEM)
    # A message holds one function call at most.
    return same_role and not (first.get("function_call") and second.get("function_call"))


def ensure_user_last(messages: Sequence[Message]) -> list[Message]:
    """Append a user's turn, unless the last turn is a user's or a tool's."""
    if messages and messages[-1].get("role") in ("user", "tool", "function"):
        return list(messages)
    return [*messages, {"role": "user", "content": CONTINUE}]


def insert_tool_acknowledgements(messages: Sequence[Message]) -> list[Message]:
    """Insert an assistant's turn where a user speaks right after a tool."""
    result: list[Message] = []
    for message in messages:
        if result and message.get("role") == "user" and result[-1].get("role") == "tool":
            result.append({"role": "assistant", "content": UNDERSTOOD})
        result.append(message)
    return result


def fill_missing_content(messages: Sequence[Message]) -> list[Message]:
    """Replace missing content and content of None by an empty text."""
    return [m if m.get("content") is not None else {**m, "content": ""} for m in messages]


def replace_blanks(messages: Sequence[Message]) -> list[Message]:
    """Replace blank content by `BLANK`, or by None beside tool calls, where that is usual."""
    return [_replace_blank(m) for m in messages]


def _replace_blank(message: Message) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if not (_is_text(part) and not part["text"].strip())]
        if len(parts) == len(content) and parts:
            return message
        content = parts
    if content and (not isinstance(content, str) or content.strip()):
        return {**message, "content": content}
    # A call without text is usual, and endpoints take None for its content.
    calls = message.get("tool_calls") or message.get("function_call")
    return {**message, "content": None if calls else BLANK}


def join_text_parts(messages: Sequence[Message]) -> list[Message]:
    """Join content that is a list of text parts into one text."""
    return [
        {**m, "content": "\n\n".join(part["text"] for part in m["content"])}
        if isinstance(m.get("content"), list) and all(map(_is_text, m["content"]))
        else m
        for m in messages
    ]


def shorten_call_ids(messages: Sequence[Message]) -> list[Message]:
    """Replace the ids of tool calls by nine letters and digits, unless they have this form."""
    result = []
    for m in messages:
        if m.get("tool_calls"):
            m = {**m, "tool_calls": [{**call, "id": _shorten_id(call.get("id"))} for call in m["tool_calls"]]}
        if m.get("role") == "tool":
            m = {**m, "tool_call_id": _shorten_id(m.get("tool_call_id"))}
        result.append(m)
    return result


def _shorten_id(call_id: object) -> str:
    # A hash, so that the call and its result get the same id.
    text = str(call_id)
    return text if re.fullmatch("[a-zA-Z0-9]{9}", text) else hashlib.sha256(text.encode()).hexdigest()[:9]


def remove_thinking(messages: Sequence[Message]) -> list[Message]:
    """Remove the thinking of earlier answers, for endpoints that refuse it."""
    return [_filter_keys(m, lambda key, _: key not in THINKING_KEYS) for m in messages]


def keep_thinking_beside_calls(messages: Sequence[Message]) -> list[Message]:
    """Keep the thinking of answers with calls only, and add an empty one to calls of other models.

    DeepSeek refuses calls without the thinking that led to them.
    """
    return [
        {"reasoning_content": "", **m} if m.get("tool_calls") else _filter_keys(m, lambda key, _: key not in THINKING_KEYS)
        for m in messages
    ]


def sign_calls(messages: Sequence[Message]) -> list[Message]:
    """Add Google's stand-in for a signature to calls of other models since the last turn of the user."""
    start = max((index for index, m in enumerate(messages) if m.get("role") == "user"), default=0)
    return [_sign_first_call(m) if index > start and m.get("tool_calls") else m for index, m in enumerate(messages)]


def _sign_first_call(message: Message) -> Message:
    first, *others = message["tool_calls"]
    if first.get("extra_content"):
        return message
    signature = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    return {**message, "tool_calls": [{**first, "extra_content": signature}, *others]}


def convert_functions_to_tools(messages: Sequence[Message]) -> list[Message]:
    """Convert function calls to tool calls, which superseded them. A function's result without a call becomes the user's."""
    result: list[Message] = []
    pending: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        if message.get("role") == "function":
            name = str(message.get("name"))
            # Function calls have no ids: a result belongs to the oldest open call of its function.
            call_id = next((call_id for called, call_id in pending if called == name), None)
            rest = _filter_keys(message, lambda key, _: key not in ("role", "name"))
            if call_id is None:
                result.append(_move_name_to_text({**rest, "role": "user", "name": name}))
                continue
            pending.remove((name, call_id))
            message = {**rest, "role": "tool", "tool_call_id": call_id}
        elif call := message.get("function_call"):
            call_id = f"function{number}"
            pending.append((str(call.get("name")), call_id))
            calls = [*(message.get("tool_calls") or ()), {"id": call_id, "type": "function", "function": call}]
            message = {**_filter_keys(message, lambda key, _: key != "function_call"), "tool_calls": calls}
        result.append(message)
    return result


def render_calls_as_text(messages: Sequence[Message]) -> list[Message]:
    """Convert tool calls and results to text, for requests without tools whose history has calls."""
    result = []
    for m in messages:
        if m.get("role") in ("tool", "function"):
            rest = _filter_keys(m, lambda key, _: key not in ("tool_call_id", "name"))
            m = {**rest, "role": "user", "content": _prepend_text("The tool's answer:", m.get("content"))}
        elif calls := _list_calls(m):
            lines = [
                render_call({"function": {**c["function"], "arguments": _format_arguments(c["function"])}}) for c in calls
            ]
            rest = _filter_keys(m, lambda key, _: key not in ("tool_calls", "function_call"))
            m = {**rest, "content": _join_content(m.get("content"), "\n".join(lines))}
        result.append(m)
    return result


def _list_calls(message: Message) -> list[Message]:
    function_call = message.get("function_call")
    return [*(message.get("tool_calls") or ()), *([{"function": function_call}] if function_call else ())]


def describe_response_format(messages: Sequence[Message], response_format: object) -> list[Message]:
    """Add a system message that asks for JSON of this format, for endpoints without `response_format`."""
    text = describe_format(response_format) if isinstance(response_format, Mapping) else ""
    if not text:
        return list(messages)
    start = _find_first_turn(messages)
    return [*messages[:start], {"role": "system", "content": text}, *messages[start:]]


def _format_arguments(function: Message) -> str:
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _prepend_text(text: str, content: MessageContentType) -> MessageContentType:
    return [_make_text_part(text), *content] if isinstance(content, list) else f"{text}\n{content or ''}"


def _merge_pair(first: Message, second: Message) -> Message:
    """Merge two messages of one role."""
    merged = {**second, **first, "content": _join_content(first.get("content"), second.get("content"))}
    calls = [*(first.get("tool_calls") or ()), *(second.get("tool_calls") or ())]
    return {**merged, "tool_calls": calls} if calls else merged


def _join_content(first: MessageContentType, second: MessageContentType) -> MessageContentType:
    if isinstance(first, list) or isinstance(second, list):
        return [*_list_parts(first), *_list_parts(second)]
    if not first or not second:
        return first or second
    return f"{first}\n\n{second}"


def _list_parts(content: MessageContentType) -> list[Message | str]:
    return list(content) if isinstance(content, list) else [_make_text_part(content)] if content else []


def _make_text_part(text: str) -> Message:
    return {"type": "text", "text": text}


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _filter_keys(message: Message, is_kept: Callable[[str, object], bool]) -> Message:
    """Keep the keys that pass. Returns the message itself if all of them do."""
    kept = {key: value for key, value in message.items() if is_kept(key, value)}
    return message if len(kept) == len(message) else kept
