"""AG2's events of models: streamed text, and usage."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from .base_event import BaseEvent, Print, resolve_print_callable, wrap_event

__all__ = ["ActualUsageSummary", "ModelUsageSummary", "StreamEvent", "TotalUsageSummary", "UsageSummaryEvent"]


class ModelUsageSummary(BaseModel):
    """Usage of one model; the cost is in USD."""

    model: str
    completion_tokens: int
    cost: float
    prompt_tokens: int
    total_tokens: int


class ActualUsageSummary(BaseModel):
    """Usage without responses from a cache."""

    usages: list[ModelUsageSummary] | None = None
    total_cost: float | None = None


class TotalUsageSummary(BaseModel):
    """Usage with responses from a cache."""

    usages: list[ModelUsageSummary] | None = None
    total_cost: float | None = None


def _read_usage(usage: Any) -> Any:
    """Convert the usage of `OpenAIWrapper`, a dict by models, to fields."""
    if not isinstance(usage, dict) or "usages" in usage:
        return usage if usage is not None else {}
    models = [{"model": name, **amounts} for name, amounts in usage.items() if name != "total_cost"]
    return {"usages": models, "total_cost": usage.get("total_cost")}


@wrap_event
class UsageSummaryEvent(BaseEvent):
    """Usage of a client that was printed."""

    actual: ActualUsageSummary
    total: TotalUsageSummary
    mode: Literal["both", "total", "actual"]

    def __init__(self, *, mode: Any = "both", **fields: Any) -> None:
        if "actual_usage_summary" in fields:
            fields["actual"] = _read_usage(fields.pop("actual_usage_summary"))
            fields["total"] = _read_usage(fields.pop("total_usage_summary", None))
        super().__init__(mode=mode, **fields)

    def print(self, f: Print | None = None) -> None:
        """Print the costs."""
        show = resolve_print_callable(f)
        if self.mode != "actual":
            show(f"Usage with cached responses: ${self.total.total_cost or 0:.5f}", flush=True)
        if self.mode != "total":
            show(f"Usage without cached responses: ${self.actual.total_cost or 0:.5f}", flush=True)


@wrap_event
class StreamEvent(BaseEvent):
    """Piece of an answer that is being streamed."""

    content: str

    def print(self, f: Print | None = None) -> None:
        """Print the piece."""
        resolve_print_callable(f)(self.content, end="", flush=True)
