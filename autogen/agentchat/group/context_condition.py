"""AG2's path for the conditions on context variables."""

from __future__ import annotations

from .conditions import ContextCondition, ExpressionContextCondition, StringContextCondition

__all__ = ["ContextCondition", "ExpressionContextCondition", "StringContextCondition"]
