"""AG2's path for the hand-offs that data decides."""

from __future__ import annotations

from .conditions import OnContextCondition

__all__ = ["OnContextCondition"]
