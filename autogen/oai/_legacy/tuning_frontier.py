"""Knowledge of a search about the settings that keep its budget: the pruning rules of EcoOptiGen."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

Region = tuple[str, int, int]
"""Settings that differ in numbers only: the model, the index of the prompt, the index of the stop words."""


def compute_tolerance(seen: int, total: int) -> float:
    """Return the relative tolerance for the mean over some instances, by a Hoeffding-Serfling bound.

    Args:
        seen: Number of instances in the mean.
        total: Number of all instances.

    >>> compute_tolerance(1, 8), compute_tolerance(8, 8)
    (0.1, 0.0)
    """
    share = (1 - seen / total) * (1 + 1 / seen) if 2 * seen > total else 1 - (seen - 1) / total
    return 0.1 * math.sqrt(share / seen)


@dataclass(frozen=True)
class Price:
    """USD per 1,000 tokens."""

    input: float
    output: float

    def compute_allowance(self, budget: float, input_tokens: float) -> float:
        """Return the number of output tokens that a budget for one instance (USD) pays for."""
        left = 1000 * budget - input_tokens * self.input
        # If output is free, the input alone decides.
        return left / self.output if self.output else math.copysign(math.inf, left)

    def compute_cost(self, input_tokens: float, output_tokens: float) -> float:
        """Return the cost of tokens in USD."""
        return (input_tokens * self.input + output_tokens * self.output) / 1000


@dataclass
class Frontier:
    """For each region and `max_tokens`, the largest number of responses known to fit, and the smallest known not to.

    Responses never get shorter with a larger `max_tokens`. So a number that fits with one value fits with smaller values,
    and a number that overruns with one value overruns with all larger values.

    Attributes:
        valid: Numbers that fit.
        invalid: Numbers that overrun.
        input_tokens: Mean input tokens of an instance, by model and prompt.
        journal: The facts in the order in which they were learned, for a log.
    """

    valid: dict[Region, dict[float, int]] = field(default_factory=dict)
    invalid: dict[Region, dict[float, int]] = field(default_factory=dict)
    input_tokens: dict[tuple[str, int], float] = field(default_factory=dict)
    journal: list[list[Any]] = field(default_factory=list)

    def find_max_fitting(self, region: Region, max_tokens: float, allowance: float | None) -> int:
        """Return the largest number of responses that is known to keep the budget."""
        counts = [count for tokens, count in self.valid.get(region, {}).items() if tokens >= max_tokens]
        return max([_count_certain(max_tokens, allowance), *counts])

    def find_min_overrun(self, region: Region, max_tokens: float) -> float:
        """Return the smallest number of responses that is known to overrun the budget."""
        counts = (count for tokens, count in self.invalid.get(region, {}).items() if tokens <= max_tokens)
        return min(counts, default=math.inf)

    def get_mean_input(self, region: Region) -> float | None:
        """Return the input tokens of an instance; None while no trial has requested all instances."""
        return self.input_tokens.get(region[:2])

    def learn(self, region: Region, max_tokens: float, count: int, fits: bool) -> None:
        """Record that a number of responses keeps the budget, or overruns it."""
        counts = (self.valid if fits else self.invalid).setdefault(region, {})
        before = counts.get(max_tokens, count)
        counts[max_tokens] = max(before, count) if fits else min(before, count)
        self.journal.append(["fits" if fits else "overruns", list(region), max_tokens, count])

    def learn_input(self, region: Region, mean: float) -> None:
        """Record the mean input tokens of an instance, unless they are known."""
        # Stop words don't change the input, so model and prompt identify it.
        if region[:2] not in self.input_tokens:
            self.input_tokens[region[:2]] = mean
            self.journal.append(["input", list(region), mean])

    def replay(self, journal: list[list[Any]]) -> None:
        """Learn the facts of an earlier run."""
        for kind, parts, *fact in journal:
            # JSON has made a list of the tuple.
            region = (str(parts[0]), int(parts[1]), int(parts[2]))
            if kind == "input":
                self.learn_input(region, fact[0])
            else:
                self.learn(region, fact[0], fact[1], kind == "fits")


def _count_certain(max_tokens: float, allowance: float | None) -> int:
    """Return the number of responses that fit in any case, because none is longer than `max_tokens`."""
    if allowance is None or allowance <= 0:
        return 0
    if math.isinf(allowance):
        return sys.maxsize
    return int(allowance / max_tokens)
