"""Replies that arrive as a stream: how much of them is shown before the guardrails have checked the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._steps import run_sync
from .checks import Guard

Window = tuple[int | None, "Callable[[str], bool] | None"]
"""Number of characters to hold back, None for all; and the test of a beginning of the reply."""


def make_window(guards: Sequence[Guard]) -> Window | None:
    """Return how much of a reply the guardrails for output hold back; None for nothing."""
    holding = [guard for guard in guards if guard.stream != "through"]
    if not holding:
        return None
    widths = [guard.stream for guard in holding if isinstance(guard.stream, int)]
    if len(widths) < len(holding):
        return None, None

    def is_sound(text: str) -> bool:
        return all(run_sync(guard.evaluate(text)) is None for guard in holding)

    return max(widths), is_sound
