"""Tokens and cost of an agent."""

from __future__ import annotations

from ... import events
from ...io._event_streams import forward_events, has_event_reader
from ...io.base import IOStream
from ...types import UsageSummary
from .state import AgentState


class UsageMixin(AgentState):
    """Usage of an agent's model."""

    def get_actual_usage(self) -> UsageSummary | None:
        """Return cost and tokens without responses from the cache; None if there are none."""
        return None if self.client is None else self.client.actual_usage_summary

    def get_total_usage(self) -> UsageSummary | None:
        """Return cost and tokens including responses from the cache; None if there are none."""
        return None if self.client is None else self.client.total_usage_summary

    def print_usage_summary(self, mode: str | list[str] = ["actual", "total"]) -> None:
        """Print cost and tokens.

        Args:
            mode: `actual`, `total`, `both`, or a list of the first two.
        """
        with forward_events():
            if events.has_listeners:
                events.emit(events.UsagePrinted(agent=self.name, mode="none" if self.client is None else "heading"))
            if not has_event_reader():
                ending = " has no model, so it caused no cost." if self.client is None else ":"
                IOStream.get_default().print(f"Agent '{self.name}'{ending}", flush=True)
            if self.client is not None:
                self.client.print_usage_summary(mode)
