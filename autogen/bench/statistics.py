"""Statistics of runs: intervals, pass@k, and paired comparison. They need no other package."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist, fmean

__all__ = ["bootstrap_interval", "compute_pass_at_k", "compute_sign_test", "wilson_interval"]


def wilson_interval(rate: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a rate.

    Args:
        rate: Rate, from 0 to 1.
        count: Number of independent observations.
        confidence: Probability that the interval covers the true rate.

    >>> [round(bound, 3) for bound in wilson_interval(0.8, 20)]
    [0.584, 0.919]
    """
    # Nothing is known without observations.
    if count < 1:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    # The normal interval would have no width at 0 and 1.
    centre = rate + z * z / (2 * count)
    margin = z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def compute_pass_at_k(runs: int, passed: int, k: int) -> float:
    """Return the unbiased estimate of the probability that one of `k` runs passes.

    Args:
        runs: Number of runs.
        passed: Number of those that passed.
        k: Number of runs, at most `runs`; one of them must pass.

    >>> compute_pass_at_k(4, 2, 1)
    0.5
    """
    if not 1 <= k <= runs:
        raise ValueError(f"k must be from 1 to the number of runs ({runs}), got {k}.")
    return 1 - comb(runs - passed, k) / comb(runs, k)


def compute_sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of the exact sign test, which for passes and failures is McNemar's exact test.

    Args:
        wins: Number of pairs in which the first is better.
        losses: Number of pairs in which the second is better. Ties do not count.

    >>> compute_sign_test(9, 1)
    0.021484375
    """
    total = wins + losses
    # The smaller tail, exactly: tests by an approximation are wrong for the few pairs of a benchmark.
    tail = sum(comb(total, count) for count in range(min(wins, losses) + 1))
    return min(1.0, float(2 * tail / 2**total))


def bootstrap_interval(values: Sequence[float], confidence: float = 0.95, samples: int = 2000) -> tuple[float, float]:
    """Return the percentile interval of a mean, from samples drawn with replacement. The same values give the same interval.

    Args:
        values: Independent observations, such as the differences of two systems by case.
        confidence: Probability that the interval covers the true mean.
        samples: Number of samples.

    Raises:
        ValueError: if there are no values.
    """
    if not values:
        raise ValueError("An interval needs at least one value.")
    # Of its own, so that the program's random numbers stay as they are.
    draw = random.Random(0)
    means = sorted(fmean(draw.choices(values, k=len(values))) for _ in range(samples))
    skipped = round((1 - confidence) / 2 * samples)
    return means[skipped], means[samples - 1 - skipped]
