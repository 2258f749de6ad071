"""The pattern in which a random member speaks next."""

from __future__ import annotations

from ..._handoffs.targets import RandomAgentTarget, TargetLike
from ...agent import Agent
from .pattern import Pattern

__all__ = ["RandomPattern"]


class RandomPattern(Pattern):
    """Without a hand-off, a random other member speaks next."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return RandomAgentTarget(members)

    _get_user_after_work = _get_after_work
