"""Expressions over context variables."""

from __future__ import annotations

from .._handoffs.context_expression import (
    ContextExpression,
)

__all__ = [
    "ContextExpression",
]
