"""AG2's path for the event of printed text, under its name of 0.7."""

from __future__ import annotations

from ..events import print_event as events
from ._aliases import make_message_class as _alias

__all__ = ["PrintMessage"]

PrintMessage = _alias(events.PrintEvent)
