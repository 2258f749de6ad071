"""Messages of Slack."""

from __future__ import annotations

from .slack import SlackRetrieveRepliesTool, SlackRetrieveTool, SlackSendTool

__all__ = [
    "SlackRetrieveRepliesTool",
    "SlackRetrieveTool",
    "SlackSendTool",
]
