"""Questions to Perplexity."""

from __future__ import annotations

from .perplexity_search import PerplexitySearchTool

__all__ = ["PerplexitySearchTool"]
