"""The log of a search: it goes on where it was."""

import json
from pathlib import Path

import pytest
from choices import ModelWithChoices

from autogen import ChatCompletion

pytest.importorskip("optuna", reason="the extra 'tune' is not installed")

from autogen.oai._legacy.tuning_space import import_flaml_tune

domain = import_flaml_tune()

DATA = [{"x": str(number)} for number in range(4)]
LOG = Path("logs", "tune.jsonl")


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C."""


@pytest.fixture
def search(tmp_path, monkeypatch, openai_server):
    """Tune without a cache, so that what is not asked for again comes from the log; returns analysis and requests."""
    monkeypatch.chdir(tmp_path)
    chat = type("Chat", (ChatCompletion,), {"retry_wait_time": 0, "max_retry_period": 0})

    def search(interrupted_at=None, log=LOG, **options):
        evaluated = []

        def evaluate(responses, x, **_):
            evaluated.append(x)
            if len(evaluated) == interrupted_at:
                raise Interrupted
            return {"share": 1 - 0.5 ** len(responses)}

        model = ModelWithChoices()
        config = {**openai_server(model).config, "price": [1, 2], "cache_seed": None, "prompt": "{x}"}
        space = {"n": domain.randint(1, 9), "temperature": domain.uniform(0, 2), "max_tokens": 1000}
        how = {"data": DATA, "inference_budget": 0.2, "num_samples": 8, "log_file_name": log and str(log)}
        try:
            return chat.tune(metric="share", mode="max", eval_func=evaluate, **{**how, **space, **config, **options})[
                1
            ], model
        except Interrupted:
            return None, model

    return search


def account(analysis):
    return [(trial.config, trial.last_result["share"], trial.last_result["total_cost"]) for trial in analysis.trials]


@pytest.mark.slow
def test_an_interrupted_search_goes_on_where_it_was(search):
    whole, model = search(log=None)
    _, before = search(interrupted_at=9)
    again, after = search()
    assert account(again) == account(whole)
    lost = 4 + 2  # the trial in which it was interrupted is made anew
    assert len(model.requests) <= len(before.requests) + len(after.requests) <= len(model.requests) + 4 * lost
    assert 0 < len(after.requests) < len(model.requests)


@pytest.mark.slow
def test_a_search_that_is_done_makes_no_request(search):
    first, _ = search()
    again, model = search()
    assert (account(again), model.requests) == (account(first), [])


@pytest.mark.slow
def test_more_trials_can_be_asked_for(search):
    search()
    more, model = search(num_samples=12)
    whole, _ = search(log=None, num_samples=12)
    assert account(more) == account(whole)
    assert model.requests


def test_the_budget_is_for_all_runs_together(search):
    budget = {"optimization_budget": 2, "num_samples": -1}
    first, _ = search(**budget)
    again, model = search(**budget)
    assert account(first)[-1][2] >= 2
    assert len(model.requests) <= 12  # of the last trial, for which there was no money
    assert len(account(again)) == len(account(first))


@pytest.mark.slow
def test_a_line_that_was_not_written_whole_is_passed_over(search):
    first, _ = search()
    LOG.write_text(LOG.read_text()[:-20])
    again, _ = search()
    assert account(again) == account(first)
    assert all(json.loads(line) for line in LOG.read_text().splitlines())


def test_the_log_of_another_search_is_not_touched(search):
    search()
    text = LOG.read_text()
    for other in ({"data": DATA[:2]}, {"inference_budget": 0.1}, {"n": domain.randint(1, 5)}, {"prompt": "Now {x}"}):
        with pytest.raises(ValueError, match="other data, another goal or another search space"):
            search(**other)
    assert LOG.read_text() == text


@pytest.mark.parametrize("text", ["what I did today\n", "no line break", '{"trial": 1}\n'])
def test_a_file_that_is_no_log_is_not_touched(search, text, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match="is not the log of a tune"):
        search(log=file)
    assert file.read_text() == text


@pytest.mark.slow
def test_it_holds_no_key(search):
    key = "sk-test-0123456789abcdefghij"
    analysis, _ = search(api_key=key)
    assert key not in LOG.read_text() + json.dumps([trial.config for trial in analysis.trials])
