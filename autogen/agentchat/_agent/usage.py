"""Tokens and cost of an agent."""

from __future__ import annotations

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
        show = IOStream.get_default().print
        if self.client is None:
            show(f"Agent '{self.name}' has no model, so it caused no cost.", flush=True)
            return
        show(f"Agent '{self.name}':", flush=True)
        self.client.print_usage_summary(mode)
