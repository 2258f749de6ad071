"""Nested chats: an agent that answers by holding chats of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..._steps import is_coroutine_function
from ...operations import replay_safe
from ..agent import Agent, Message
from .sequence import ChatSpec, a_initiate_chats, initiate_chats

if TYPE_CHECKING:
    from ..conversable_agent import ConversableAgent

SUMMARY = "summary_from_nested_chats"


def chats_to_run(
    chat_queue: list[ChatSpec], recipient: Agent, messages: list[Message] | None, sender: Agent | None, config: Any
) -> list[ChatSpec]:
    """The chats of a nested queue that have something to begin with. The entries are copies.

    The first chat begins with the last outer message where it has none of its own; later ones without a message are
    left out.
    """
    last = messages[-1].get("content") if messages else None
    ready = []
    for position, entry in enumerate(chat_queue):
        message = entry.get("message")
        if message is None and position == 0:
            message = last
        if callable(message):
            message = message(recipient, messages, sender, config)
        if message:
            ready.append({**entry, "sender": entry.get("sender") or recipient, "message": message})
    return ready


def last_summary(
    chat_queue: list[ChatSpec],
    recipient: ConversableAgent,
    messages: list[Message] | None,
    sender: Agent | None,
    config: Any,
) -> tuple[bool, Any]:
    """Hold the chats; the summary of the last one is the answer."""
    ready = recipient._get_chats_to_run(chat_queue, recipient, messages, sender, config)
    return True, _as_reply(initiate_chats(ready)[-1].summary) if ready else None


async def a_last_summary(
    chat_queue: list[ChatSpec],
    recipient: ConversableAgent,
    messages: list[Message] | None,
    sender: Agent | None,
    config: Any,
) -> tuple[bool, Any]:
    """`last_summary` for queues with prerequisites."""
    ready = recipient._get_chats_to_run(chat_queue, recipient, messages, sender, config)
    if not ready:
        return True, None
    results = await a_initiate_chats(ready)
    return True, _as_reply(results[ready[-1]["chat_id"]].summary)


def _as_reply(summary: Any) -> str | Message:
    """A summary as something that can be sent: a callable may have made anything."""
    return summary if isinstance(summary, (str, dict)) else str(summary)


def nested_reply(chat_queue: list[ChatSpec], answer: Any, use_async: bool | None) -> Callable[..., Any]:
    """The reply function that holds the queue and lets `answer` make a reply of it.

    Raises:
        ValueError: `answer` is not usable in this form, or an asynchronous queue has a chat without an id.
    """
    if use_async:
        for entry in chat_queue:
            if entry.get("chat_id") is None:
                raise ValueError("With use_async each chat of the queue needs a chat_id.")
    if answer == SUMMARY:
        answer = _agents_a_last_summary if use_async else _agents_last_summary
    if not callable(answer) or (use_async and not is_coroutine_function(answer)):
        form = "a coroutine function" if use_async else "callable"
        raise ValueError(f"reply_func_from_nested_chats must be {form} or {SUMMARY!r}, not {answer!r}.")
    if not use_async:

        @wraps(answer)
        def reply(
            recipient: ConversableAgent,
            messages: list[Message] | None = None,
            sender: Agent | None = None,
            config: Any = None,
        ) -> Any:
            return answer(chat_queue, recipient, messages, sender, config)

        return reply

    @wraps(answer)
    async def a_reply(
        recipient: ConversableAgent,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: Any = None,
    ) -> Any:
        return await answer(chat_queue, recipient, messages, sender, config)

    return a_reply


@replay_safe
@wraps(last_summary)
def _agents_last_summary(chat_queue: list[ChatSpec], recipient: ConversableAgent, *details: Any) -> Any:
    return recipient._summary_from_nested_chats(chat_queue, recipient, *details)


@replay_safe
@wraps(a_last_summary)
async def _agents_a_last_summary(chat_queue: list[ChatSpec], recipient: ConversableAgent, *details: Any) -> Any:
    return await recipient._a_summary_from_nested_chats(chat_queue, recipient, *details)
