"""AG2's path for the hand-offs that a model decides."""

from __future__ import annotations

from .conditions import OnCondition

__all__ = ["OnCondition"]
