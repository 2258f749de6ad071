"""What an answer costs: whose price counts, what is read out of a name, and what happens where nobody knows."""

import json
import logging
import pickle
import subprocess
import sys
import threading
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion

from autogen import OpenAIWrapper
from autogen._models.catalogue import get_context_limit, is_private
from autogen.oai._usage import cost as cost_module
from autogen.oai._usage.cost import UnknownCost, compute_cost, get_price, read_usage
from autogen.oai._usage.ledger import UsageLedger, format_usage_report
from autogen.oai.openai_utils import OAI_PRICE1K
from autogen.testing import OpenAIServer, RawReply, Reply

number = count()


def used(model, prompt=1000, completion=1000, **parts):
    return {"model": model, "prompt_tokens": prompt, "completion_tokens": completion, **parts}


@pytest.fixture
def stranger():
    """The name of a model that nobody has asked about."""
    return f"stranger-{next(number)}"


@pytest.fixture
def source():
    """The maintained source itself, to compare with."""
    return pytest.importorskip("genai_prices")


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("gpt-4-0314", 0.09),
        ("gpt-4-32k-0314", 0.18),
        ("gpt-4-1106-preview", 0.04),
        ("gpt-3.5-turbo-0301", 0.0035),
        ("gpt-35-turbo-0301", 0.0035),
        ("gpt-35-turbo-16k", 0.007),
        ("openai/gpt-4-0314", 0.09),
        ("text-davinci-003", 0.04),
        ("code-davinci-002", 0.2),
        ("code-cushman-001", 0.048),
        ("llama3-70b-8192", 0.00138),
    ],
)
def test_retired_models_have_the_price_that_they_had(model, cost):
    assert compute_cost(used(model)) == pytest.approx(cost)


@pytest.mark.parametrize("price", [(0.1, 0.2), [0.1, 0.2], 0.15])
@pytest.mark.parametrize("asked", ["{}", "models/{}", "acme/{}", "{}-2031-01-02", "{}-20310102", "{}-0613", "{}@20310102"])
def test_a_users_own_price_serves_every_spelling_of_the_name(monkeypatch, stranger, price, asked):
    monkeypatch.setitem(OAI_PRICE1K, stranger, price)
    assert compute_cost(used(asked.format(stranger))) == pytest.approx(0.3)


def test_a_users_own_price_comes_before_the_maintained_one(monkeypatch):
    monkeypatch.setitem(OAI_PRICE1K, "gpt-4o", (1.0, 2.0))
    assert compute_cost(used("gpt-4o-2024-08-06")) == 3.0
    assert compute_cost(used("gpt-4o"), price=(0.0, 0.0)) == 0.0


def test_the_exact_name_comes_before_the_one_without_its_date(monkeypatch, stranger):
    monkeypatch.setitem(OAI_PRICE1K, stranger, 1.0)
    monkeypatch.setitem(OAI_PRICE1K, f"{stranger}-2031-01-02", 2.0)
    assert compute_cost(used(f"{stranger}-2031-01-02", 1000, 0)) == 2.0


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-2024-05-13", "gpt-4.1-mini", "o3", "claude-3-5-sonnet-20241022"])
def test_current_models_have_the_price_of_the_maintained_source(source, model):
    expected = source.calc_price(source.Usage(input_tokens=1000, output_tokens=1000), model).total_price
    assert type(compute_cost(used(model))) is float
    assert compute_cost(used(model)) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("azure/gpt-4o", "gpt-4o"),
        ("openrouter/openai/gpt-4o", "gpt-4o"),
        ("models/gemini-2.0-flash", "gemini-2.0-flash"),
        ("gemini/gemini-2.0-flash", "gemini-2.0-flash"),
        ("gpt-35-turbo", "gpt-3.5-turbo"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022"),
    ],
)
def test_the_maintained_source_is_asked_for_every_spelling(source, spelling, plain):
    assert compute_cost(used(spelling)) == pytest.approx(compute_cost(used(plain))) != 0


def test_cached_input_costs_less(source):
    whole, half, wrong = (compute_cost(used("gpt-4o", 1000, 0, cached_tokens=n)) for n in (0, 500, 5000))
    assert 0 < half < whole
    assert wrong == whole


def test_parts_without_a_price_of_their_own_cost_what_the_whole_costs(source):
    parts = {"cached_tokens": 500, "reasoning_tokens": 700, "input_audio_tokens": 5, "output_audio_tokens": 5}
    assert compute_cost(used("gpt-4", **parts)) == pytest.approx(0.09)
    assert compute_cost(used("o1", 0, 1000, reasoning_tokens=700)) == pytest.approx(compute_cost(used("o1", 0, 1000)))


def answer(usage):
    head = {"id": "1", "created": 1, "object": "chat.completion", "choices": [], "model": "gpt-4o"}
    return ChatCompletion.model_validate({**head, "usage": usage})


@pytest.mark.parametrize(
    ("price", "cost"),
    [([1, 2], 120), ([1, 2, 0.1], 75), ([1, 2, 0.1, 1.25], 82.5)],
    ids=["input and output", "cached input", "cache writes"],
)
def test_an_entrys_price_may_tell_cached_input_and_writes_to_the_cache(price, cost):
    details = {"cached_tokens": 50_000, "cache_write_tokens": 30_000}
    usage = {"prompt_tokens": 100_000, "completion_tokens": 10_000, "prompt_tokens_details": details}
    with OpenAIServer(Reply("ok", usage=usage)) as server:
        client = OpenAIWrapper(config_list=[{**server.config, "price": price}], cache_seed=None)
        assert client.create(messages=[{"role": "user", "content": "hi"}]).cost == pytest.approx(cost)


COUNTS = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
PLACES = {
    "DeepSeek": {"usage": {**COUNTS, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}},
    "Groq": {"x_groq": {"id": "r", "usage": {**COUNTS, "prompt_tokens_details": {"cached_tokens": 64}}}},
    "llama.cpp": {"usage": COUNTS, "timings": {"cache_n": 64, "prompt_n": 36}},
    "xAI, without the reasoning": {
        "usage": {**COUNTS, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 64}}
    },
}


@pytest.mark.parametrize("vendor", PLACES)
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_read_where_servers_put_them(vendor, stream):
    head = {"id": "1", "model": "m"}
    message = {"role": "assistant", "content": "ok"}
    body = {**head, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **PLACES[vendor]}
    events = [{**head, "choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]}]
    with OpenAIServer(RawReply(body, [*events, {**head, "choices": [], **PLACES[vendor]}])) as server:
        client = OpenAIWrapper(config_list=[{**server.config, "price": [1, 1, 0]}], cache_seed=None, stream=stream)
        response = client.create(messages=[{"role": "user", "content": "hi"}])
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (100, 10)
    assert response.cost == pytest.approx(0.046)


def test_what_an_answer_says_about_its_tokens_is_read_with_its_parts():
    details = {"prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 10}}
    usage = CompletionUsage(prompt_tokens=100, completion_tokens=20, total_tokens=120, **details)
    expected = {**used("gpt-4o", 100, 20), "total_tokens": 120, "cached_tokens": 60, "reasoning_tokens": 10}
    assert read_usage(answer(usage)) == expected


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}])
def test_an_answer_without_counts_costs_nothing(usage):
    response = ChatCompletion.model_construct(model="gpt-4-0314", usage=usage)
    assert read_usage(response) == {**used("gpt-4-0314", 0, 0), "total_tokens": 0}
    assert compute_cost(read_usage(response)) == 0.0
    assert compute_cost({"model": "gpt-4o", "prompt_tokens": None}) == 0.0


def test_an_unknown_price_is_told_once_and_marked(caplog, stranger):
    costs = []
    threads = [threading.Thread(target=lambda: costs.append(compute_cost(used(stranger)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert costs == [0.0] * 8
    assert all(isinstance(cost, UnknownCost) for cost in costs)
    assert [stranger in record.getMessage() for record in caplog.records] == [True]
    assert '"price": [input, output]' in caplog.text
    assert get_price(stranger) is None


def test_the_mark_survives_where_costs_are_kept():
    cost = UnknownCost(0.0)
    assert isinstance(pickle.loads(pickle.dumps(cost)), UnknownCost)
    assert json.dumps(cost) == "0.0"


@pytest.mark.parametrize("model", ["deepseek-r1:7b", "llama3.2:latest", "gpt-oss:20b", "meta-llama/Llama-3.1-8B-Instruct"])
def test_a_model_on_somebodys_own_server_has_no_price(model):
    assert isinstance(compute_cost(used(model)), UnknownCost)
    assert get_context_limit(model) is None


def test_the_address_says_whose_price_counts(source):
    own = "http://127.0.0.1:8000/v1"
    assert isinstance(compute_cost(used("deepseek-r1"), base_url=own), UnknownCost)
    assert compute_cost(used("gpt-4o"), base_url=own) == compute_cost(used("gpt-4o")) > 0  # a gateway
    groq = compute_cost(used("llama-3.3-70b-versatile"), base_url="https://api.groq.com/openai/v1")
    assert groq > 0
    assert not isinstance(groq, UnknownCost)
    for unheard in ("https://unheard.example.org/v1", "the SDK's default URL", "http://[broken"):
        assert compute_cost(used("gpt-4o"), base_url=unheard) == compute_cost(used("gpt-4o"))


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("http://localhost:11434/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://192.168.1.7/v1", True),
        ("http://ollama:11434", True),
        ("https://llm.corp.internal/v1", True),
        ("localhost:1234", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_ones_own_network_is_known_by_its_addresses(address, private):
    assert is_private(address) is private


def test_reading_a_model_that_the_table_does_not_list_asks_the_maintained_source(source, stranger):
    assert OAI_PRICE1K["gpt-4o"] == get_price("gpt-4o")
    assert "gpt-4o" not in OAI_PRICE1K
    with pytest.raises(KeyError):
        OAI_PRICE1K[stranger]


@given(st.text(), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-5, 10**10))
def test_no_name_and_no_counts_make_it_fail(model, prompt, completion, cached):
    logging.disable(logging.WARNING)
    try:
        assert compute_cost(used(model, prompt, completion, cached_tokens=cached)) >= 0
        assert compute_cost(used("gpt-4o", prompt, completion, cached_tokens=cached)) >= 0
    finally:
        logging.disable(logging.NOTSET)


def test_without_the_maintained_source_its_models_are_unknown():
    probe = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from autogen.oai._usage.cost import compute_cost\n"
        "for model in ('gpt-4o', 'gpt-4-0314'): print(compute_cost({'model': model, 'prompt_tokens': 1000}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], text=True, capture_output=True, check=True)
    assert done.stdout.split() == ["0.0", "0.03"]
    assert "is not known" in done.stderr


def test_the_maintained_source_is_loaded_by_the_first_question_that_needs_it():
    probe = (
        "import sys, autogen\n"
        "from autogen.oai._usage.cost import compute_cost, OAI_PRICE1K\n"
        "compute_cost({'model': 'gpt-4-0314'}), compute_cost({'model': 'mine'}, (0.0, 0.0))\n"
        "print('genai_prices' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "False"


def test_a_ledger_loses_nothing_between_threads():
    ledger = UsageLedger()
    one = {**used("m", 2, 3), "total_tokens": None, "cost": 0.5}

    def add():
        for turn in range(500):
            ledger.add(one, cached=turn % 2 == 0)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {"cost": 2000.0, "prompt_tokens": 8000, "completion_tokens": 12000, "total_tokens": 20000}
    assert ledger.total == {"total_cost": 2000.0, "m": expected}
    assert ledger.actual["total_cost"] == 1000.0


def test_a_ledger_takes_counts_that_are_missing():
    ledger = UsageLedger()
    ledger.add({"model": "m", "prompt_tokens": None, "completion_tokens": None, "total_tokens": None, "cost": None}, False)
    ledger.add({}, False)
    ledger.add(None, False)
    zero = {"cost": 0.0, "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert ledger.total == {"total_cost": 0.0, "m": zero}


def test_a_report_tells_an_unknown_price_from_nothing_to_pay(stranger):
    ledger = UsageLedger()
    ledger.add({**used("free"), "cost": 0.0}, cached=False)
    assert "not known" not in "\n".join(format_usage_report(ledger, "both"))
    ledger.add({**used(stranger), "cost": cost_module.compute_cost(used(stranger))}, cached=False)
    assert [line for line in format_usage_report(ledger, "both") if "not known" in line] == [
        f"Price not known, counted as 0: {stranger}"
    ]
    ledger.clear()
    assert ledger.unpriced == frozenset()
