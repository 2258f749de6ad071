"""Search and pages of Wikipedia."""

from __future__ import annotations

from .wikipedia import WikipediaPageLoadTool, WikipediaQueryRunTool

__all__ = ["WikipediaPageLoadTool", "WikipediaQueryRunTool"]
