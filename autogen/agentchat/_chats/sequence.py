"""Sequences of chats, in which the summaries of earlier chats carry over to later ones."""

from __future__ import annotations

import asyncio
import warnings
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from ... import events
from ..._steps import get_callable_name
from ...types import ChatQueue, ChatSpec
from .._core.argument_checks import warn_of_misspelt_context
from .._core.display import is_silent, show_chat_banner
from .._core.result import ChatResult, StopReason, consolidate_chat_info

Entry: TypeAlias = dict[str, Any]
Prerequisite: TypeAlias = tuple[int, int]


def initiate_chats(chat_queue: ChatQueue) -> list[ChatResult]:
    """Run chats one after another; the summaries of earlier chats carry over to later ones.

    A chat that waits for an answer is the last one: its result ends the list.

    Args:
        chat_queue: The arguments of `initiate_chat` for each chat, and its `sender`. `carryover` adds to the summaries,
            `finished_chat_indexes_to_exclude_from_carryover` leaves some of them out. The entries are not changed.

    Raises:
        AssertionError: An entry lacks its sender or recipient, or its summary method is not available.
        TypeError: A carryover is neither text nor a list.
    """
    validate_queue(chat_queue)
    results: list[ChatResult] = []
    for chat in chat_queue:
        arguments = prepare_chat(chat, dict(enumerate(results)))
        results.append(arguments["sender"].initiate_chat(**arguments))
        # The later chats need its summary.
        if _is_waiting(results[-1]):
            break
    return results


async def a_initiate_chats(chat_queue: ChatQueue) -> dict[int, ChatResult]:
    """Run chats concurrently, each as soon as its prerequisites are finished, whose summaries carry over to it.

    Args:
        chat_queue: As for `initiate_chats`, and for each chat a `chat_id` and its `prerequisites`, a list of ids.

    Returns:
        The results by id, in an order that the prerequisites allow; without chats whose prerequisites wait for an answer.

    Raises:
        ValueError: A chat has no id, two have the same one, a prerequisite is unknown, or they form a cycle.
    """
    validate_queue(chat_queue)
    chats = _index_by_id(chat_queue)
    order = _sort({chat_id: chat.get("prerequisites") or [] for chat_id, chat in chats.items()})
    tasks: dict[Hashable, asyncio.Task[ChatResult | None]] = {}

    # Chats of the same two agents would mix their histories, so they wait for each other.
    locks: defaultdict[frozenset[int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(chat_id: Any) -> ChatResult | None:
        chat = chats[chat_id]
        finished = {prerequisite: await tasks[prerequisite] for prerequisite in chat.get("prerequisites") or []}
        results = {key: result for key, result in finished.items() if result is not None and not _is_waiting(result)}
        if len(results) < len(finished):
            return None
        arguments = prepare_chat(chat, results)
        async with locks[frozenset((id(arguments["sender"]), id(arguments["recipient"])))]:
            result: ChatResult = await arguments["sender"].a_initiate_chat(**arguments)
        result.chat_id = chat_id
        return result

    for chat_id in order:
        tasks[chat_id] = asyncio.ensure_future(run(chat_id))
    try:
        await asyncio.gather(*tasks.values())
    finally:
        # After a failure the other chats are cancelled, and waited for.
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    results = ((chat_id, task.result()) for chat_id, task in tasks.items())
    return {chat_id: result for chat_id, result in results if result is not None}  # type: ignore[misc]


def _is_waiting(result: ChatResult) -> bool:
    return result.stop_reason is StopReason.WAITING


def add_sender(chat_queue: ChatQueue, sender: object) -> list[Entry]:
    """Return copies of the chats; those without a sender get this one."""
    return [{**chat, "sender": chat.get("sender") or sender} for chat in chat_queue]


def validate_queue(chat_queue: ChatQueue) -> None:
    """Check the chats of a queue.

    Raises:
        AssertionError: An entry lacks its sender or recipient, or its summary method is not available.
    """
    warn_of_misspelt_context(*chat_queue)
    consolidate_chat_info(chat_queue)
    if len({id(chat["recipient"]) for chat in chat_queue}) < len(chat_queue):
        warnings.warn(
            "Some chats of the queue have the same recipient: each clears the history of the one before, "
            "unless clear_history=False.",
            UserWarning,
            stacklevel=3,
        )


def prepare_chat(chat: ChatSpec | Mapping[str, Any], finished: Mapping[Any, ChatResult]) -> Entry:
    """Return the arguments of a chat, with its carryover, and announce the chat."""
    carryover = chat.get("carryover")
    if carryover is None or isinstance(carryover, str):
        carryover = [carryover] if carryover else []
    if not isinstance(carryover, list):
        raise TypeError(f"The carryover of a chat must be a string or a list, got a {type(carryover).__name__}.")
    excluded = chat.get("finished_chat_indexes_to_exclude_from_carryover") or ()
    summaries = [result.summary for key, result in finished.items() if key not in excluded]
    arguments = {**chat, "carryover": carryover + summaries}
    if events.has_listeners and not chat.get("silent"):
        events.emit(_make_announcement(arguments))
    if not (chat.get("silent") or is_silent()):
        show_chat_banner(chat.get("message"), arguments["carryover"], bool(chat.get("verbose")))
    if "message" not in chat:
        warnings.warn("A chat of the queue has no message: its sender will be asked for one.", UserWarning, stacklevel=3)
    return arguments


def _make_announcement(arguments: Entry) -> events.ChatPrepared:
    message = arguments.get("message")
    return events.ChatPrepared(
        initiator=arguments["sender"].name,
        recipient=arguments["recipient"].name,
        message=get_callable_name(message) if callable(message) else message,
        carryover=arguments["carryover"],
        options={
            name: arguments[name] for name in ("verbose", "summary_method", "summary_args", "max_turns") if name in arguments
        },
    )


def _index_by_id(chat_queue: ChatQueue) -> dict[Hashable, ChatSpec | Mapping[str, Any]]:
    chats: dict[Hashable, ChatSpec | Mapping[str, Any]] = {}
    for index, chat in enumerate(chat_queue):
        chat_id = chat.get("chat_id")
        if chat_id is None:
            raise ValueError(f"Chat number {index} of the queue has no chat_id.")
        if chat_id in chats:
            raise ValueError(f"Two chats of the queue have the chat_id {chat_id!r}.")
        chats[chat_id] = chat
    return chats


def _sort(prerequisites: Mapping[Hashable, Sequence[Hashable]]) -> list[Hashable]:
    """Sort chat ids so that each follows its prerequisites."""
    for chat_id, required in prerequisites.items():
        if unknown := [other for other in required if other not in prerequisites]:
            raise ValueError(f"Chat {chat_id!r} waits for chats that are not in the queue: {unknown}.")
    try:
        return list(TopologicalSorter(prerequisites).static_order())
    except CycleError as error:
        raise ValueError(f"Chats of the queue wait for each other: {error.args[1]}.") from error
