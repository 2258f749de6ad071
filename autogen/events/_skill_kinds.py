"""The kinds of events about skills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._event import Event


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
