"""Tools of CrewAI as tools of agents."""

from __future__ import annotations

from .crewai import CrewAIInteroperability

__all__ = ["CrewAIInteroperability"]
