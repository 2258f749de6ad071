"""A trial of a search: settings are evaluated with more and more data and responses, within the budget."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .._requests.serialization import ResponseDict
from .completion_results import aggregate_metrics, get_texts_or_calls
from .tuning_frontier import Frontier, Price, Region, compute_tolerance
from .tuning_space import Settings

logger = logging.getLogger("autogen.oai.completion")

Request = Callable[[Mapping[str, object], Settings, int], "ResponseDict | int"]
"""Requests responses to an instance by settings, beyond a number of responses at hand; returns -1 for a timeout."""


@dataclass(frozen=True)
class Goal:
    """The goal of a search.

    Attributes:
        data: The instances.
        metric: Name of the metric to optimise.
        mode: `max` or `min`.
        evaluate: Function of the responses to an instance and of its fields; returns its metrics.
        budget: Maximum cost of an instance with the resulting settings, in USD.
        total_budget: Maximum cost of the search, in USD.
        num_samples: Number of trials; -1 for as many as the budget allows.
    """

    data: Sequence[Mapping[str, Any]]
    metric: str
    mode: str
    evaluate: Callable[..., Mapping[str, object]]
    budget: float | None
    total_budget: float | None
    num_samples: int

    def __post_init__(self) -> None:
        if self.mode not in ("max", "min"):
            raise ValueError(f"mode must be 'max' or 'min', got {self.mode!r}.")
        if not self.data:
            raise ValueError("There is no data to tune on.")
        if self.num_samples < 0 and self.total_budget is None:
            raise ValueError("num_samples=-1 searches until the budget is spent: it needs an optimization_budget.")

    @property
    def worst(self) -> float:
        """The value of a trial without a result."""
        return -math.inf if self.mode == "max" else math.inf


@dataclass
class Spending:
    """Spending of a search in USD, and its limit."""

    limit: float | None
    spent: float = 0.0

    @property
    def is_over(self) -> bool:
        """True if nothing is left."""
        return self.limit is not None and self.spent >= self.limit


class _TrialStopped(Exception):
    """Raised to end a trial early. Its text is the outcome."""


@dataclass
class _InstanceState:
    """The responses to one instance so far."""

    texts: list[Any] = field(default_factory=list)
    count: int = 0
    output: int = 0
    input: int | None = None
    cost: float = 0.0


@dataclass
class Trial:
    """A trial of settings.

    Attributes:
        goal: Goal of the search.
        request: Sends a request.
        settings: The settings.
        region: Their region.
        price: Price of the model; None if it is unknown.
        frontier: Knowledge of the search.
        spending: Spending of the search.
        outcome: `complete`, `pruned` (known to overrun), `overrun`, `failed` (no response) or `spent` (no money left).
        error: Error of a failed request.
    """

    goal: Goal
    request: Request
    settings: Settings
    region: Region
    price: Price | None
    frontier: Frontier
    spending: Spending
    outcome: str = "complete"
    error: Exception | None = None

    def __post_init__(self) -> None:
        # The setting that determines the number of responses that are paid.
        self._counted = "best_of" if self.settings.get("best_of", 1) != 1 else "n"
        self._wanted = int(cast("int", self.settings.get(self._counted) or 1))
        self._max_tokens = float(cast("float", self.settings.get("max_tokens") or math.inf))
        self._states = [_InstanceState() for _ in self.goal.data]
        self._cost = 0.0

    def run(self) -> dict[str, float]:
        """Run the trial.

        Returns:
            The averages of the metrics, with the `cost` of the trial, the `total_cost` of the search so far and the
            `inference_cost` of one instance (USD). If the trial stops early, the metric has the worst value.
        """
        try:
            metrics = self._run()
        except _TrialStopped as stop:
            self.outcome = str(stop)
            metrics = {"inference_cost": math.inf, self.goal.metric: self.goal.worst}
        costs = {"total_cost": self.spending.spent, "cost": self._cost}
        return {**costs, **metrics}

    def _run(self) -> dict[str, float]:
        count = self._choose_first_count()
        while True:
            self._collect(count)
            if count == self._wanted:
                return self._evaluate()
            # Doubling finds an overrun with less than twice the responses that are needed for it.
            count = min(2 * count, self._wanted)

    def _compute_allowance(self) -> float | None:
        """Return the output tokens that an instance may have; None if they are not limited, or nothing is known yet.

        Until a trial has requested all instances, the input tokens are those of the instances so far.
        """
        if self.goal.budget is None or self.price is None:
            return None
        mean_input = self.frontier.get_mean_input(self.region)
        if mean_input is None:
            inputs = [state.input for state in self._states if state.input is not None]
            if not inputs:
                return None
            mean_input = statistics.fmean(inputs)
        return self.price.compute_allowance(self.goal.budget, mean_input)

    def _choose_first_count(self) -> int:
        """Return the first number of responses to try: one more than is known to fit."""
        if self.goal.budget is None:
            return self._wanted
        fitting = self.frontier.find_max_fitting(self.region, self._max_tokens, self._compute_allowance())
        if self._wanted <= fitting:
            return self._wanted
        if self._wanted >= self.frontier.find_min_overrun(self.region, self._max_tokens):
            raise _TrialStopped("pruned")
        # Fewer responses would teach nothing new.
        return fitting + 1

    def _collect(self, count: int) -> None:
        """Request a number of responses for more and more instances, until it is clear if they fit."""
        size, done, seen = len(self._states), 0, 1
        while True:
            for index in range(done, seen):
                self._fetch(index, count)
            allowance = self._compute_allowance()
            if allowance is not None and self._is_decided(count, seen, allowance):
                return
            if seen == size:
                return
            done, seen = seen, min(2 * seen, size)

    def _is_decided(self, count: int, seen: int, allowance: float) -> bool:
        """Return True if the instances so far show that the responses fit. The final number needs all instances.

        Raises:
            _TrialStopped: if they overrun.
        """
        mean = statistics.fmean(state.output for state in self._states[:seen])
        # Few instances are a weak sample, so the mean must be clearly on one side of the allowance.
        margin = compute_tolerance(seen, len(self._states)) * abs(allowance) if math.isfinite(allowance) else 0.0
        if mean > allowance + margin:
            self._learn(count, fits=False)
            raise _TrialStopped("overrun")
        is_decided = mean <= allowance - margin and (count < self._wanted or seen == len(self._states))
        if is_decided:
            self._learn(count, fits=True)
        return is_decided

    def _fetch(self, index: int, count: int) -> None:
        """Request the responses that an instance lacks."""
        state = self._states[index]
        if state.count >= count:
            return
        if self.spending.is_over:
            raise _TrialStopped("spent")
        settings, is_fresh = self._make_settings(state, count)
        answer = self._request(index, settings, 0 if is_fresh else state.count, count)
        usage = answer.get("usage") or {}
        texts, output = get_texts_or_calls(answer), usage.get("completion_tokens") or 0
        state.texts, state.output = (texts, output) if is_fresh else (state.texts + texts, state.output + output)
        # Every request for an instance has the same input, so the first one's is kept.
        state.input = (usage.get("prompt_tokens") or 0) if state.input is None else state.input
        state.count = count
        state.cost = answer["cost"] + (0.0 if is_fresh else state.cost)
        self._cost += answer["cost"]
        self.spending.spent += answer["cost"]

    def _make_settings(self, state: _InstanceState, count: int) -> tuple[Settings, bool]:
        """Return the settings for the missing responses, and True if these replace all: `best_of` can't be extended."""
        if self._counted == "best_of":
            return {**self.settings, "best_of": count, "n": min(int(cast("int", self.settings.get("n") or 1)), count)}, True
        return {**self.settings, "n": count - state.count}, False

    def _request(self, index: int, settings: Settings, offset: int, count: int) -> ResponseDict:
        import openai

        try:
            answer = self.request(self.goal.data[index], settings, offset)
        except (openai.APIError, TimeoutError) as error:
            self.error = error
            logger.warning("A trial failed at instance %d of the data: %s", index, type(error).__name__)
            raise _TrialStopped("failed") from None
        # The settings are too slow: that counts as an overrun.
        if isinstance(answer, int):
            self._learn(count, fits=False)
            raise _TrialStopped("failed")
        return answer

    def _learn(self, count: int, fits: bool) -> None:
        if self.goal.budget is not None:
            self.frontier.learn(self.region, self._max_tokens, count, fits)

    def _evaluate(self) -> dict[str, float]:
        """Return the metrics of settings that were tried on all of the data."""
        self.frontier.learn_input(self.region, statistics.fmean(state.input or 0 for state in self._states))
        results = [
            self.goal.evaluate(state.texts, **instance) for state, instance in zip(self._states, self.goal.data, strict=True)
        ]
        averages = cast("dict[str, float]", aggregate_metrics(results, "avg"))
        metrics = {"inference_cost": self._compute_inference_cost(), "cost": self._cost, **averages}
        if self.goal.metric not in metrics:
            names = ", ".join(metrics)
            raise ValueError(f"eval_func must return a number {self.goal.metric!r}, the metric of tune, got {names}.")
        return metrics

    def _compute_inference_cost(self) -> float:
        mean_input = self.frontier.get_mean_input(self.region)
        # Without a known price, the costs that were charged are the estimate.
        if self.price is None or mean_input is None:
            return statistics.fmean(state.cost for state in self._states)
        return self.price.compute_cost(mean_input, statistics.fmean(state.output for state in self._states))
