"""The pattern in which a human selects."""

from __future__ import annotations

from ..._handoffs.targets import AskUserTarget, TargetLike
from ...agent import Agent
from .pattern import Pattern

__all__ = ["ManualPattern"]


class ManualPattern(Pattern):
    """Without a hand-off, the human picks the next speaker."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return AskUserTarget()
