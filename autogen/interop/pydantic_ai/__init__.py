"""Tools of pydantic-ai as tools of agents."""

from __future__ import annotations

from .pydantic_ai import PydanticAIInteroperability

__all__ = ["PydanticAIInteroperability"]
