"""Forms of messages, and the repair of histories before a request.

An endpoint accepts a history in which every call is followed by its results, no result lacks its call, and no content is
null. Users cut, resume and mix histories, so a history is repaired just before a request; the stored one stays as it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..agent import Message

STORED_KEYS = ("content", "function_call", "tool_calls", "tool_responses", "tool_call_id", "name", "context", "receivers")
"""Keys that a history stores, in this order. Other keys of a message apply to its delivery only."""

NAME_PATTERN = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_TOOL_NAMESPACE = re.compile(r"^(?:functions|default_api)[._]")


def strip_namespace(name: str) -> str:
    """Return the name of a tool without the namespace that some endpoints show to their models, such as `functions.`."""
    return _TOOL_NAMESPACE.sub("", name)


def as_dict(message: Message | str | Mapping[str, object]) -> Message:
    """Return a message as a dict: text becomes its content, a dict stays as it is.

    Raises:
        TypeError, ValueError: if `message` is neither text nor accepted by `dict`.
    """
    if isinstance(message, str):
        return {"content": message}
    return message if isinstance(message, dict) else dict(message)


def to_stored_form(message: Message, role: str, speaker: str) -> Message | None:
    """Return a message as a history stores it, or None if it has neither content nor calls.

    Args:
        message: Message as sent. It is not changed.
        role: `assistant` in the history of the sender, `user` in that of the receiver.
        speaker: Name of the sender.
    """
    # the usual message, without the detours below
    if len(message) == 1 and isinstance(text := message.get("content"), str):
        return {"content": text, "role": role, "name": speaker}
    stored = {key: message[key] for key in STORED_KEYS if message.get(key) is not None}
    # a key with None counts as missing, but a message with calls keeps a content of None: endpoints require the key
    if "content" not in stored:
        if "function_call" not in stored and "tool_calls" not in stored:
            return None
        stored = {"content": None, **stored}
    if stored.get("function_call") or stored.get("tool_calls"):
        # only a model calls, and endpoints accept calls from no other role
        stored["role"] = "assistant"
        return stored
    # results of calls keep their role on both sides
    role_as_sent = message.get("role")
    stored["role"] = role_as_sent if role_as_sent in ("function", "tool") else message.get("override_role", role)
    stored.setdefault("name", speaker)
    return stored


def unroll_tool_responses(messages: Iterable[Message]) -> list[Message]:
    """Return a history with a message for each tool response, as endpoints take it."""
    flat: list[Message] = []
    for message in messages:
        if "tool_responses" not in message or not message["tool_responses"]:
            flat.append(message)
            continue
        flat.extend(message["tool_responses"])
        # a message of another role has responses and a content of its own, such as human input beside interrupted calls
        if message.get("role") != "tool":
            flat.append({key: value for key, value in message.items() if key != "tool_responses"})
    return flat


def assert_valid_name(name: str) -> str:
    """Return the name of a function or tool if endpoints accept it.

    Raises:
        ValueError: if the name has other characters than ASCII letters, digits, `_`, `-`, or is too long or empty.
    """
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise ValueError(
            f"Invalid name: {name!r}. A function name has 1 to 64 characters: ASCII letters, digits, '_' and '-'."
        )
    return name


def normalize_name(name: str) -> str:
    """Return a function name made up by a model in a form that endpoints accept."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]


NO_RESULT = "There is no result of this call."


def repair_history(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """Return the repaired messages, and notes about the repairs for the log. Valid messages are not copied."""
    if _is_valid(messages):
        return messages, []
    results = _index_results(messages)
    moved: set[int] = set()
    ordered: list[Message] = []
    notes: list[str] = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            # some servers give calls no ids: such a result can't be matched, and stays where it is
            if message.get("tool_call_id") is None:
                ordered.append(message)
            continue
        ordered.append({**message, "content": ""} if _is_empty(message) else message)
        if _is_empty(message):
            notes.append(f"message {index} had no content")
        for call in message.get("tool_calls") or ():
            if call.get("id") is None:
                continue
            result = next((other for other in results[call["id"]] if other > index and other not in moved), None)
            if result is None:
                ordered.append({"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT})
                notes.append(f"the call {call['id']} had no result")
            else:
                ordered.append(messages[result])
                moved.add(result)
    for call_id, indexes in results.items():
        notes += [
            f"the result {index} of {call_id} had no call, and was left out" for index in indexes if index not in moved
        ]
    return ordered, notes


def _is_valid(messages: list[Message]) -> bool:
    """Return True if nothing can be out of order. One plain loop, because a long history spends most of its time here."""
    for message in messages:
        if message.get("tool_calls") or message.get("role") == "tool":
            return False
        if message.get("content") is None and _is_empty(message):
            return False
    return True


def _index_results(messages: list[Message]) -> defaultdict[str, list[int]]:
    """Return the indexes of the results of each call, by call id."""
    indexes: defaultdict[str, list[int]] = defaultdict(list)
    for index, message in enumerate(messages):
        if message.get("role") == "tool" and message.get("tool_call_id") is not None:
            indexes[message["tool_call_id"]].append(index)
    return indexes


def _is_empty(message: Message) -> bool:
    calls = message.get("tool_calls") or message.get("function_call")
    return message.get("content") is None and not calls
