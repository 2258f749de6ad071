"""Messages of Discord."""

from __future__ import annotations

from .discord import DiscordRetrieveTool, DiscordSendTool

__all__ = [
    "DiscordRetrieveTool",
    "DiscordSendTool",
]
