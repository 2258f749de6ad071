"""Helpers of AG2's group chats that programs import."""

from __future__ import annotations

from .._core.result import ChatResult

__all__ = ["cleanup_temp_user_messages"]


def cleanup_temp_user_messages(chat_result: ChatResult) -> None:
    """Remove the name of AG2's temporary user from the messages of a result. The groups of this package have none."""
    for message in chat_result.chat_history:
        if message.get("name") == "_User":
            del message["name"]
