"""Repair of the order of a history before a request: calls, their results, and messages without content.

An endpoint accepts a history in which every call is followed by its results, no result lacks its call, and no content is
null. Users cut, resume and mix histories, so a copy is repaired for each request. What is inside a message (ids, arguments,
text, thinking) is repaired for the endpoint later, by `oai/_responses/history.py`.
"""

from __future__ import annotations

import operator
from collections import defaultdict

from ..agent import Message

NO_RESULT = "There is no result of this call."


def repair_history(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """Return the repaired messages, and notes about the repairs for the log. Valid messages are not copied."""
    results = _index_results(messages)
    moved: set[int] = set()
    ordered: list[Message] = []
    notes: list[str] = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            # Some servers give calls no ids: such a result can't be matched, and stays where it is.
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
    # Valid histories are passed on as they are.
    is_unchanged = len(ordered) == len(messages) and all(map(operator.is_, ordered, messages))
    return (messages if is_unchanged else ordered), notes


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
