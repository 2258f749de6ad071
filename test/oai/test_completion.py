"""`Completion` and `ChatCompletion`: answers, patience, fallback, cache, history. The real SDK against loopback servers."""

import json
import statistics
import subprocess
import sys

import openai
import pytest
from choices import ModelWithChoices, refused

from autogen import ChatCompletion, Completion, events
from autogen.testing import Fault

PRICE = [1, 2]  # USD for 1,000 tokens: an answer of one choice costs 0.1 + 0.02


@pytest.fixture
def chat(tmp_path, monkeypatch):
    """A class of its own for each test: what is set on it stays there."""
    monkeypatch.chdir(tmp_path)
    return type("Chat", (ChatCompletion,), {"retry_wait_time": 0})


@pytest.fixture
def ask(chat, openai_server):
    """Ask a model; returns the answer."""

    def ask(scripted, *, kind=chat, **config):
        server = openai_server(scripted)
        return kind.create(**{"prompt": "hi", "price": PRICE, **server.config, **config})

    return ask


def test_an_answer_is_a_dict_whose_keys_are_attributes(ask):
    response = ask(ModelWithChoices())
    assert response["choices"][0]["message"]["content"] == response.choices[0].message.content == "choice 0"
    assert response["usage"]["completion_tokens"] == response.usage.completion_tokens == 10
    assert response["model"] == response.model == "gpt-4o-mini"
    assert response["cost"] == response.cost == pytest.approx(0.12)
    assert json.loads(json.dumps(response)) == response
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        response.colour


def test_templates_are_filled_in_from_the_context(ask):
    model = ModelWithChoices()
    ask(model, context={"x": "sky"}, prompt="Why is the {x} blue?", allow_format_str_template=True)
    messages = [{"role": "system", "content": "be {x}"}, {"role": "user", "content": lambda context: context["x"].upper()}]
    ask(model, context={"x": "sky"}, messages=messages, prompt=None)
    assert [[m["content"] for m in asked] for asked in model.asked] == [["Why is the sky blue?"], ["be {x}", "SKY"]]


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4-0613", "gpt-4o-2024-08-06"])
def test_a_chat_model_gets_a_prompt_as_a_message(ask, chat, name):
    model = ModelWithChoices()
    ask(model, kind=type("Plain", (Completion,), {}), model=name)
    assert model.requests[0]["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("name", ["gpt-3.5-turbo-instruct", "a-model-of-mine"])
def test_another_model_gets_a_prompt_as_it_is(ask, chat, name):
    model = ModelWithChoices()
    response = ask(model, kind=type("Plain", (Completion,), {}), model=name)
    assert model.requests[0]["prompt"] == "hi"
    assert Completion.extract_text(response) == ["choice 0"]


def test_a_chat_model_needs_something_to_answer(ask):
    with pytest.raises(ValueError, match="prompt or messages"):
        ask(ModelWithChoices(), prompt=None)


def test_the_same_question_is_asked_once(ask, chat):
    model = ModelWithChoices()
    assert ask(model) == ask(model)
    assert len(model.requests) == 1
    ask(model, use_cache=False)
    ask(model, cache_seed=None)
    ask(model, cache_seed=7)
    ask(model, cache_seed=7)
    assert len(model.requests) == 4
    chat.set_cache(8)
    ask(model)
    assert (len(model.requests), chat.cache_path) == (5, ".cache/8")
    chat.clear_cache(8)
    ask(model)
    assert len(model.requests) == 6


def test_a_cache_is_deleted_whole_unless_work_is_done_in_it(ask, chat, tmp_path):
    ask(ModelWithChoices())
    assert (tmp_path / ".cache").exists()
    chat.clear_cache()
    chat.clear_cache()
    assert not (tmp_path / ".cache").exists()
    with pytest.raises(ValueError, match="Nothing was deleted"):
        chat.clear_cache(cache_path_root=".")


def test_more_choices_than_an_api_allows_take_several_requests(ask):
    model = ModelWithChoices()
    response = ask(model, n=300)
    assert [n for _, n in model.asked_for] == [128, 128, 44]
    assert [choice.index for choice in response.choices] == list(range(300))
    assert response.usage.prompt_tokens == 300
    assert response.cost == pytest.approx(3 * 0.1 + 300 * 0.02)
    assert ask(model, n=300) == response
    assert len(model.requests) == 3


def test_a_smaller_n_is_found_once_where_one_is_refused(chat, openai_server):
    model = ModelWithChoices(refuse_above=8)
    config = openai_server(model).config
    assert len(chat.create(prompt="hi", n=20, **config).choices) == 20
    assert [n for _, n in model.asked_for] == [20, 10, 5, 5, 5, 5]
    assert len(chat.create(prompt="oh", n=6, **config).choices) == 6
    assert [n for _, n in model.asked_for[6:]] == [5, 1]


@pytest.mark.parametrize("text", ["Field 'n': Value must be between 1 and 1, but got 2", "n must be 1 here"])
def test_a_refusal_may_say_it_in_words(ask, text):
    model = ModelWithChoices(first=[refused(text)])
    assert len(ask(model, n=2).choices) == 2
    with pytest.raises(openai.BadRequestError):
        ask(ModelWithChoices(first=[refused("the question is no good")]), n=2, prompt="oh")


def test_an_endpoint_that_gives_one_choice_is_asked_for_the_others(ask):
    model = ModelWithChoices(most=1)
    response = ask(model, n=3, seed=5)
    assert len(response.choices) == 3
    assert [request["seed"] for request in model.requests] == [5, 6, 7]


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=429), Fault(drop=True), Fault(status=200, body=b"oh")])
def test_what_fails_for_now_is_tried_again(ask, fault):
    model = ModelWithChoices(first=[fault, fault])
    assert ask(model).choices[0].message.content == "choice 0"
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=401), openai.AuthenticationError),
        (Fault(status=404), openai.NotFoundError),
        (refused("no", code="content_filter"), openai.BadRequestError),
        (refused("no", status=429, code="insufficient_quota"), openai.RateLimitError),
        (refused("no", status=500, code="content_filter"), openai.InternalServerError),
    ],
)
def test_what_fails_for_good_is_not(ask, fault, error):
    model = ModelWithChoices(first=[fault])
    with pytest.raises(error):
        ask(model)
    assert len(model.requests) == 1


def test_patience_ends(ask):
    with pytest.raises(openai.RateLimitError):
        ask(ModelWithChoices(first=[Fault(status=429)]), max_retry_period=0)
    with pytest.raises(openai.APIConnectionError):
        ask(ModelWithChoices(first=[Fault(drop=True)]), max_retry_period=0)


def test_no_answer_in_time_is_an_error_of_the_sdk_or_minus_one(ask):
    model = ModelWithChoices(first=[Fault(delay=60)] * 2)
    slow = {"request_timeout": 0.2, "max_retry_period": 0}
    assert ask(model, raise_on_ratelimit_or_timeout=False, **slow) == -1
    assert ask(model, raise_on_ratelimit_or_timeout=False, **slow) == -1
    assert len(model.requests) == 1  # the cache knows
    with pytest.raises(openai.APITimeoutError):
        ask(model, **slow)
    assert ask(model) == ask(model, raise_on_ratelimit_or_timeout=False)


def test_a_rate_limit_is_minus_one_and_not_remembered(ask):
    model = ModelWithChoices(first=[Fault(status=429)])
    assert ask(model, raise_on_ratelimit_or_timeout=False, max_retry_period=0) == -1
    assert ask(model, raise_on_ratelimit_or_timeout=False, max_retry_period=0).choices


def test_a_second_try_has_more_time(ask):
    model = ModelWithChoices(first=[Fault(delay=60)])
    assert ask(model, request_timeout=0.5).choices
    assert len(model.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_the_next_config_takes_over_at_once(chat, openai_server, status):
    bad, good = openai_server(ModelWithChoices(first=[Fault(status=status)] * 9)), openai_server(ModelWithChoices())
    entries = [bad.config, {**good.config, "temperature": 1}]
    seen = []
    with events.subscribe(seen.append, types=[events.ModelFailed]):
        response = chat.create(config_list=entries, prompt="hi", temperature=0, price=PRICE)
    assert [event.then for event in seen] == ["trying the next endpoint"]
    assert (response.config_id, response.pass_filter, response.cost) == (1, True, pytest.approx(0.12))
    assert (len(bad.requests), good.requests[0]["temperature"]) == (1, 1)  # an entry overrides what is shared


def test_a_config_with_a_retry_period_of_its_own_is_retried_before_the_next(chat, openai_server):
    first = openai_server(ModelWithChoices(first=[Fault(delay=60), Fault(status=500)]))
    second = openai_server(ModelWithChoices())
    entries = [{**first.config, "max_retry_period": 60, "request_timeout": 0.3}, second.config]
    assert chat.create(config_list=entries, prompt="hi").config_id == 0
    assert (len(first.requests), len(second.requests)) == (3, 0)


def test_failing_configs_keep_their_place_in_the_list(chat, openai_server):
    first = openai_server(ModelWithChoices(first=[Fault(status=401)]))
    second = openai_server(ModelWithChoices())
    entries = [first.config, second.config]
    assert [chat.create(config_list=entries, prompt=text).config_id for text in ("hi", "oh")] == [1, 0]


def test_a_timeout_is_remembered_of_the_last_config_alone(chat, openai_server):
    slow = ModelWithChoices(first=[Fault(delay=60)] * 3)
    entries = [{**openai_server(slow).config, "request_timeout": 0.2}] * 2
    for _ in range(2):
        assert chat.create(config_list=entries, prompt="hi", raise_on_ratelimit_or_timeout=False, max_retry_period=0) == -1
    assert len(slow.requests) == 3


def test_the_error_of_the_last_config_is_raised(chat, openai_server):
    servers = [openai_server(ModelWithChoices(first=[Fault(status=status)])) for status in (401, 400)]
    with pytest.raises(openai.BadRequestError):
        chat.create(config_list=[server.config for server in servers], prompt="hi")


def test_filtered_content_is_not_for_the_next_config(chat, openai_server):
    first = openai_server(ModelWithChoices(first=[refused("no", code="content_filter")]))
    second = openai_server(ModelWithChoices())
    with pytest.raises(openai.BadRequestError):
        chat.create(config_list=[first.config, second.config], prompt="hi")
    assert not second.requests


def test_a_filter_passes_answers_over_and_their_cost_is_added(chat, openai_server):
    server = openai_server(ModelWithChoices(say=lambda params, number: params["user"]))
    entries = [{**server.config, "user": name} for name in ("a", "b", "c")]
    seen = []

    def accepts(context, response):
        seen.append(context["x"])
        return response.choices[0].message.content == context["x"]

    response = chat.create({"x": "b"}, config_list=entries, filter_func=accepts, prompt="hi", price=PRICE)
    assert (response.config_id, response.pass_filter, response.cost) == (1, True, pytest.approx(0.24))
    response = chat.create({"x": "z"}, config_list=entries, filter_func=accepts, prompt="hi", price=PRICE)
    assert (response.config_id, response.pass_filter, response.cost) == (2, False, pytest.approx(0.36))
    assert seen == ["b", "b", "z", "z", "z"]


def test_responses_that_a_filter_rejects_are_recorded_too(chat, openai_server):
    config = openai_server(ModelWithChoices()).config
    chat.start_logging(compact=False)
    chat.create(config_list=[config, config], filter_func=lambda context, response: False, prompt="hi", use_cache=False)
    assert list(chat.logged_history) == [0, 1]


def test_an_empty_config_list_is_warned_about(ask, caplog):
    assert ask(ModelWithChoices(), config_list=[]).choices
    assert "config_list is empty" in caplog.text


def test_calls_are_recorded_by_conversation(ask, chat, capsys):
    assert chat.logged_history is None
    chat.print_usage_summary()
    chat.start_logging()
    model = ModelWithChoices()
    first = [{"role": "user", "content": "hi"}]
    said = {"role": "assistant", "content": "choice 0"}
    ask(model, messages=first, prompt=None)
    more = [*first, said, {"role": "user", "content": "go on"}]
    ask(model, messages=more, prompt=None)
    ask(model, prompt="something else")
    (long, other) = chat.logged_history.items()
    assert json.loads(long[0]) == [*more, said]
    tokens = {"model": "gpt-4o-mini", "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    assert long[1] == {"created_at": [0, 1], "cost": [pytest.approx(0.12)] * 2, "token_count": [tokens] * 2}
    assert other[1]["created_at"] == [2]
    chat.stop_logging()
    ask(model, prompt="not recorded")
    assert len(chat.logged_history) == 2
    chat.print_usage_summary()
    printed = capsys.readouterr().out.splitlines()
    assert "start_logging" in printed[0]
    assert printed[1:] == [
        "Total cost: 0.36",
        "Token count summary for model gpt-4o-mini: prompt_tokens: 300, completion_tokens: 30, total_tokens: 330",
    ]


def test_calls_are_recorded_whole(ask, chat, capsys):
    mine = {}
    chat.start_logging(mine, compact=False)
    response = ask(ModelWithChoices(), temperature=1)
    assert chat.logged_history is mine
    asked = {"model": "gpt-4o-mini", "temperature": 1, "messages": [{"role": "user", "content": "hi"}]}
    assert mine == {0: {"request": asked, "response": response}}
    chat.start_logging(mine, compact=False, reset_counter=False)
    ask(ModelWithChoices(), temperature=2)
    assert list(mine) == [0, 1]
    chat.print_usage_summary()
    assert "Total cost: 0.24" in capsys.readouterr().out


def measure(responses, x, **_):
    return {"length": len(responses[0]), "value": x, "right": x > 1, "text": responses[0]}


@pytest.mark.parametrize(
    ("method", "value"),
    [("avg", 2.0), ("average", 2.0), ("median", 1.5), (max, 4), ({"value": sum}, 8), ({"value": statistics.pvariance}, 1.5)],
)
def test_metrics_are_aggregated(chat, openai_server, method, value):
    config = {**openai_server(ModelWithChoices()).config, "price": PRICE, "prompt": lambda context: str(context["x"])}
    data = [{"x": x} for x in (1, 1, 2, 4)]
    totals = chat.test(data, measure, agg_method=method, **config)
    assert totals["value"] == value
    assert (totals["cost"], totals["inference_cost"]) == (pytest.approx(0.48), pytest.approx(0.12))
    assert "text" not in totals
    _, results, responses = chat.test(data, measure, True, method, True, **config)
    assert (results[3]["value"], responses) == (4, [["choice 0"]] * 4)


def test_a_test_says_what_it_lacks(chat, openai_server, caplog):
    config = {**openai_server(ModelWithChoices()).config, "prompt": "hi"}
    assert chat.test([{"x": 1}], **config) is None
    assert "eval_func" in caplog.text
    with pytest.raises(ValueError, match="no data"):
        chat.test([], measure, **config)
    with pytest.raises(ValueError, match="agg_method"):
        chat.test([{"x": 1}], measure, agg_method="best", **config)
    with pytest.raises(AssertionError, match="must be a function"):
        chat.test([{"x": 1}], measure, agg_method={"value": "avg"}, **config)


def test_texts_and_calls_are_taken_out_of_plain_dicts():
    called = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    response = {"choices": [{"message": {"content": "a"}}, {"message": called}, {"text": "b"}], "model": "gpt-4-0613"}
    assert Completion.extract_text(response) == ["a", "", "b"]
    assert Completion.extract_text_or_function_call(response) == ["a", called, "b"]
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000}
    price = Completion.price1K["gpt-4-0613"]
    assert Completion.cost({**response, "usage": usage}) == pytest.approx(sum(price))
    assert Completion.instantiate("{x}", {"x": 1}, True) == "1"


def test_it_loads_no_optimiser():
    code = (
        "import sys, autogen; autogen.ChatCompletion.chat_models; assert not {'flaml', 'numpy', 'openai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
