"""One trial of a search: settings are tried on ever more data with ever more responses, until they overrun their budget."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .completion_answer import Answer, texts_or_calls_of
from .completion_metrics import aggregated
from .tuning_frontier import Frontier, Price, Region, tolerance

logger = logging.getLogger("autogen.oai.completion")

Ask = Callable[[Mapping[str, Any], dict[str, Any], int], "Answer | int"]
"""Asks about an instance by settings, for responses beyond those that are held; -1 if there was no answer in time."""


@dataclass(frozen=True)
class Goal:
    """What a search is for.

    Attributes:
        budget: USD that one instance may cost with the settings that are found.
        total_budget: USD that the search may cost.
        num_samples: How many trials; -1 for as many as the budget allows.
    """

    data: list[dict[str, Any]]
    metric: str
    mode: str
    evaluate: Callable[..., dict[str, Any]]
    budget: float | None
    total_budget: float | None
    num_samples: int

    def __post_init__(self) -> None:
        if self.mode not in ("max", "min"):
            raise ValueError(f"mode is 'max' or 'min', not {self.mode!r}.")
        if not self.data:
            raise ValueError("There is no data to tune on.")
        if self.num_samples < 0 and self.total_budget is None:
            raise ValueError("num_samples=-1 goes on until the budget is spent: give an optimization_budget.")

    @property
    def worst(self) -> float:
        """The value of a trial that has none."""
        return -math.inf if self.mode == "max" else math.inf


@dataclass
class Spending:
    """What a search has spent (USD), and what it may."""

    limit: float | None
    spent: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.limit is not None and self.spent >= self.limit


class _Stop(Exception):
    """A trial ends early. Its text is the kind of its outcome."""


@dataclass
class _Held:
    """The responses to one instance so far."""

    texts: list[Any] = field(default_factory=list)
    count: int = 0
    output: int = 0
    input: int | None = None
    cost: float = 0.0


@dataclass
class Trial:
    """Settings under trial.

    Attributes:
        outcome: `complete`, `pruned` (known to overrun), `overrun`, `failed` (no answer) or `spent` (the money is).
        error: What a failed request raised.
    """

    goal: Goal
    ask: Ask
    settings: dict[str, Any]
    region: Region
    price: Price | None
    frontier: Frontier
    spending: Spending
    outcome: str = "complete"
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._counted = "best_of" if self.settings.get("best_of", 1) != 1 else "n"
        self._wanted = int(self.settings.get(self._counted) or 1)
        self._max_tokens = float(self.settings.get("max_tokens") or math.inf)
        self._held = [_Held() for _ in self.goal.data]
        self._cost = 0.0

    def run(self) -> dict[str, Any]:
        """Try the settings.

        Returns:
            The metrics, averaged, with the `cost` of the trial, the `total_cost` of the search so far and the
            `inference_cost` of one instance (USD). If the trial does not come to its end the metric is the worst there is.
        """
        try:
            metrics = self._tried()
        except _Stop as stop:
            self.outcome = str(stop)
            metrics = {"inference_cost": math.inf, self.goal.metric: self.goal.worst}
        costs = {"total_cost": self.spending.spent, "cost": self._cost}
        return {**costs, **metrics}

    def _tried(self) -> dict[str, Any]:
        count = self._first_count()
        while True:
            self._grow(count)
            if count == self._wanted:
                return self._result()
            count = min(2 * count, self._wanted)

    def _allowance(self) -> float | None:
        """The output tokens that an instance may have; None if that is not limited, or nothing is known yet.

        Until a trial has asked about all instances, the input tokens are those of the instances asked about so far.
        """
        if self.goal.budget is None or self.price is None:
            return None
        known = self.frontier.mean_input(self.region)
        asked = [held.input for held in self._held if held.input is not None]
        if known is None and not asked:
            return None
        return self.price.allowance(self.goal.budget, statistics.fmean(asked) if known is None else known)

    def _first_count(self) -> int:
        """The count of responses to begin with: one more than is known to fit."""
        if self.goal.budget is None:
            return self._wanted
        fits = self.frontier.fits(self.region, self._max_tokens, self._allowance())
        if self._wanted <= fits:
            return self._wanted
        if self._wanted >= self.frontier.overruns(self.region, self._max_tokens):
            raise _Stop("pruned")
        return fits + 1

    def _grow(self, count: int) -> None:
        """Get so many responses for ever more instances, until it is clear whether they fit."""
        size, done, seen = len(self._held), 0, 1
        while True:
            for index in range(done, seen):
                self._fetch(index, count)
            if (allowance := self._allowance()) is not None and self._decided(count, seen, allowance):
                return
            if seen == size:
                return
            done, seen = seen, min(2 * seen, size)

    def _decided(self, count: int, seen: int, allowance: float) -> bool:
        """Whether the instances seen show that so many responses fit. Those still wanted are judged by all of the data."""
        mean = statistics.fmean(held.output for held in self._held[:seen])
        margin = tolerance(seen, len(self._held)) * abs(allowance) if math.isfinite(allowance) else 0.0
        if mean > allowance + margin:
            self._learn(count, fits=False)
            raise _Stop("overrun")
        decided = mean <= allowance - margin and (count < self._wanted or seen == len(self._held))
        if decided:
            self._learn(count, fits=True)
        return decided

    def _fetch(self, index: int, count: int) -> None:
        """Get the responses that an instance lacks."""
        held = self._held[index]
        if held.count >= count:
            return
        if self.spending.is_over:
            raise _Stop("spent")
        settings, fresh = self._settings_for(held, count)
        answer = self._asked(index, settings, 0 if fresh else held.count, count)
        usage = answer.get("usage") or {}
        texts, output = texts_or_calls_of(answer), usage.get("completion_tokens") or 0
        held.texts, held.output = (texts, output) if fresh else (held.texts + texts, held.output + output)
        held.input = (usage.get("prompt_tokens") or 0) if held.input is None else held.input
        held.count = count
        held.cost = answer["cost"] + (0.0 if fresh else held.cost)
        self._cost += answer["cost"]
        self.spending.spent += answer["cost"]

    def _settings_for(self, held: _Held, count: int) -> tuple[dict[str, Any], bool]:
        """The settings for the responses that are lacking, and whether they replace the others: `best_of` can't be added."""
        if self._counted == "best_of":
            return {**self.settings, "best_of": count, "n": min(int(self.settings.get("n") or 1), count)}, True
        return {**self.settings, "n": count - held.count}, False

    def _asked(self, index: int, settings: dict[str, Any], offset: int, count: int) -> Answer:
        import openai

        try:
            answer = self.ask(self.goal.data[index], settings, offset)
        except (openai.APIError, TimeoutError) as error:
            self.error = error
            logger.warning("A trial failed at instance %d of the data: %s", index, type(error).__name__)
            raise _Stop("failed") from None
        if isinstance(answer, int):
            self._learn(count, fits=False)
            raise _Stop("failed")
        return answer

    def _learn(self, count: int, fits: bool) -> None:
        if self.goal.budget is not None:
            self.frontier.learn(self.region, self._max_tokens, count, fits)

    def _result(self) -> dict[str, Any]:
        """The metrics of settings that were tried on all of the data."""
        self.frontier.learn_input(self.region, statistics.fmean(held.input or 0 for held in self._held))
        results = [
            self.goal.evaluate(held.texts, **instance) for held, instance in zip(self._held, self.goal.data, strict=True)
        ]
        metrics = {"inference_cost": self._inference_cost(), "cost": self._cost, **aggregated(results, "avg")}
        if self.goal.metric not in metrics:
            names = ", ".join(metrics)
            raise ValueError(
                f"eval_func returns no number {self.goal.metric!r}, by which tune is to choose; there are: {names}."
            )
        return metrics

    def _inference_cost(self) -> float:
        mean_input = self.frontier.mean_input(self.region)
        if self.price is None or mean_input is None:
            return statistics.fmean(held.cost for held in self._held)
        return self.price.of(mean_input, statistics.fmean(held.output for held in self._held))
