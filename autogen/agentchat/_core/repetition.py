"""Noticing that an agent goes on saying the same: a chat that goes in circles costs money and leads nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.conversable_agent")

NOTICED = 3  # the same message so often in a row is worth a word

SILENT = "only empty messages. Nothing of what it is made of has an answer, so it says its default_auto_reply"


class RepeatCounter:
    """What an agent said to a peer last, and how often in a row."""

    __slots__ = ("longest", "times", "what")

    def __init__(self, what: Any) -> None:
        self.what = what
        self.times = self.longest = 1

    def again(self, what: Any) -> int:
        """Take in the next message; returns how often in a row this one was said."""
        if what != self.what:
            self.what, self.times = what, 1
            return 1
        self.times = times = self.times + 1
        if times > self.longest:  # quicker than `max`
            self.longest = times
        return times


def note(counters: MutableMapping[Agent, RepeatCounter], agent: Agent, peer: Agent, message: Message | str) -> None:
    """Take in what an agent says to a peer. The third time the same is logged."""
    what = message if isinstance(message, str) else message_fingerprint(message)
    said = counters.get(peer)
    if said is None:
        counters[peer] = RepeatCounter(what)
    elif said.again(what) == NOTICED:
        logger.warning(
            "Agent %r says %s, %d times in a row, to %r. "
            "is_termination_msg, max_turns or max_consecutive_auto_reply can end such a chat.",
            agent.name,
            f"the same: {what!r:.200}" if what else SILENT,
            NOTICED,
            peer.name,
        )


def longest_runs(counters: Iterable[tuple[str, RepeatCounter | None]]) -> dict[str, int]:
    """Return how often agents sent the same message in a row, by their names; without those that rarely did."""
    runs = [(name, counter.longest) for name, counter in counters if counter is not None]
    return {name: times for name, times in sorted(runs, key=lambda run: run[1]) if times >= NOTICED}


def message_fingerprint(message: Message) -> Any:
    """What makes two messages the same: their content and calls. The ids of calls are never the same."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if call]
    if call := message.get("function_call"):
        calls.append(call)
    return (message.get("content"), calls) if calls else message.get("content")
