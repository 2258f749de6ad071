"""Runs of a queue: each begins after those before it, whose summaries it takes over."""

from __future__ import annotations

from typing import Any

from ..._steps import Steps, invoke
from ...control import ChatControl
from ...types import ChatQueue
from .._chats.sequence import add_sender, prepare_chat, validate_queue
from .._core.result import ChatResult
from .run import Run, convert_summary


def make_sequence(chat_queue: ChatQueue, sender: Any) -> list[Run]:
    """Make the runs of a queue. Using one of them runs those before it.

    Raises:
        AssertionError: A chat has no recipient, or its summary method is not available.
    """
    # Copies: the queue of the program stays as it is.
    chats = add_sender(chat_queue, sender)
    validate_queue(chats)
    runs: list[Run] = []
    for chat in chats:
        runs.append(_make_link(chat, list(runs)))
    return runs


def _make_link(chat: dict[str, Any], earlier: list[Run]) -> Run:
    def start(control: ChatControl | None) -> Steps[tuple[ChatResult, None]]:
        finished: dict[int, ChatResult] = {}
        for number, run in enumerate(earlier):
            run.check_unread()
            try:
                yield from invoke(run.complete, run.a_complete, True)
            except Exception as error:
                raise RuntimeError(f"Chat {number} of the queue failed, so this one can't begin: {error}") from error
            assert run.outcome is not None
            finished[number] = run.outcome.result
        arguments = prepare_chat(chat, finished)
        if control is not None:
            arguments["control"] = control
        sender = arguments["sender"]
        result = yield from invoke(sender.initiate_chat, sender.a_initiate_chat, **arguments)
        return convert_summary(result), None

    return Run(start, [chat["sender"], chat["recipient"]], chat.get("control"))
