"""Messages of other platforms."""

from __future__ import annotations

from .discord import DiscordRetrieveTool, DiscordSendTool
from .slack import SlackRetrieveRepliesTool, SlackRetrieveTool, SlackSendTool

__all__ = [
    "DiscordRetrieveTool",
    "DiscordSendTool",
    "SlackRetrieveRepliesTool",
    "SlackRetrieveTool",
    "SlackSendTool",
]
