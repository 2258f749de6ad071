"""Histories that every endpoint accepts: each call is followed by its results, no result lacks its call, no content is null.

A history gets out of order by what users do with it (cutting, resuming, several speakers). Endpoints answer that with an
error that ends the chat, so it is put right just before a request. The stored history stays as it is.
"""

from __future__ import annotations

from collections import defaultdict

from ..agent import Message

NO_RESULT = "There is no result of this call."


def repair_history(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """The messages in order, and what was put right, for the log. Nothing is copied that is in order."""
    if _is_plain(messages):
        return messages, []
    results = _results(messages)
    placed: set[int] = set()
    ordered: list[Message] = []
    notes: list[str] = []
    for position, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") is None:  # a server that numbers no calls
                ordered.append(message)
            continue
        ordered.append({**message, "content": ""} if _is_null(message) else message)
        if _is_null(message):
            notes.append(f"message {position} had no content")
        for call in message.get("tool_calls") or ():
            if call.get("id") is None:
                continue
            found = next((place for place in results[call["id"]] if place > position and place not in placed), None)
            if found is None:
                ordered.append({"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT})
                notes.append(f"the call {call['id']} had no result")
            else:
                ordered.append(messages[found])
                placed.add(found)
    for call_id, places in results.items():
        notes += [
            f"the result {place} of {call_id} had no call, and was left out" for place in places if place not in placed
        ]
    return ordered, notes


def _is_plain(messages: list[Message]) -> bool:
    """Whether there is nothing that could be out of order. A loop of its own: it is most of what a long history costs."""
    for message in messages:
        if message.get("tool_calls") or message.get("role") == "tool":
            return False
        if message.get("content") is None and _is_null(message):
            return False
    return True


def _results(messages: list[Message]) -> defaultdict[str, list[int]]:
    """Where the results of each call are."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for position, message in enumerate(messages):
        if message.get("role") == "tool" and message.get("tool_call_id") is not None:
            places[message["tool_call_id"]].append(position)
    return places


def _is_null(message: Message) -> bool:
    calls = message.get("tool_calls") or message.get("function_call")
    return message.get("content") is None and not calls
