"""`View`: what a model sees of a history, and what it doesn't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..agent import Message


@dataclass(frozen=True)
class View:
    """The messages that a model sees of a history.

    Attributes:
        messages: The messages. The list of the history itself if nothing is left out or changed.
        left_out: First and last position of each run of messages that are not shown, from 0.
        changed: Positions of messages that are shown in a changed form.
    """

    messages: list[Message]
    left_out: list[tuple[int, int]] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)


def select(
    messages: list[Message], positions: Sequence[int], replaced: Mapping[int, Message], notice: Message | None = None
) -> View:
    """Return the view of some messages of a history, in its order.

    Args:
        messages: The history.
        positions: Positions of the messages that are shown.
        replaced: Changed forms of messages, by position.
        notice: Message that stands for the first run of messages that are left out.
    """
    shown = sorted(positions)
    gaps = find_gaps(shown, len(messages))
    if not gaps and not replaced:
        return View(messages)
    selected = [replaced.get(position, messages[position]) for position in shown]
    if notice is not None and gaps:
        # As many messages as stand before the gap are shown there.
        selected.insert(gaps[0][0], notice)
    return View(selected, gaps, [position for position in shown if position in replaced])


def find_gaps(shown: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Return the runs of positions below `count` that are not in an ascending sequence."""
    gaps: list[tuple[int, int]] = []
    expected = 0
    for position in [*shown, count]:
        if position > expected:
            gaps.append((expected, position - 1))
        expected = position + 1
    return gaps


def describe(view: View) -> str:
    """Return what is not shown, and what is changed, as a sentence; empty if it is all there."""
    parts = []
    if view.left_out:
        parts.append(f"not shown: {_describe_runs(view.left_out)}")
    if view.changed:
        parts.append(f"changed: {_describe_runs(_find_runs(view.changed))}")
    return f"Of the messages from 0, {'; '.join(parts)}." if parts else ""


def _find_runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


def _describe_runs(runs: Sequence[tuple[int, int]]) -> str:
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")
