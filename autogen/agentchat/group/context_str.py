"""AG2's path for the templates of context variables."""

from __future__ import annotations

from .context_variables import ContextStr

__all__ = ["ContextStr"]
