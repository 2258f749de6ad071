"""AG2's path for the events of models, under their names of 0.7."""

from __future__ import annotations

from ..events import client_events as events
from ..events.client_events import ActualUsageSummary, ModelUsageSummary, TotalUsageSummary
from ._aliases import make_message_class as _alias

__all__ = ["ActualUsageSummary", "ModelUsageSummary", "StreamMessage", "TotalUsageSummary", "UsageSummaryMessage"]

StreamMessage = _alias(events.StreamEvent)
UsageSummaryMessage = _alias(events.UsageSummaryEvent)
