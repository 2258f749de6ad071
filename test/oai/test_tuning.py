"""`tune`: what is searched, what it costs, what is found. The real SDK against a loopback server."""

import logging
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from choices import ModelWithChoices, refused

from autogen import ChatCompletion, Completion
from autogen.testing import Fault

pytest.importorskip("optuna", reason="the extra 'tune' is not installed")

from autogen.oai._legacy.tuning_space import import_flaml_tune

domain = import_flaml_tune()

PRICE = [1, 2]  # USD for 1,000 tokens: asking costs 0.1, each choice 0.02
DATA = [{"x": str(number)} for number in range(4)]


@pytest.fixture
def chat(tmp_path, monkeypatch):
    """A class of its own for each test: what is set on it stays there."""
    monkeypatch.chdir(tmp_path)
    return type("Chat", (ChatCompletion,), {"retry_wait_time": 0, "max_retry_period": 0})


def share(responses, **_):
    return {"share": 1 - 0.5 ** len(responses)}


@pytest.fixture
def tune(chat, openai_server):
    """Tune a scripted model; nothing is searched but what a test says."""

    def tune(scripted, *, kind=chat, evaluate=share, **options):
        entry = {**openai_server(scripted).config, "price": PRICE}
        fixed = {"temperature": 0, "max_tokens": 1000, "n": 1, "prompt": "{x}", "allow_format_str_template": True}
        how = {"data": DATA, "metric": "share", "mode": "max", "eval_func": evaluate, "config_list": [entry]}
        return kind.tune(**{**how, **fixed, **options})

    return tune


def results(analysis, name="share"):
    return [trial.last_result[name] for trial in analysis.trials]


def test_settings_are_tried_with_ever_more_responses_on_ever_more_data(tune):
    model = ModelWithChoices()
    config, analysis = tune(model, n=4, inference_budget=0.3)  # pays for 100 tokens of output
    first = [("0", 1), ("0", 1), ("0", 2)]  # one response and two fit for sure; of four the other two are lacking
    assert model.asked_for == [*first, ("1", 4), ("2", 4), ("3", 4)]
    assert analysis.best_result["total_cost"] == pytest.approx(6 * 0.1 + 16 * 0.02)
    assert analysis.best_result["inference_cost"] == pytest.approx(0.1 + 4 * 0.02)
    assert analysis.best_result["share"] == pytest.approx(1 - 0.5**4)
    assert config["n"] == 4


def test_settings_that_overrun_are_given_up(tune):
    model = ModelWithChoices()
    config, analysis = tune(model, n=4, inference_budget=0.13)  # 15 tokens
    assert model.asked_for == [("0", 1), ("0", 1)]
    assert (config, results(analysis)) == (None, [-math.inf])


def test_what_is_close_to_the_budget_is_tried_on_all_data(tune):
    model = ModelWithChoices()
    tune(model, n=2, inference_budget=0.121)  # 10.5 tokens, where a response has 10
    assert model.asked_for == [("0", 1), ("1", 1), ("2", 1), ("3", 1), ("0", 1)]


def test_more_of_what_overruns_is_not_asked_for(tune):
    model = ModelWithChoices()
    _, analysis = tune(model, n=domain.choice([2, 3, 5]), inference_budget=0.121, num_samples=3)
    costs = results(analysis, "cost")
    assert costs[0] > 0
    assert len(model.requests) == 5  # all of them by the first trial
    assert costs[1:] == [0, 0]
    assert results(analysis) == [-math.inf] * 3
    assert results(analysis, "inference_cost") == [math.inf] * 3


def test_what_is_known_to_fit_is_asked_for_at_once(tune):
    model = ModelWithChoices()
    tune(model, n=4, temperature=domain.choice([0, 1]), inference_budget=0.3, num_samples=2)
    assert model.asked_for[6:] == [("0", 4), ("1", 4), ("2", 4), ("3", 4)]


def test_what_can_not_be_longer_than_the_budget_allows_is_asked_for_at_once(tune):
    model = ModelWithChoices()
    tune(model, n=4, max_tokens=domain.choice([10, 20]), inference_budget=0.3, num_samples=2)
    assert model.asked_for[6:] == [("0", 4), ("1", 4), ("2", 4), ("3", 4)]


def test_without_a_budget_for_one_instance_nothing_is_pruned(tune):
    model = ModelWithChoices()
    config, analysis = tune(model, n=4)
    assert model.asked_for == [(instance["x"], 4) for instance in DATA]
    assert analysis.best_result["inference_cost"] == pytest.approx(0.18)
    assert config == {
        "model": "gpt-4o-mini",
        "temperature": 0,
        "max_tokens": 1000,
        "n": 4,
        "prompt": "{x}",
        "allow_format_str_template": True,
    }


def test_best_of_is_asked_for_anew(tune):
    model = ModelWithChoices(name="gpt-3.5-turbo-instruct")
    plain = type("Plain", (Completion,), {"retry_wait_time": 0})
    config, _ = tune(model, kind=plain, best_of=4, n=2, inference_budget=0.3)
    assert [(request["best_of"], request["n"]) for request in model.requests] == [(1, 1), (2, 2)] + [(4, 2)] * 4
    assert (config["best_of"], config["n"]) == (4, 2)


def test_no_request_is_made_when_the_money_is_spent(tune):
    model = ModelWithChoices()
    config, analysis = tune(model, temperature=domain.uniform(0, 2), optimization_budget=1, num_samples=-1)
    assert len(model.requests) == 9  # 8 cost 0.96
    assert results(analysis) == [0.5, 0.5, -math.inf]
    assert analysis.trials[-1].last_result["total_cost"] == pytest.approx(1.08)
    assert config["temperature"] == analysis.best_config["temperature"]


def test_a_search_without_an_end_is_refused(tune):
    with pytest.raises(ValueError, match="optimization_budget"):
        tune(ModelWithChoices(), num_samples=-1)


def test_a_free_model_does_not_make_it_endless(tune, openai_server):
    free = [{**openai_server(ModelWithChoices()).config, "price": [0, 0]}]
    n = domain.randint(1, 4)
    _, analysis = tune(ModelWithChoices(), n=n, config_list=free, optimization_budget=1, num_samples=-1)
    assert len(analysis.trials) == 3


def test_the_least_is_best_if_that_is_asked_for(tune):
    def long(responses, **_):
        return {"long": 100 - len(responses)}

    config, analysis = tune(
        ModelWithChoices(),
        evaluate=long,
        metric="long",
        mode="min",
        n=domain.randint(1, 9),
        inference_budget=0.15,
        num_samples=20,
    )
    assert config["n"] == 2  # more would be less, and overrun
    assert math.inf in results(analysis, "long")


def test_one_failure_is_one_trial(tune, caplog):
    faults = [None, refused("no", code="content_filter"), None, Fault(drop=True)]
    model = ModelWithChoices(first=faults)
    config, analysis = tune(model, temperature=domain.choice([0, 0.5, 1]), num_samples=3)
    assert results(analysis) == [-math.inf, -math.inf, 0.5]
    assert config["temperature"] == analysis.trials[2].config["temperature"]
    assert "instance 1 of the data: BadRequestError" in caplog.text


def test_if_nothing_works_the_error_is_raised(tune):
    with pytest.raises(openai.AuthenticationError):
        tune(ModelWithChoices(first=[Fault(status=401)] * 9), temperature=domain.uniform(0, 1), num_samples=9)


def test_no_answer_in_time_counts_as_an_overrun(tune):
    model = ModelWithChoices(first=[Fault(status=429)])
    _, analysis = tune(model, n=domain.choice([1, 2]), inference_budget=0.3, num_samples=2)
    assert results(analysis) == [-math.inf, -math.inf]
    assert len(model.requests) == 1


def test_a_budget_needs_prices(tune, openai_server):
    unknown = [openai_server(ModelWithChoices(name="mine")).config]
    with pytest.raises(ValueError, match="price of the model 'mine' is unknown"):
        tune(ModelWithChoices(), config_list=unknown, inference_budget=1)
    config, analysis = tune(ModelWithChoices(), config_list=unknown)
    assert (config["model"], analysis.best_result["inference_cost"]) == ("mine", 0)


def test_texts_are_searched_and_come_back_as_texts(tune, chat, openai_server):
    def says(params, number):
        return " ".join([params["messages"][0]["content"], *params["stop"]])

    def evaluate(responses, x, **_):
        return {"share": float(responses[0] == f"b {x} c d")}

    model = ModelWithChoices(say=says)
    options = {"prompt": ["{x}", "b {x}"], "stop": [["e"], ["c", "d"]], "num_samples": 9, "evaluate": evaluate}
    config, analysis = tune(model, **options)
    assert (config["prompt"], config["stop"]) == ("b {x}", ["c", "d"])
    assert (analysis.best_config["prompt"], analysis.best_config["stop"]) == (1, 1)
    assert len(analysis.trials) == 4  # there is no fifth
    server = openai_server(model)
    asked = len(model.requests)
    assert chat.test(DATA, config_list=[server.config], **config)["share"] == 1  # by the function of tune
    assert len(model.requests) == asked  # by the cache
    assert chat.create(DATA[0], config_list=[server.config], **config).choices[0].message.content == "b 0 c d"


def test_messages_are_searched(tune):
    asked = [[{"role": "user", "content": f"{start} {{x}}"}] for start in "ab"]
    model = ModelWithChoices(say=lambda params, number: params["messages"][0]["content"])
    options = {"prompt": None, "messages": asked, "num_samples": 4}
    with pytest.raises(AssertionError, match="prompt or messages"):
        tune(model, **options)


@pytest.mark.parametrize("messages", [1, [[], {}], "text"])
def test_messages_have_a_form(chat, messages):
    with pytest.raises(AssertionError, match="messages"):
        chat.tune(DATA, "share", "max", share, messages=messages)


def test_alternatives_of_messages(chat, openai_server):
    asked = [[{"role": "user", "content": f"{start} {{x}}"}] for start in "ab"]
    model = ModelWithChoices(say=lambda params, number: params["messages"][0]["content"])
    best = {"metric": "b", "mode": "max", "eval_func": lambda responses, **_: {"b": float(responses[0][0] == "b")}}
    rest = {"n": 1, "max_tokens": 9, "temperature": 0, "allow_format_str_template": True, "num_samples": 2}
    config, _ = chat.tune(DATA, messages=asked, config_list=[openai_server(model).config], **best, **rest)
    assert config["messages"] == asked[1]
    assert "prompt" not in config


def test_both_temperature_and_top_p_are_warned_about(tune, caplog):
    config, _ = tune(ModelWithChoices(), top_p=0.5)
    assert (config["temperature"], config["top_p"]) == (0, 0.5)
    assert "temperature and top_p" in caplog.text


def test_every_model_begins_at_the_same_point(tune, openai_server):
    entries = [{**openai_server(ModelWithChoices(name=name)).config, "price": PRICE} for name in ("small", "large")]
    options = {"n": domain.randint(1, 9), "max_tokens": domain.randint(10, 99), "num_samples": 2, "config_list": entries}
    _, analysis = tune(ModelWithChoices(), **options)
    first, second = (dict(trial.config) for trial in analysis.trials)
    assert {first.pop("model"), second.pop("model")} == {"small", "large"}
    assert first == second
    with pytest.raises(ValueError, match="'other', which no entry"):
        tune(ModelWithChoices(), model="other", config_list=entries)


def test_the_default_space_is_searched(tune):
    options = {"n": domain.randint(1, 100), "max_tokens": domain.lograndint(50, 1000)}
    space = ChatCompletion.default_search_space
    assert set(space) == {"model", "temperature_or_top_p", "max_tokens", "n", "prompt"}
    assert space["model"].categories == ["gpt-4o-mini", "gpt-4o"]
    config, _ = tune(ModelWithChoices(), temperature_or_top_p=space["temperature_or_top_p"], num_samples=3, **options)
    assert 50 <= config["max_tokens"] <= 1000


@pytest.mark.slow
def test_a_search_takes_the_same_way_again(tune, chat):
    options = {"n": domain.randint(1, 9), "temperature": domain.uniform(0, 2), "inference_budget": 0.2, "num_samples": 12}
    model = ModelWithChoices()
    _, first = tune(model, **options)
    asked = len(model.requests)
    _, second = tune(model, **options)
    assert [trial.config for trial in first.trials] == [trial.config for trial in second.trials]
    assert results(first, "total_cost") == results(second, "total_cost")
    assert len(model.requests) == asked  # all of it is in the cache
    _, third = tune(model, search_seed=1, **options)
    assert [trial.config for trial in first.trials] != [trial.config for trial in third.trials]


@pytest.mark.slow
def test_two_searches_at_a_time_do_not_mix(chat, openai_server):
    def search(number):
        model = ModelWithChoices(output=10 * number)
        config = {**openai_server(model).config, "price": PRICE, "cache_seed": None, "prompt": "{x}"}
        options = {"n": domain.randint(1, 9), "inference_budget": 0.2, "num_samples": 10, "max_tokens": 100 * number}
        best, analysis = chat.tune(DATA, "share", "max", share, temperature=0, **options, **config)
        return best["n"], results(analysis), results(analysis, "total_cost"), model.requests

    alone = [search(number) for number in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(search, (1, 2)))
    assert together == alone


def test_what_is_found_is_told_to_those_who_ask(tune, capsys, monkeypatch):
    tune(ModelWithChoices())
    assert capsys.readouterr() == ("", "")
    tune(ModelWithChoices(), logging_level=logging.INFO)
    assert capsys.readouterr().out == "Trial 1: share 0.5, cost 0.480000, total 0.480000\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tune(ModelWithChoices())
    assert "Tuning" in capsys.readouterr().err


def test_without_optuna_the_search_is_local(tune, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "optuna", None)
    config, _ = tune(ModelWithChoices(), n=domain.randint(1, 9), inference_budget=0.15, num_samples=20)
    assert config["n"] == 2
    assert "optuna" in caplog.text
    assert "autogen-classic[tune]" in caplog.text


def test_without_flaml_the_extra_is_named(tune, monkeypatch):
    monkeypatch.delitem(sys.modules, "flaml.tune")
    monkeypatch.setitem(sys.modules, "flaml", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[tune\]"):
        tune(ModelWithChoices())


def test_the_metric_must_be_there(tune):
    with pytest.raises(ValueError, match=r"'success'.*share"):
        tune(ModelWithChoices(), metric="success")
    with pytest.raises(ValueError, match="mode"):
        tune(ModelWithChoices(), mode="best")
    with pytest.raises(ValueError, match="no data"):
        tune(ModelWithChoices(), data=[])
