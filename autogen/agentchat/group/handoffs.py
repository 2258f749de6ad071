"""The hand-offs of an agent."""

from __future__ import annotations

from .._handoffs.handoffs import (
    Handoffs,
    get_handoffs,
)

__all__ = [
    "Handoffs",
    "handoffs_of",
]
