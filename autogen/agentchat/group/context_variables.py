"""Context variables that the agents of a group chat share, and templates filled from them."""

from __future__ import annotations

from .._handoffs.context_variables import (
    ContextStr,
    ContextVariables,
    UpdateSystemMessage,
)

__all__ = [
    "ContextStr",
    "ContextVariables",
    "UpdateSystemMessage",
]
