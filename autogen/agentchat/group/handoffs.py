"""Hand-offs of an agent."""

from __future__ import annotations

from ..._lazy_imports import deprecate
from .._handoffs.handoffs import (
    Handoffs,
    get_handoffs,
)

__all__ = [
    "Handoffs",
    "get_handoffs",
]

__getattr__ = deprecate(globals(), {"handoffs_of": "get_handoffs"})
