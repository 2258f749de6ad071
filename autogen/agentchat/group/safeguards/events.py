"""AG2's path for the event of safeguards."""

from ....events.agent_events import SafeguardEvent

__all__ = ["SafeguardEvent"]
