"""Search with Tavily."""

from __future__ import annotations

from .tavily_search import TavilySearchTool

__all__ = ["TavilySearchTool"]
