"""Search with Google, and on YouTube."""

from __future__ import annotations

from .google_search import GoogleSearchTool
from .youtube_search import YoutubeSearchTool

__all__ = ["GoogleSearchTool", "YoutubeSearchTool"]
