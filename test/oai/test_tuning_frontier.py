"""The inferences of a search from its facts: the rules of pruning."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.oai._legacy.tuning_frontier import Frontier, Price, compute_tolerance

HERE, THERE = ("m", 0, 0), ("m", 1, 0)
TOKENS = st.integers(1, 1000)
COUNTS = st.integers(1, 100)
FACTS = st.lists(st.tuples(TOKENS, COUNTS, st.booleans()), max_size=20)


def make_frontier(facts):
    frontier = Frontier()
    for max_tokens, count, fits in facts:
        frontier.learn(HERE, max_tokens, count, fits)
    return frontier


@given(FACTS, TOKENS, TOKENS, st.none() | st.floats(-100, 10_000))
def test_longer_responses_never_allow_more_of_them(facts, first, second, allowance):
    frontier = make_frontier(facts)
    short, long = sorted((first, second))
    assert frontier.find_max_fitting(HERE, short, allowance) >= frontier.find_max_fitting(HERE, long, allowance)
    assert frontier.find_min_overrun(HERE, short) >= frontier.find_min_overrun(HERE, long)


@given(FACTS, TOKENS, COUNTS, st.booleans(), TOKENS)
def test_a_new_fact_never_weakens_earlier_facts(facts, max_tokens, count, fits, asked):
    frontier = make_frontier(facts)
    before = frontier.find_max_fitting(HERE, asked, None), frontier.find_min_overrun(HERE, asked)
    frontier.learn(HERE, max_tokens, count, fits)
    assert frontier.find_max_fitting(HERE, asked, None) >= before[0]
    assert frontier.find_min_overrun(HERE, asked) <= before[1]
    assert (
        (frontier.find_max_fitting(HERE, max_tokens, None) >= count)
        if fits
        else (frontier.find_min_overrun(HERE, max_tokens) <= count)
    )


@given(FACTS, TOKENS)
def test_another_region_is_another_matter(facts, max_tokens):
    frontier = make_frontier(facts)
    assert (frontier.find_max_fitting(THERE, max_tokens, None), frontier.find_min_overrun(THERE, max_tokens)) == (
        0,
        math.inf,
    )


@given(FACTS, TOKENS)
def test_what_is_learned_can_be_learned_from_a_log(facts, max_tokens):
    frontier, other = make_frontier(facts), Frontier()
    frontier.learn_input(HERE, 12.5)
    other.replay(json.loads(json.dumps(frontier.journal)))
    assert other == frontier


@pytest.mark.parametrize(
    ("max_tokens", "allowance", "count"),
    [(10, 100, 10), (30, 100, 3), (101, 100, 0), (10, 0, 0), (10, -5, 0), (math.inf, 100, 0), (10, None, 0)],
)
def test_an_allowance_is_enough_for_some_in_any_case(max_tokens, allowance, count):
    assert Frontier().find_max_fitting(HERE, max_tokens, allowance) == count


def test_what_is_free_is_never_too_much():
    assert Price(0, 0).compute_allowance(1, 100) == math.inf
    assert Frontier().find_max_fitting(HERE, math.inf, math.inf) > 10**9
    assert Price(1, 0).compute_allowance(0.01, 100) == -math.inf  # the input alone is too much
    assert Price(1, 2).compute_allowance(0.3, 100) == pytest.approx(100)
    assert Price(1, 2).compute_cost(100, 100) == pytest.approx(0.3)


def test_the_mean_input_is_of_the_first_complete_trial():
    frontier = Frontier()
    frontier.learn_input(HERE, 10)
    frontier.learn_input(("m", 0, 1), 20)  # other stop words, the same prompt
    assert (frontier.get_mean_input(HERE), frontier.get_mean_input(THERE)) == (10, None)


@pytest.mark.parametrize(
    ("seen", "of", "value"),
    [(1, 1, 0), (1, 4, 0.1), (2, 4, 0.1 * math.sqrt(0.75 / 2)), (3, 4, 0.1 * math.sqrt(0.25 * (4 / 3) / 3)), (4, 4, 0)],
)
def test_the_tolerance_is_a_hoeffding_serfling_bound(seen, of, value):
    assert compute_tolerance(seen, of) == pytest.approx(value)


@given(st.integers(1, 500), st.data())
def test_more_data_tolerate_less(of, data):
    seen = data.draw(st.integers(1, of))
    assert 0 <= compute_tolerance(seen, of) <= 0.1
    assert compute_tolerance(of, of) == 0
    if seen < of:
        assert compute_tolerance(seen + 1, of) <= compute_tolerance(seen, of) * (1 + 1e-9) or 2 * seen <= of < 2 * (seen + 1)
