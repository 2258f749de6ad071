"""How a search gets on, for whoever waits for it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from ...io.base import IOStream


class TuningProgress:
    """A bar on a terminal, and a line for each trial where that is asked for; nothing otherwise.

    Args:
        metric: The name of the metric.
        num_samples: How many trials there will be; -1 if the budget says when it ends.
        budget: USD that there are.
        verbose: Whether to print lines.
    """

    def __init__(self, metric: str, num_samples: int, budget: float | None, verbose: bool) -> None:
        self._metric, self._verbose = metric, verbose
        self._by_trials = num_samples > 0
        self._total = num_samples if self._by_trials else budget
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> TuningProgress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            text = TextColumn("{task.description}")
            self._bar = Progress(text, BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("Tuning", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def report(self, number: int, outcome: str, result: dict[str, Any], best: float | None, spent: float) -> None:
        """A trial has come to its end."""
        value = result[self._metric]
        if self._verbose:
            found = f"{self._metric} {value:g}" if outcome == "complete" else outcome
            line = f"Trial {number}: {found}, cost {result['cost']:.6f}, total {spent:.6f}"
            IOStream.get_default().print(line, flush=True)
        if self._bar is not None:
            so_far = "none" if best is None else f"{best:g}"
            text = f"Tuning: trial {number}, best {self._metric} {so_far}, {spent:.4f} USD"
            self._bar.update(self._task, completed=number if self._by_trials else spent, description=text)
