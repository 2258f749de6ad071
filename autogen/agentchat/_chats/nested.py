"""Nested chats: an agent that replies by running chats of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..._steps import is_coroutine_function
from ...operations import replay_safe
from ...types import ChatQueue
from .._core.argument_checks import warn_of_misspelt_context
from .._core.protocols import AgentCore
from ..agent import Agent, Message
from .sequence import Entry, a_initiate_chats, initiate_chats

SUMMARY = "summary_from_nested_chats"


def select_chats(
    chat_queue: ChatQueue, recipient: Agent, messages: list[Message] | None, sender: Agent | None, config: object
) -> list[Entry]:
    """Return copies of the chats of a nested queue that have a first message.

    The first chat starts with the last outer message unless it has its own; later ones without a message are left out.
    """
    last_content = messages[-1].get("content") if messages else None
    chats = []
    for index, chat in enumerate(chat_queue):
        message = chat.get("message")
        if message is None and index == 0:
            message = last_content
        if callable(message):
            message = message(recipient, messages, sender, config)
        if message:
            chats.append({**chat, "sender": chat.get("sender") or recipient, "message": message})
    return chats


def run_and_summarize(
    chat_queue: ChatQueue,
    recipient: AgentCore,
    messages: list[Message] | None,
    sender: Agent | None,
    config: object,
) -> tuple[bool, str | Message | None]:
    """Run the chats one after another; the reply is the summary of the last one."""
    chats = recipient._get_chats_to_run(chat_queue, recipient, messages, sender, config)
    return True, _convert_summary(initiate_chats(chats)[-1].summary) if chats else None


async def a_run_and_summarize(
    chat_queue: ChatQueue,
    recipient: AgentCore,
    messages: list[Message] | None,
    sender: Agent | None,
    config: object,
) -> tuple[bool, str | Message | None]:
    """Run a queue with prerequisites; the reply is the summary of the last chat."""
    chats = recipient._get_chats_to_run(chat_queue, recipient, messages, sender, config)
    if not chats:
        return True, None
    results = await a_initiate_chats(chats)
    return True, _convert_summary(results[chats[-1]["chat_id"]].summary)


def _convert_summary(summary: object) -> str | Message:
    """Return a summary as a message; the program's summary method may have returned any object."""
    return summary if isinstance(summary, (str, dict)) else str(summary)


def make_nested_reply(chat_queue: ChatQueue, answer: Any, use_async: bool | None) -> Callable[..., Any]:
    """Make the reply function that runs a queue and lets `answer` turn it into a reply.

    Args:
        chat_queue: The chats.
        answer: SUMMARY, or a function `(chat_queue, recipient, messages, sender, config) -> (final, reply)`.
        use_async: True to run the chats concurrently.

    Raises:
        ValueError: `answer` is not usable in this mode, or an async queue has a chat without an id.
    """
    warn_of_misspelt_context(*chat_queue)
    if use_async and any(chat.get("chat_id") is None for chat in chat_queue):
        raise ValueError("With use_async each chat of the queue needs a chat_id.")
    if answer == SUMMARY:
        answer = _a_call_summary_method if use_async else _call_summary_method
    if not callable(answer) or (use_async and not is_coroutine_function(answer)):
        expected = "a coroutine function" if use_async else "callable"
        raise ValueError(f"reply_func_from_nested_chats must be {expected} or {SUMMARY!r}, got {answer!r}.")
    if not use_async:

        @wraps(answer)
        def reply(
            recipient: AgentCore,
            messages: list[Message] | None = None,
            sender: Agent | None = None,
            config: object = None,
        ) -> object:
            return answer(chat_queue, recipient, messages, sender, config)

        return reply

    @wraps(answer)
    async def a_reply(
        recipient: AgentCore,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: object = None,
    ) -> object:
        return await answer(chat_queue, recipient, messages, sender, config)

    return a_reply


# These two call the agent's methods, which programs override.


@replay_safe
@wraps(run_and_summarize)
def _call_summary_method(chat_queue: ChatQueue, recipient: AgentCore, *args: object) -> object:
    return recipient._summary_from_nested_chats(chat_queue, recipient, *args)


@replay_safe
@wraps(a_run_and_summarize)
async def _a_call_summary_method(chat_queue: ChatQueue, recipient: AgentCore, *args: object) -> object:
    return await recipient._a_summary_from_nested_chats(chat_queue, recipient, *args)
