"""What a search infers from what it has seen: the rules of pruning."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.oai._legacy.tuning_frontier import Frontier, Price, tolerance

HERE, THERE = ("m", 0, 0), ("m", 1, 0)
TOKENS = st.integers(1, 1000)
COUNTS = st.integers(1, 100)
FACTS = st.lists(st.tuples(TOKENS, COUNTS, st.booleans()), max_size=20)


def frontier(facts):
    known = Frontier()
    for max_tokens, count, fits in facts:
        known.learn(HERE, max_tokens, count, fits)
    return known


@given(FACTS, TOKENS, TOKENS, st.none() | st.floats(-100, 10_000))
def test_longer_responses_never_allow_more_of_them(facts, one, other, allowance):
    known = frontier(facts)
    short, long = sorted((one, other))
    assert known.fits(HERE, short, allowance) >= known.fits(HERE, long, allowance)
    assert known.overruns(HERE, short) >= known.overruns(HERE, long)


@given(FACTS, TOKENS, COUNTS, st.booleans(), TOKENS)
def test_a_new_fact_never_weakens_what_is_known(facts, max_tokens, count, fits, asked):
    known = frontier(facts)
    before = known.fits(HERE, asked, None), known.overruns(HERE, asked)
    known.learn(HERE, max_tokens, count, fits)
    assert known.fits(HERE, asked, None) >= before[0]
    assert known.overruns(HERE, asked) <= before[1]
    assert (known.fits(HERE, max_tokens, None) >= count) if fits else (known.overruns(HERE, max_tokens) <= count)


@given(FACTS, TOKENS)
def test_another_region_is_another_matter(facts, max_tokens):
    known = frontier(facts)
    assert (known.fits(THERE, max_tokens, None), known.overruns(THERE, max_tokens)) == (0, math.inf)


@given(FACTS, TOKENS)
def test_what_is_learned_can_be_learned_from_a_log(facts, max_tokens):
    known, other = frontier(facts), Frontier()
    known.learn_input(HERE, 12.5)
    other.replay(json.loads(json.dumps(known.journal)))
    assert other == known


@pytest.mark.parametrize(
    ("max_tokens", "allowance", "count"),
    [(10, 100, 10), (30, 100, 3), (101, 100, 0), (10, 0, 0), (10, -5, 0), (math.inf, 100, 0), (10, None, 0)],
)
def test_an_allowance_is_enough_for_some_in_any_case(max_tokens, allowance, count):
    assert Frontier().fits(HERE, max_tokens, allowance) == count


def test_what_is_free_is_never_too_much():
    assert Price(0, 0).allowance(1, 100) == math.inf
    assert Frontier().fits(HERE, math.inf, math.inf) > 10**9
    assert Price(1, 0).allowance(0.01, 100) == -math.inf  # the input alone is too much
    assert Price(1, 2).allowance(0.3, 100) == pytest.approx(100)
    assert Price(1, 2).of(100, 100) == pytest.approx(0.3)


def test_the_mean_input_is_of_the_first_complete_trial():
    known = Frontier()
    known.learn_input(HERE, 10)
    known.learn_input(("m", 0, 1), 20)  # other stop words, the same prompt
    assert (known.mean_input(HERE), known.mean_input(THERE)) == (10, None)


@pytest.mark.parametrize(
    ("seen", "of", "value"),
    [(1, 1, 0), (1, 4, 0.1), (2, 4, 0.1 * math.sqrt(0.75 / 2)), (3, 4, 0.1 * math.sqrt(0.25 * (4 / 3) / 3)), (4, 4, 0)],
)
def test_the_tolerance_is_a_hoeffding_serfling_bound(seen, of, value):
    assert tolerance(seen, of) == pytest.approx(value)


@given(st.integers(1, 500), st.data())
def test_more_data_tolerate_less(of, data):
    seen = data.draw(st.integers(1, of))
    assert 0 <= tolerance(seen, of) <= 0.1
    assert tolerance(of, of) == 0
    if seen < of:
        assert tolerance(seen + 1, of) <= tolerance(seen, of) * (1 + 1e-9) or 2 * seen <= of < 2 * (seen + 1)
