"""AG2's path for the conditions that a model judges."""

from __future__ import annotations

from .conditions import ContextStrLLMCondition, LLMCondition, StringLLMCondition

__all__ = ["ContextStrLLMCondition", "LLMCondition", "StringLLMCondition"]
