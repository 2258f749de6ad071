"""Budgets: the step down to cheaper endpoints, windows of time, tenants, unknown prices."""

import multiprocessing
import sqlite3
import threading
from contextlib import closing

import pytest

from autogen import BudgetExceeded, OpenAIWrapper, events
from autogen.agentchat.chat import StopReason
from autogen.exception_utils import UnknownPrice
from autogen.oai._once import _emitted
from autogen.oai._requests import expenses
from autogen.oai._usage import windows
from autogen.testing import OpenAIServer, Reply, ScriptedModel

HI = [{"role": "user", "content": "hi"}]
HUNDRED = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}


def costing(name, *texts, price=(1.0, 1.0), **entry):
    """A model each of whose answers takes 100 tokens, at 0.1 USD by default, and at most about as much."""
    model = ScriptedModel(*[Reply(text, usage=HUNDRED) for text in texts])
    priced = {} if price is None else {"price": list(price)}
    return model, {**model.config, "model": name, "max_tokens": 80, **priced, **entry}


@pytest.fixture
def ask(call):
    # Each test sees the lines that are logged once.
    _emitted.clear()

    def ask(client, **settings):
        response = call(client.create, messages=HI, cache_seed=None, **settings)
        return response, client.extract_text_or_completion_object(response)[0]

    return ask


@pytest.mark.parametrize("stream", [False, True])
def test_requests_step_down_to_what_the_budget_suffices_for(ask, caplog, stream):
    dear, dear_entry = costing("dear", *"abcd")
    cheap, cheap_entry = costing("cheap", *"efgh", price=(0.001, 0.001))
    client = OpenAIWrapper(
        config_list=[dear_entry, cheap_entry], max_cost=0.25, on_budget="next", cache_seed=None, stream=stream
    )
    steps = []
    with events.subscribe(lambda event: steps.append(event) if isinstance(event, events.SteppedDown) else None):
        answers = [ask(client) for _ in range(4)]
    assert [text for _, text in answers] == ["a", "b", "e", "f"]
    assert (len(dear.requests), len(cheap.requests)) == (2, 2)
    assert [hasattr(response, "stepped_down") for response, _ in answers] == [False, False, True, True]
    assert answers[2][0].stepped_down == {"from": "dear", "to": "cheap", "left": pytest.approx(0.05)}
    assert answers[2][0].config_id == 1
    assert [(step.model, step.to.split()[0]) for step in steps] == [("dear", "cheap")] * 2
    assert steps[0].left == pytest.approx(0.05)
    assert caplog.text.count("too little left for dear") == 1


def test_a_free_model_at_the_end_answers_when_all_is_spent(ask):
    _, dear = costing("dear", *"ab")
    with OpenAIServer(lambda messages: "free") as server:
        client = OpenAIWrapper(config_list=[dear, {**server.config, "model": "own"}], max_cost=0, on_budget="next")
        assert [ask(client)[1] for _ in range(2)] == ["free", "free"]


def test_an_entry_may_insist_on_stopping(ask):
    _, dear = costing("dear", "a", on_budget="stop")
    _, cheap = costing("cheap", "b", price=(0, 0))
    client = OpenAIWrapper(config_list=[dear, cheap], max_cost=0, on_budget="next")
    with pytest.raises(BudgetExceeded) as caught:
        ask(client)
    assert caught.value.on_budget == "stop"


def test_a_budget_is_not_exceeded_by_requests_at_the_same_time():
    arrived, answer = threading.Semaphore(0), threading.Event()

    def slow(messages):
        arrived.release()
        assert answer.wait(30)
        return Reply("a", usage=HUNDRED)

    with OpenAIServer(slow) as server:
        entry = {**server.config, "price": [1, 1], "max_tokens": 80}
        client = OpenAIWrapper(config_list=[entry], max_cost=0.15, on_budget="next", cache_seed=None)
        thread = threading.Thread(target=client.create, kwargs={"messages": HI})
        thread.start()
        assert arrived.acquire(timeout=30)
        # The first has spent nothing yet, but it may take most of it.
        with pytest.raises(BudgetExceeded):
            client.create(messages=HI)
        answer.set()
        thread.join()
        assert len(server.requests) == 1


def test_what_a_failed_request_had_reserved_is_free_again(ask):
    model = ScriptedModel(ValueError("no"), Reply("a", usage=HUNDRED))
    client = OpenAIWrapper(
        config_list=[{**model.config, "price": [1, 1], "max_tokens": 80}], max_cost=0.15, on_budget="next", cache_seed=None
    )
    with pytest.raises(ValueError, match="no"):
        ask(client)
    assert ask(client)[1] == "a"


@pytest.mark.parametrize("where", ["agent", "chat"])
def test_a_chat_ends_with_a_partial_result_that_says_so(call, agent, where):
    _, entry = costing("dear", *"abcd")
    limits = {"max_cost": 0.25, "on_budget": "next"}
    config = {"config_list": [entry], "cache_seed": None, **(limits if where == "agent" else {})}
    user, speaker = agent("user", default_auto_reply="more"), agent("speaker", llm_config=config)
    result = call(user.initiate_chat, speaker, message="go", **(limits if where == "chat" else {}))
    assert result.stop_reason is StopReason.BUDGET
    assert f"The {where}'s budget is too small for the next request: max_cost is 0.25" in result.stop_detail
    assert [message["content"] for message in result.chat_history] == ["go", "a", "more", "b", "more"]
    assert result.summary == "more"
    assert result.cost["usage_including_cached_inference"]["total_cost"] == pytest.approx(0.2)


def test_a_chat_inside_a_chat_ends_the_outer_one(call, agent):
    _, entry = costing("dear", *"abcd")
    expert = agent("expert", llm_config={"config_list": [entry], "cache_seed": None})
    user, asker = agent("user", default_auto_reply="more"), agent("asker")
    asker.register_nested_chats([{"recipient": expert, "max_turns": 1}], trigger=user)
    result = call(user.initiate_chat, asker, message="go", max_cost=0.25, on_budget="next")
    assert result.stop_reason is StopReason.BUDGET
    assert [message["content"] for message in result.chat_history] == ["go", "a", "more", "b", "more"]


def test_a_resumed_chat_remembers_the_step(call, tmp_path, agent):
    seen = []
    for texts in ("b", ""):
        _, dear = costing("dear")
        _, cheap = costing("cheap", *texts, price=(0, 0))
        config = {"config_list": [dear, cheap], "cache_seed": None, "max_cost": 0, "on_budget": "next"}
        config["filter_func"] = lambda context, response: seen.append(getattr(response, "stepped_down", None)) or True
        user, speaker = agent("user"), agent("speaker", llm_config=config)
        result = call(user.initiate_chat, speaker, message="go", max_turns=1, checkpoint=tmp_path / "chat.db")
        assert result.summary == "b"


def test_an_unknown_price_is_not_nothing(ask, monkeypatch):
    # Nobody answers there: what is refused is not sent.
    unknown = {"model": "a-stranger", "base_url": "https://models.invalid/v1", "api_key": "k"}
    client = OpenAIWrapper(config_list=[unknown], max_cost=1, cache_seed=None)
    with pytest.raises(UnknownPrice, match=r'The price of a-stranger at .* is unknown.*"unknown_price": "free"'):
        ask(client)
    _, cheap = costing("cheap", "b")
    assert ask(OpenAIWrapper(config_list=[unknown, cheap], max_cost=1, on_budget="next"))[1] == "b"
    with OpenAIServer("a") as server:
        # As if the server were somebody else's.
        monkeypatch.setattr(expenses, "find_price_source", lambda model, address: None)
        entry = {**server.config, "model": "a-stranger"}
        with pytest.raises(UnknownPrice):
            ask(OpenAIWrapper(config_list=[entry], max_cost=1))
        assert server.requests == []
        assert ask(OpenAIWrapper(config_list=[{**entry, "unknown_price": "free"}], max_cost=1))[1] == "a"


def test_sums_with_unknown_prices_are_lower_bounds(ask, capsys):
    with OpenAIServer("a") as server:
        client = OpenAIWrapper(config_list=[{**server.config, "model": "a-stranger"}])
        ask(client)
        client.print_usage_summary("actual")
    assert "Total cost: ≥ 0" in capsys.readouterr().out


def make_windowed(store, *texts, limit=None, **settings):
    model, entry = costing("m", *texts)
    limit = {"usd": 0.25, "per": "day", "store": store, **(limit or {})}
    return model, OpenAIWrapper(config_list=[entry], max_cost=limit, cache_seed=None, **settings)


def test_a_window_outlives_the_wrapper_and_ends_with_time(ask, tmp_path, monkeypatch):
    store = tmp_path / "folder" / "b.db"
    for text in "ab":
        assert ask(make_windowed(store, text)[1])[1] == text
    model, client = make_windowed(store, "c")
    with pytest.raises(BudgetExceeded, match=r"max_cost per day is 0.25, and 0.2 are spent"):
        ask(client)
    assert model.requests == []
    # Another tenant has spent nothing.
    assert ask(make_windowed(store, "d", budget_key="acme")[1])[1] == "d"
    assert ask(make_windowed(store, "e", limit={"key": "acme"})[1])[1] == "e"
    with pytest.raises(BudgetExceeded, match="for 'acme'"):
        ask(make_windowed(store, "e", budget_key="acme")[1])
    now = windows.time.time()
    monkeypatch.setattr(windows.time, "time", lambda: now + 86401)
    assert ask(client)[1] == "c"


def test_a_window_of_tokens_for_a_chat_steps_down(call, agent, tmp_path):
    _, entry = costing("m", *"abc")
    user, speaker = (
        agent("user", default_auto_reply="more"),
        agent("speaker", llm_config={"config_list": [entry], "cache_seed": None}),
    )
    limit = [{"tokens": 400, "per": "hour", "store": tmp_path / "b.db"}, {"tokens": 9999, "per": "day"}]
    limit[1]["store"] = tmp_path / "c.db"
    result = call(user.initiate_chat, speaker, message="go", max_tokens_total=limit, on_budget="next", cache=None)
    assert result.stop_reason is StopReason.BUDGET
    assert "max_tokens_total per hour is 400" in result.stop_detail
    with closing(sqlite3.connect(tmp_path / "c.db")) as connection, connection:
        # What the hour refused is not reserved in the day.
        assert {row[0] for row in connection.execute("SELECT tokens FROM spendings")} == {100}
    connection.close()


def _reserve(store, barrier, results):
    window = windows.Window("max_cost", 1.0, "day", "default", store)
    barrier.wait()
    results.put(bool(windows.reserve_amounts([window], 0.4, 0)[0]))


@pytest.mark.slow
def test_processes_do_not_spend_the_same_dollar(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_reserve, args=(tmp_path / "b.db", barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    assert sorted(results.get(timeout=60) for _ in processes) == [False, False, True, True]
    for process in processes:
        process.join()


def test_a_store_that_cannot_be_used_allows_nothing(ask, tmp_path):
    store = tmp_path / "b.db"
    store.write_text("no database, but long enough to be read as one" * 20)
    model, client = make_windowed(store, "a")
    with pytest.raises(OSError, match="nothing is spent"):
        ask(client)
    assert model.requests == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_cost": {"usd": 5}}, "must have 'per', one of minute, hour, day"),
        ({"max_cost": {"tokens": 5, "per": "day"}}, "A window of max_cost has no 'tokens'"),
        ({"max_tokens_total": {"usd": 5, "per": "day"}}, "A window of max_tokens_total has no 'usd'"),
        ({"max_cost": {"usd": -1, "per": "day"}}, "a number of at least 0"),
        ({"max_cost": {"usd": 1, "per": "day"}, "budget_key": ""}, "a text that is not empty"),
        ({"on_budget": "later"}, "on_budget must be 'stop' or 'next', got 'later'"),
        ({"unknown_price": 0}, "unknown_price must be 'free' or 'refuse', got 0"),
    ],
)
def test_invalid_budgets_are_errors_before_any_request(settings, message):
    with pytest.raises(ValueError, match=message):
        OpenAIWrapper(config_list=[costing("m")[1]], **settings)
