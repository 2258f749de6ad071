"""The kinds of events about what agents remember, read and plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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


@dataclass(kw_only=True)
class SkillUsed(Event):
    """The text of a skill, which an agent gets.

    Attributes:
        agent: Name of the agent.
        skill: Name of the skill.
        digest: SHA-256 of its files.
    """

    type: ClassVar[str] = "skill_used"
    agent: str
    skill: str
    digest: str


@dataclass(kw_only=True)
class PlanChanged(Event):
    """A plan that an agent has written.

    Attributes:
        agent: Name of the agent.
        items: The steps, each with `content` and `status`.
    """

    type: ClassVar[str] = "plan_changed"
    agent: str
    items: list[dict[str, Any]]
