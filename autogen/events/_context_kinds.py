"""The kinds of events about what a model sees of its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._event import Event


@dataclass(kw_only=True)
class ContextTransformed(Event):
    """History that a model sees in another form than it is stored. The event has no texts of messages.

    Attributes:
        agent: Name of the agent whose model sees it; empty if a program asked.
        transform: Class of the transform or model context; `length_guard` after an endpoint refused the request as too long.
        messages_before: Number of messages before.
        messages_after: Number of messages after.
        left_out: First and last position of each run of messages that are not shown, counted from 0 in the history.
        changed: Positions of messages that are shown in a changed form.
        effect: The effect, in words.
    """

    type: ClassVar[str] = "context_transformed"
    agent: str
    transform: str
    messages_before: int
    messages_after: int
    left_out: list[list[int]]
    changed: list[int]
    effect: str
