"""Messages for requests: ids of calls, arguments and text are made valid, so that every endpoint accepts them.

Histories come from models, programs, files and other endpoints. A message that an endpoint refuses would also make it
refuse every later request of the chat, so it is repaired here; the stored history stays as it is. The order of calls and
results was repaired before, by `agentchat/_replies/history_repair.py`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

from ...types import JSON, Message
from .calls import format_arguments, make_call_id
from .native import restore_native
from .text import repair_json, repair_text

INTERNAL_KEYS = frozenset({"native", "reasoning", "stop_reason", "citations", "files", "hosted", "is_error"})
"""Keys of the internal form that no endpoint knows."""
_LONGEST_RECORD = 200
_CALL_ROLES = ("assistant", "tool", "function")


def prepare_history(messages: Sequence[Message], origin: str) -> Sequence[Message]:
    """Return messages that are valid for an endpoint; those that are valid already are not copied.

    Call ids are unique, arguments are JSON objects, there are no empty lists of calls, all text can be encoded, and the
    fields that a vendor needs back are there.

    Args:
        messages: The history.
        origin: Origin of the answers of the endpoint; see `native.compute_origin`.

    Raises:
        TooDeep: if a message is nested too deeply to be stored, which no answer is.
    """
    ids = _CallIds()
    return [
        # A program may pass objects of its SDK, which go through the SDK's own transform.
        _prepare_message(message, index, origin, ids) if isinstance(message, dict) else message
        for index, message in enumerate(messages)
    ]


def drop_internal_keys(messages: Sequence[Message]) -> Sequence[Message]:
    """Return messages without the keys that only this package knows, for custom model clients."""
    # Nearly all messages have a role, a content and a name alone, and histories are long.
    if max(map(len, messages), default=0) <= 3:
        return messages
    return [{key: value for key, value in message.items() if key not in INTERNAL_KEYS} for message in messages]


def _prepare_message(message: Message, index: int, origin: str, ids: _CallIds) -> Message:
    restored: dict[str, JSON] = {}
    prepared = message
    if not INTERNAL_KEYS.isdisjoint(message):
        if message.get("role") == "assistant":
            # The message as it is stored: the repairs below would break its seal.
            restored = restore_native(message, origin)
        prepared = {key: value for key, value in message.items() if key not in INTERNAL_KEYS}
        if words := _render_hosted(message):
            # An answer that goes back as its vendor's items is not sent in this form.
            prepared["content"] = _prepend_text(words, message.get("content"))
    prepared = _repair_values(prepared)
    if prepared.get("role") in _CALL_ROLES:
        prepared = _prepare_calls(prepared, index, ids)
    if restored:
        return _add_restored(prepared, restored, message)
    # Equal messages of a long history need no copies.
    return message if prepared is not message and prepared == message else prepared


def _repair_values(message: Message) -> Message:
    """Return a message whose values can be encoded."""
    # One plain loop, because nearly every message has text of ASCII alone.
    for value in message.values():
        if not (value is None or (type(value) is str and value.isascii())):
            return cast("Message", repair_json(message))
    return message


def _prepend_text(text: str, content: object) -> object:
    if isinstance(content, list):
        return [{"type": "text", "text": text}, *content]
    return f"{text}\n\n{content}" if content else text


def _add_restored(message: Message, restored: dict[str, JSON], stored: Message) -> Message:
    extras = restored.pop("tool_calls", None)
    message = {**message, **restored}
    if isinstance(extras, dict) and message.get("tool_calls"):
        # By the ids of the answer, which may be sent under others.
        ids = [call.get("id") for call in stored["tool_calls"]]
        calls = zip(message["tool_calls"], ids, strict=True)
        message["tool_calls"] = [{**call, **_as_dict(extras.get(call_id))} for call, call_id in calls]
    return message


def _as_dict(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _prepare_calls(message: Message, index: int, ids: _CallIds) -> Message:
    if message.get("role") == "tool":
        call_id = ids.take(message.get("tool_call_id"))
        return message if call_id == message.get("tool_call_id") else {**message, "tool_call_id": call_id}
    if "tool_calls" not in message and "function_call" not in message:
        return message
    prepared = {key: value for key, value in message.items() if key not in ("tool_calls", "function_call")}
    calls, function = message.get("tool_calls"), message.get("function_call")
    if isinstance(calls, list) and calls:
        prepared["tool_calls"] = [_prepare_call(call, ids, index, position) for position, call in enumerate(calls)]
    if isinstance(function, dict) and function:
        prepared["function_call"] = _prepare_function(function)
    return prepared


def _prepare_call(value: object, ids: _CallIds, index: int, position: int) -> Message:
    call = _as_dict(value)
    function = _prepare_function(_as_dict(call.get("function")))
    call_id = ids.register(call.get("id"), make_call_id(str(index), position, function))
    return {**call, "id": call_id, "type": call.get("type") or "function", "function": function}


def _prepare_function(function: Mapping[str, object]) -> Message:
    name = function.get("name")
    # Endpoints refuse a call without a name, and a result without a call.
    name = name if isinstance(name, str) and name else "unknown"
    return {**function, "name": name, "arguments": repair_arguments(function.get("arguments"))}


def repair_arguments(arguments: object) -> str:
    r"""Return the arguments of a call as the text of a JSON object. Servers parse those of the whole history again.

    >>> repair_arguments('{"city": "Os')
    '{"invalid_arguments": "{\\"city\\": \\"Os"}'
    """
    text = repair_text(format_arguments(arguments))
    try:
        value = _parse(text)
        # Some models encode them twice.
        if isinstance(value, str):
            text = value
            value = _parse(text)
    except (ValueError, RecursionError):
        return json.dumps({"invalid_arguments": text}, ensure_ascii=False)
    return text if isinstance(value, dict) else json.dumps({"value": value}, ensure_ascii=False)


def _parse(text: str) -> object:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} can't be JSON")


class _CallIds:
    """The ids of calls in a history, which some servers leave out, and others repeat in each turn."""

    def __init__(self) -> None:
        self._used: set[object] = set()
        # The ids that are sent, in the order of the calls, by the ids in the history.
        self._open: defaultdict[object, list[str]] = defaultdict(list)

    def register(self, call_id: object, substitute: str) -> str:
        """Return the id of a call: its own, or the substitute if there is none or an earlier call has it."""
        sent = call_id if isinstance(call_id, str) and call_id and call_id not in self._used else substitute
        while sent in self._used:
            sent = make_call_id(sent, 0, {})
        self._used.add(sent)
        self._open[_make_key(call_id)].append(sent)
        return sent

    def take(self, call_id: object) -> object:
        """Return the id with which the result of a call is sent."""
        waiting = self._open.get(_make_key(call_id))
        return waiting.pop(0) if waiting else call_id


def _make_key(call_id: object) -> str | None:
    return str(call_id) if call_id or call_id == 0 else None


def _render_hosted(message: Mapping[str, object]) -> str:
    """Return the calls that a vendor made itself, and the files that they left, in words for other vendors."""
    records, files = (value if isinstance(value := message.get(key), list) else [] for key in ("hosted", "files"))
    lines = [render_record(record) for record in records if isinstance(record, Mapping)]
    names = [file.get("name") or file.get("id") or "unnamed" for file in files if isinstance(file, Mapping)]
    return "\n".join([*lines, *(f"[file: {name}]" for name in names)])


def render_record(record: Mapping[str, object]) -> str:
    """Return the record of a call that a vendor made itself, in a few words."""
    tool = str(record.get("tool")).replace("_", " ")
    request, output = record.get("input"), record.get("output")
    if isinstance(request, Mapping):
        sources = request.get("sources")
        output = output if output is not None or not isinstance(sources, list) else sources
        request = request.get("query") or request.get("url") or request.get("queries") or request
    if isinstance(output, list):
        output = f"{len(output)} result{'' if len(output) == 1 else 's'}"
    asked = f": {_shorten(request)}" if request else ""
    return f"[{tool}{asked} → {_shorten(output)}]" if output else f"[{tool}{asked}]"


def _shorten(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_RECORD else f"{text[: _LONGEST_RECORD - 1]}…"
