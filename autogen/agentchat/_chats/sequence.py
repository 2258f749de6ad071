"""Queues of chats: each chat may take over the summaries of earlier ones."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Hashable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from .._core.display import show_chat_banner
from .._core.result import ChatResult
from ..utils import consolidate_chat_info

ChatSpec: TypeAlias = dict[str, Any]
Prerequisite: TypeAlias = tuple[int, int]

EXCLUDED = "finished_chat_indexes_to_exclude_from_carryover"


def initiate_chats(chat_queue: list[ChatSpec]) -> list[ChatResult]:
    """Hold chats one after another; each takes over the summaries of those before it.

    Args:
        chat_queue: For each chat the arguments of `initiate_chat`, and `sender`. `carryover` adds to what is taken over,
            `finished_chat_indexes_to_exclude_from_carryover` leaves chats out of it. The entries are not changed.

    Raises:
        AssertionError: An entry lacks its sender or recipient, or its summary method is not available.
        TypeError: A carry-over is neither text nor a list.
    """
    _check(chat_queue)
    results: list[ChatResult] = []
    for entry in chat_queue:
        ready = _with_carryover(entry, dict(enumerate(results)))
        results.append(ready["sender"].initiate_chat(**ready))
    return results


async def a_initiate_chats(chat_queue: list[ChatSpec]) -> dict[int, ChatResult]:
    """Hold chats concurrently, each as soon as its prerequisites are done, whose summaries it takes over.

    Args:
        chat_queue: As for `initiate_chats`, and for each chat a `chat_id` and its `prerequisites`, a list of ids.

    Returns:
        The results by id, in an order that the prerequisites allow.

    Raises:
        ValueError: A chat has no id, two have the same one, a prerequisite is unknown, or they form a cycle.
    """
    _check(chat_queue)
    entries = _by_id(chat_queue)
    order = _order({chat_id: entry.get("prerequisites") or [] for chat_id, entry in entries.items()})
    tasks: dict[Any, asyncio.Task[ChatResult]] = {}

    async def hold(chat_id: Any) -> ChatResult:
        entry = entries[chat_id]
        ready = _with_carryover(entry, {before: await tasks[before] for before in entry.get("prerequisites") or []})
        result: ChatResult = await ready["sender"].a_initiate_chat(**ready)
        result.chat_id = chat_id
        return result

    for chat_id in order:
        tasks[chat_id] = asyncio.ensure_future(hold(chat_id))
    try:
        await asyncio.gather(*tasks.values())
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {chat_id: task.result() for chat_id, task in tasks.items()}


def with_sender(chat_queue: Iterable[ChatSpec], sender: Any) -> list[ChatSpec]:
    """The entries, each with a sender: its own, or this one."""
    return [{**entry, "sender": entry.get("sender") or sender} for entry in chat_queue]


def _check(chat_queue: list[ChatSpec]) -> None:
    consolidate_chat_info(chat_queue)
    if len({id(entry["recipient"]) for entry in chat_queue}) < len(chat_queue):
        warnings.warn(
            "Some chats of the queue have the same recipient: each clears the history of the one before, "
            "unless clear_history=False.",
            UserWarning,
            stacklevel=3,
        )


def _with_carryover(entry: ChatSpec, finished: Mapping[Any, ChatResult]) -> ChatSpec:
    """The arguments for one chat, with what it takes over. Announces the chat."""
    own = entry.get("carryover")
    if own is None or isinstance(own, str):
        own = [own] if own else []
    if not isinstance(own, list):
        raise TypeError(f"The carryover of a chat must be a string or a list, not a {type(own).__name__}.")
    excluded = entry.get(EXCLUDED) or ()
    ready = {**entry, "carryover": own + [chat.summary for key, chat in finished.items() if key not in excluded]}
    if entry.get("silent"):
        return ready
    show_chat_banner(ready)
    if "message" not in entry:
        warnings.warn("A chat of the queue has no message: its sender will be asked for one.", UserWarning, stacklevel=3)
    return ready


def _by_id(chat_queue: list[ChatSpec]) -> dict[Any, ChatSpec]:
    entries: dict[Any, ChatSpec] = {}
    for position, entry in enumerate(chat_queue):
        chat_id = entry.get("chat_id")
        if chat_id is None:
            raise ValueError(f"Chat number {position} of the queue has no chat_id.")
        if chat_id in entries:
            raise ValueError(f"Two chats of the queue have the chat_id {chat_id!r}.")
        entries[chat_id] = entry
    return entries


def _order(prerequisites: Mapping[Any, list[Hashable]]) -> list[Any]:
    for chat_id, before in prerequisites.items():
        if unknown := [other for other in before if other not in prerequisites]:
            raise ValueError(f"Chat {chat_id!r} waits for chats that are not in the queue: {unknown}.")
    try:
        return list(TopologicalSorter(prerequisites).static_order())
    except CycleError as error:
        raise ValueError(f"Chats of the queue wait for each other: {error.args[1]}.") from error
