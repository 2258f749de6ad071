"""Search with DuckDuckGo."""

from __future__ import annotations

from .duckduckgo_search import DuckDuckGoSearchTool

__all__ = ["DuckDuckGoSearchTool"]
