"""Detection of repeated messages: a chat that goes in circles costs money and leads nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping

from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.conversable_agent")

REPORTED_TIMES = 3
"""Number of equal messages in a row that is logged."""

EMPTY_MESSAGES = "only empty messages: none of its reply functions has a reply, so it sends its default_auto_reply"


class RepeatCounter:
    """Last message of an agent to a peer, and how often it was sent in a row.

    Attributes:
        fingerprint: Fingerprint of the last message.
        times: How often it was sent in a row.
        longest: Longest run of equal messages.
    """

    __slots__ = ("fingerprint", "longest", "times")

    def __init__(self, fingerprint: object) -> None:
        self.fingerprint = fingerprint
        self.times = self.longest = 1

    def count(self, fingerprint: object) -> int:
        """Count the next message; return how often in a row it was sent."""
        if fingerprint != self.fingerprint:
            self.fingerprint, self.times = fingerprint, 1
            return 1
        self.times = times = self.times + 1
        # faster than `max`, and this runs on every message
        if times > self.longest:
            self.longest = times
        return times


def count_message(counters: MutableMapping[Agent, RepeatCounter], agent: Agent, peer: Agent, message: Message | str) -> None:
    """Count a message of `agent` to `peer`. The third equal message in a row is logged."""
    # text is its own fingerprint, which is the usual case
    fingerprint = message if isinstance(message, str) else message_fingerprint(message)
    counter = counters.get(peer)
    if counter is None:
        counters[peer] = RepeatCounter(fingerprint)
    # exactly, so that a longer run is not logged again
    elif counter.count(fingerprint) == REPORTED_TIMES:
        logger.warning(
            "Agent %r sends %s, %d times in a row, to %r. "
            "is_termination_msg, max_turns or max_consecutive_auto_reply can end such a chat.",
            agent.name,
            f"the same message: {fingerprint!r:.200}" if fingerprint else EMPTY_MESSAGES,
            REPORTED_TIMES,
            peer.name,
        )


def find_repetitions(counters: Iterable[tuple[str, RepeatCounter | None]]) -> dict[str, int]:
    """Return how often agents sent the same message in a row, by their names; without those that rarely did."""
    runs = [(name, counter.longest) for name, counter in counters if counter is not None]
    return {name: times for name, times in sorted(runs, key=lambda run: run[1]) if times >= REPORTED_TIMES}


def message_fingerprint(message: Message) -> object:
    """Return a value that equal messages share: their content and calls. The ids of calls always differ."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if call]
    if call := message.get("function_call"):
        calls.append(call)
    return (message.get("content"), calls) if calls else message.get("content")
