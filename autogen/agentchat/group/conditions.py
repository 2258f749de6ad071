"""Conditions of hand-offs: judged by a model, or evaluated on data."""

from __future__ import annotations

from .._handoffs.conditions import (
    AvailableCondition,
    ContextCondition,
    ContextStrLLMCondition,
    DataCondition,
    ExpressionAvailableCondition,
    ExpressionContextCondition,
    LLMCondition,
    OnCondition,
    OnContextCondition,
    StringAvailableCondition,
    StringContextCondition,
    StringLLMCondition,
    is_available,
)

__all__ = [
    "AvailableCondition",
    "ContextCondition",
    "ContextStrLLMCondition",
    "DataCondition",
    "ExpressionAvailableCondition",
    "ExpressionContextCondition",
    "LLMCondition",
    "OnCondition",
    "OnContextCondition",
    "StringAvailableCondition",
    "StringContextCondition",
    "StringLLMCondition",
    "is_available",
]
