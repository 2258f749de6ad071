"""The kinds of events about the memory of agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._event import Event


@dataclass(kw_only=True)
class MemoriesRecalled(Event):
    """Memories that the model sees with a message.

    Attributes:
        agent: Name of the agent.
        memories: The memories in words, best first.
        memo_ids: Their numbers in the store.
    """

    type: ClassVar[str] = "memories_recalled"
    agent: str
    memories: list[str]
    memo_ids: list[int]
