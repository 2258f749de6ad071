"""What a search knows about which settings keep to a budget: the pruning rules of EcoOptiGen."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

Region = tuple[str, int, int]
"""Settings that are alike but for numbers: the model, which of the prompts, which of the stop words."""


def tolerance(seen: int, of: int) -> float:
    """How far, relatively, the mean over some instances may be from that over all, by a Hoeffding-Serfling bound.

    >>> tolerance(1, 8), tolerance(8, 8)
    (0.1, 0.0)
    """
    share = (1 - seen / of) * (1 + 1 / seen) if 2 * seen > of else 1 - (seen - 1) / of
    return 0.1 * math.sqrt(share / seen)


@dataclass(frozen=True)
class Price:
    """USD for 1,000 tokens."""

    input: float
    output: float

    def allowance(self, budget: float, input_tokens: float) -> float:
        """The output tokens that a budget for one instance (USD) pays for."""
        left = 1000 * budget - input_tokens * self.input
        return left / self.output if self.output else math.copysign(math.inf, left)

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """USD for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1000


@dataclass
class Frontier:
    """For each region and `max_tokens` the largest count of responses that is known to fit, and the smallest that is not.

    With a larger `max_tokens` responses are no shorter. So what fits with a larger one fits with a smaller one, and what
    overruns with a smaller one overruns with a larger one.

    Attributes:
        journal: The facts in the order in which they were learned, for a log.
    """

    valid: dict[Region, dict[float, int]] = field(default_factory=dict)
    invalid: dict[Region, dict[float, int]] = field(default_factory=dict)
    input_tokens: dict[tuple[str, int], float] = field(default_factory=dict)
    journal: list[list[Any]] = field(default_factory=list)

    def fits(self, region: Region, max_tokens: float, allowance: float | None) -> int:
        """The largest count of responses that is known to keep to the budget."""
        known = [count for tokens, count in self.valid.get(region, {}).items() if tokens >= max_tokens]
        return max([_sure(max_tokens, allowance), *known])

    def overruns(self, region: Region, max_tokens: float) -> float:
        """The smallest count of responses that is known to overrun the budget."""
        known = (count for tokens, count in self.invalid.get(region, {}).items() if tokens <= max_tokens)
        return min(known, default=math.inf)

    def mean_input(self, region: Region) -> float | None:
        """The input tokens of one instance; None while no trial has asked about all of them."""
        return self.input_tokens.get(region[:2])

    def learn(self, region: Region, max_tokens: float, count: int, fits: bool) -> None:
        """So many responses keep to the budget, or overrun it."""
        known = (self.valid if fits else self.invalid).setdefault(region, {})
        before = known.get(max_tokens, count)
        known[max_tokens] = max(before, count) if fits else min(before, count)
        self.journal.append(["fits" if fits else "overruns", list(region), max_tokens, count])

    def learn_input(self, region: Region, mean: float) -> None:
        """The mean input tokens of one instance, unless it is known."""
        if region[:2] not in self.input_tokens:
            self.input_tokens[region[:2]] = mean
            self.journal.append(["input", list(region), mean])

    def replay(self, journal: list[list[Any]]) -> None:
        """Learn what another run has learned."""
        for kind, where, *fact in journal:
            region = (str(where[0]), int(where[1]), int(where[2]))
            if kind == "input":
                self.learn_input(region, fact[0])
            else:
                self.learn(region, fact[0], fact[1], kind == "fits")


def _sure(max_tokens: float, allowance: float | None) -> int:
    """How many responses fit in any case, as none is longer than `max_tokens`."""
    if allowance is None or allowance <= 0:
        return 0
    if math.isinf(allowance):
        return sys.maxsize
    return int(allowance / max_tokens)
