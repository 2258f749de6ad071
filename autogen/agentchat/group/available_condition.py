"""AG2's path for the conditions to offer a hand-off."""

from __future__ import annotations

from .conditions import AvailableCondition, ExpressionAvailableCondition, StringAvailableCondition

__all__ = ["AvailableCondition", "ExpressionAvailableCondition", "StringAvailableCondition"]
