"""Units of a history: messages that a model must see together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..agent import Message

Unit = list[int]
"""Positions of the messages of a unit, in ascending order: a message without calls, or calls and all of their results."""


def split_units(messages: Sequence[Message]) -> list[Unit]:
    """Split a history into units, in the order of their first messages.

    A result belongs to the last message before it that has a call with its id. A result without an id belongs to the message
    before it. A result whose call is missing is in no unit.
    """
    units: list[Unit] = []
    callers: dict[object, Unit] = {}
    # The unit of the message before.
    previous: Unit | None = None
    for index, message in enumerate(messages):
        ids = _get_result_ids(message)
        if ids is None:
            previous = [index]
            units.append(previous)
            for call in message.get("tool_calls") or ():
                if isinstance(call, dict) and call.get("id") is not None:
                    callers[call["id"]] = previous
            continue
        if ids:
            previous = _merge([callers[call_id] for call_id in ids if call_id in callers], callers)
        if previous is not None:
            previous.append(index)
    # A unit that was merged into another one is empty.
    return [unit for unit in units if unit]


def split_newest(messages: Sequence[Message], count: int) -> tuple[list[Unit], int]:
    """Split the end of a history into units, without a look at the rest of it.

    Args:
        messages: History.
        count: Number of messages at the end.

    Returns:
        The units that begin there, and the position of the first message that was looked at. All other units begin before.
    """
    start = max(len(messages) - count, 0)
    if start and any(_answers_both_sides(messages, start)):
        start = 0
    return [[position + start for position in unit] for unit in split_units(messages[start:])], start


def split_oldest(messages: Sequence[Message], count: int) -> list[Unit]:
    """Return the units at the start of a history that are complete within a number of messages.

    Args:
        messages: History.
        count: Number of messages at the start.
    """
    part = messages[:count]
    units = split_units(part)
    if count >= len(messages):
        return units
    answered = {call_id for message in part for call_id in _get_result_ids(message) or ()}
    for number, unit in enumerate(units):
        calls = (call for position in unit for call in part[position].get("tool_calls") or () if isinstance(call, dict))
        # A result without an id may follow the last message.
        if unit[-1] == count - 1 or any(call.get("id") not in answered for call in calls):
            return units[:number]
    return units


def _answers_both_sides(messages: Sequence[Message], start: int) -> Iterator[bool]:
    """Yield, for each message from `start` on, whether it has results of calls before and after `start`."""
    calls: set[object] = set()
    for message in messages[start:]:
        calls.update(call.get("id") for call in message.get("tool_calls") or () if isinstance(call, dict))
        ids = _get_result_ids(message) or ()
        yield 0 < sum(call_id in calls for call_id in ids) < len(ids)


def find_simple_unit(messages: Sequence[Message], position: int) -> Unit | None:
    """Return the unit of a message without a look at the rest of the history; None if it has calls or results."""
    following = messages[position + 1 : position + 2]
    is_simple = not (messages[position].get("tool_calls") or is_result(messages[position]))
    return [position] if is_simple and not any(map(is_result, following)) else None


def is_result(message: Message) -> bool:
    """Return True if a message has results of calls."""
    return _get_result_ids(message) is not None


def _get_result_ids(message: Message) -> tuple[object, ...] | None:
    """Return the ids of the calls that a message has results of; None if it has no results."""
    if responses := message.get("tool_responses"):
        ids = (response.get("tool_call_id") for response in responses if isinstance(response, dict))
        return tuple(call_id for call_id in ids if call_id is not None)
    role = message.get("role")
    if role == "tool":
        call_id = message.get("tool_call_id")
        return () if call_id is None else (call_id,)
    return () if role == "function" else None


def _merge(units: list[Unit], callers: dict[object, Unit]) -> Unit | None:
    """Merge the units that a message has results for, and return the result; None if there are none."""
    if not units:
        return None
    merged = units[0]
    for other in units[1:]:
        if other is merged:
            continue
        merged += other
        merged.sort()
        for call_id in [call_id for call_id, unit in callers.items() if unit is other]:
            callers[call_id] = merged
        other.clear()
    return merged
