"""Statistics of benchmarks against scipy, and against values worked out by hand."""

import pytest

from autogen.bench.statistics import bootstrap_interval, compute_pass_at_k, compute_sign_test, wilson_interval


@pytest.mark.slow
@pytest.mark.parametrize(("passed", "count"), [(0, 5), (3, 7), (16, 20), (9, 9)])
def test_intervals_and_p_values_are_those_of_scipy(passed, count):
    stats = pytest.importorskip("scipy.stats")
    low, high = stats.binomtest(passed, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(passed / count, count) == pytest.approx((low, high))
    assert compute_sign_test(passed, count - passed) == pytest.approx(stats.binomtest(passed, count).pvalue)


@pytest.mark.parametrize(
    ("runs", "passed", "k", "rate"),
    [(5, 0, 3, 0), (5, 5, 1, 1), (4, 2, 2, 1 - 1 / 6), (3, 1, 3, 1), (10, 3, 2, 1 - 21 / 45)],
)
def test_pass_at_k_is_unbiased(runs, passed, k, rate):
    assert compute_pass_at_k(runs, passed, k) == pytest.approx(rate)


def test_bounds():
    assert wilson_interval(0.5, 0) == (0.0, 1.0)
    assert compute_sign_test(0, 0) == 1.0
    assert bootstrap_interval([0.5] * 9) == (0.5, 0.5)
    values = [0.0] * 10 + [1.0] * 10
    assert bootstrap_interval(values) == bootstrap_interval(values)
    low, high = bootstrap_interval(values)
    assert 0.2 < low < 0.5 < high < 0.8
    with pytest.raises(ValueError, match="from 1 to the number of runs"):
        compute_pass_at_k(2, 1, 3)
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_interval([])
