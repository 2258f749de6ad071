"""AG2's path for events under their names of 0.7, when they were messages. `autogen.events` has the present names."""

from __future__ import annotations

from .base_message import BaseMessage, get_annotated_type_for_message_classes, wrap_message

__all__ = ["BaseMessage", "get_annotated_type_for_message_classes", "wrap_message"]
