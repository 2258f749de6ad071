"""`OpenAIWrapper`: fallback, errors, caching, cost. The real SDK against loopback servers."""

import asyncio
import copy
import dataclasses
import logging
import re
import socket

import openai
import pytest

from autogen import ChatCompletion, ConversableAgent, LLMConfig, OpenAIWrapper
from autogen.cache import Cache
from autogen.oai._usage.cost import compute_cost
from autogen.oai.client import OpenAIClient
from autogen.testing import Fault, OpenAIServer, Reply, ScriptedModel, tool_call

HI = [{"role": "user", "content": "hi"}]
KEY = "sk-test-0123456789abcdefghij"


@pytest.fixture
def create(mode):
    """Ask a wrapper in the mode under test, sync or async."""

    def create(wrapper, **config):
        return wrapper.create(**config) if mode == "sync" else asyncio.run(wrapper.a_create(**config))

    return create


def text(response):
    return OpenAIWrapper.extract_text_or_completion_object(response)[0]


@pytest.fixture
def closed_port():
    """A port that refuses connections, and is nobody else's meanwhile: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


FAULTS = {
    "401": Fault(status=401, message="Incorrect API key provided: sk-test-0123456789abcdefghij."),
    "403": Fault(status=403),
    "404": Fault(status=404),
    "429": Fault(status=429),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "dropped": Fault(drop=True),
    "html": Fault(status=200, body=b"<html>busy</html>", headers={"Content-Type": "text/html"}),
    "broken JSON": Fault(status=200, body=b'{"choices": ['),
    "other JSON": Fault(status=200, body=b'{"detail": "no"}'),
    "a list": Fault(status=200, body=b"[1, 2]"),
    "a string": Fault(status=200, body=b'"hi"'),
    "no choices": Fault(status=200, body=b'{"id": "x", "object": "chat.completion", "model": "m", "choices": []}'),
    "odd choices": Fault(status=200, body=b'{"id": "x", "object": "chat.completion", "model": "m", "choices": [{"a": 1}]}'),
    "null": Fault(status=200, body=b"null"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_endpoint_hands_over_to_the_next(create, openai_server, caplog, fault):
    broken, working = openai_server(fault), openai_server("from the second")
    wrapper = OpenAIWrapper(config_list=[broken.config | {"api_key": KEY}, working.config], cache_seed=None)
    response = create(wrapper, messages=HI)
    assert text(response) == "from the second"
    assert response.config_id == 1
    assert "; trying the next endpoint (" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_an_endpoint_that_nobody_listens_at_hands_over(create, openai_server, closed_port, stream):
    nobody = {"model": "m", "base_url": f"http://127.0.0.1:{closed_port}/v1", "api_key": KEY, "max_retries": 0}
    wrapper = OpenAIWrapper(config_list=[nobody, openai_server("here").config], cache_seed=None, stream=stream)
    assert text(create(wrapper, messages=HI)) == "here"


def test_an_endpoint_that_takes_too_long_hands_over(create, openai_server):
    slow, working = openai_server(Reply("too late", delay=30)), openai_server("in time")
    wrapper = OpenAIWrapper(config_list=[slow.config | {"timeout": 0.2}, working.config], cache_seed=None)
    assert text(create(wrapper, messages=HI)) == "in time"


def test_a_stream_that_breaks_off_hands_over(create, openai_server):
    head = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
    half = head + b'"choices":[{"index":0,"delta":{"content":"ha"}}]}\n\n'
    broken = openai_server(Fault(status=200, body=half, headers={"Content-Type": "text/event-stream"}))
    wrapper = OpenAIWrapper(config_list=[broken.config, openai_server("whole").config], cache_seed=None, stream=True)
    assert text(create(wrapper, messages=HI)) == "whole"


def test_when_all_fail_the_error_names_each_reason_and_no_key(create, openai_server, caplog):
    first = openai_server("unused", api_key="another key")
    second = openai_server(Fault(status=429, message="slow down"))
    wrapper = OpenAIWrapper(config_list=[first.config | {"api_key": KEY}, second.config | {"api_key": KEY}], cache_seed=None)
    with pytest.raises(openai.RateLimitError) as caught:
        create(wrapper, messages=HI)
    told = str(caught.value)
    assert first.base_url in told
    assert "AuthenticationError" in told
    assert second.base_url in told
    assert "slow down" in told
    assert KEY not in told + repr(caught.value) + caplog.text + repr(wrapper)


def test_a_key_of_no_known_form_is_kept_out_of_the_error_too(create, openai_server):
    server = openai_server("unused", api_key="right")
    wrapper = OpenAIWrapper(config_list=[server.config | {"api_key": "swordfish"}], cache_seed=None)
    with pytest.raises(openai.AuthenticationError) as caught:
        create(wrapper, messages=HI)
    assert "swordfish" not in str(caught.value)


def test_a_time_out_of_the_last_endpoint_is_a_timeout_error(create, openai_server):
    slow = openai_server(Reply("too late", delay=30))
    wrapper = OpenAIWrapper(config_list=[slow.config | {"timeout": 0.2}], cache_seed=None)
    with pytest.raises(TimeoutError, match="timeout"):
        create(wrapper, messages=HI)


def test_a_mistake_of_the_caller_is_raised_at_once(create, openai_server):
    first, second = openai_server("unused"), openai_server("unused")
    wrapper = OpenAIWrapper(config_list=[first.config, second.config], cache_seed=None)
    with pytest.raises(TypeError, match="no_such_parameter"):
        create(wrapper, messages=HI, no_such_parameter=1)
    with pytest.raises(ValueError, match="either messages or a prompt"):
        create(wrapper)
    assert not second.requests


def test_what_the_config_says_comes_before_the_call(create, openai_server):
    server = openai_server("x")
    create(OpenAIWrapper(config_list=[server.config], cache_seed=None, temperature=0.1), messages=HI, temperature=0.9)
    assert server.requests[0]["temperature"] == 0.1


def test_extra_keys_stay_here(create, openai_server):
    server = openai_server("x")
    config = server.config | {"tags": ["a"], "price": [0.1, 0.2], "api_type": "openai", "api_rate_limit": 1000.0}
    create(OpenAIWrapper(config_list=[config], cache_seed=None), messages=HI, context={"a": 1})
    assert server.requests[0].keys() == {"messages", "model", "stream"}


def test_configs_are_not_changed(openai_server):
    config = openai_server().config | {"api_rate_limit": 5.0}
    before = dict(config)
    OpenAIWrapper(config_list=[config])
    assert config == before


def test_missing_credentials_are_told_at_construction():
    with pytest.raises(openai.OpenAIError, match="api_key"):
        OpenAIWrapper(config_list=[{"model": "m"}])


def test_agents_with_one_endpoint_share_one_connection(openai_server):
    server = openai_server(lambda messages: "x")
    for _ in range(5):
        OpenAIWrapper(config_list=[server.config], cache_seed=None).create(messages=HI)
    assert server.connections == 1


def test_creating_a_wrapper_opens_nothing(openai_server):
    server = openai_server()
    OpenAIWrapper(config_list=[server.config])
    assert server.connections == 0


def test_cost_and_usage(create, openai_server):
    server = openai_server(Reply("x", usage={"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}))
    wrapper = OpenAIWrapper(config_list=[server.config | {"price": [0.001, 0.002]}], cache_seed=None)
    response = create(wrapper, messages=HI)
    spent = {"cost": 0.002, "prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    assert response.cost == 0.002
    assert wrapper.actual_usage_summary == {"total_cost": 0.002, "scripted": spent}
    assert wrapper.total_usage_summary == wrapper.actual_usage_summary
    wrapper.clear_usage_summary()
    assert wrapper.total_usage_summary is None


def test_a_server_that_reports_no_usage_does_no_harm(create, openai_server):
    server = openai_server(Reply("x", usage={}))
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
    assert text(create(wrapper, messages=HI)) == "x"
    assert wrapper.total_usage_summary["scripted"]["total_tokens"] == 0


def test_nothing_is_said_about_the_price_of_a_model_on_this_machine(create, openai_server, caplog):
    server = openai_server(lambda messages: "x")
    server.model.name = f"model-{id(server)}"
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
    assert create(wrapper, messages=HI).cost == 0
    assert "is not known" not in caplog.text


@pytest.mark.parametrize(
    ("address", "times"),
    [
        ("https://api.acme.example/v1", 1),
        (None, 1),
        ("http://10.0.0.7/v1", 1),
        ("http://localhost:1/v1", 0),
        ("http://[::1]/", 0),
    ],
)
def test_an_unknown_price_elsewhere_is_logged_once(caplog, address, times):
    usage = {"model": f"model at {address}", "prompt_tokens": 10, "completion_tokens": 1}
    for _ in range(3):
        assert compute_cost(usage, base_url=address) == 0
    assert caplog.text.count("is not known") == times


@pytest.mark.parametrize("by", ["seed", "disk", "in memory"])
def test_an_answer_is_asked_for_once(create, openai_server, tmp_path, monkeypatch, by):
    monkeypatch.chdir(tmp_path)
    server = openai_server(tool_call("add", a=1))
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=7)
    cache = {"seed": None, "disk": Cache.disk(1), "in memory": Cache.in_memory(1)}[by]
    first, second = (create(wrapper, messages=HI, cache=cache) for _ in range(2))
    assert len(server.requests) == 1
    assert text(second).model_dump() == text(first).model_dump()
    assert wrapper.actual_usage_summary["scripted"] != wrapper.total_usage_summary["scripted"]


def test_another_question_is_another_entry(create, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = openai_server("one", "two")
    wrapper = OpenAIWrapper(config_list=[server.config])
    assert text(create(wrapper, messages=HI)) == "one"
    assert text(create(wrapper, messages=[*HI, *HI])) == "two"


def test_no_key_is_in_the_cache(create, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create(OpenAIWrapper(config_list=[openai_server("x").config | {"api_key": KEY}]), messages=HI)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    assert KEY.encode() not in written


def test_without_a_seed_nothing_is_written(create, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create(OpenAIWrapper(config_list=[openai_server("x").config], cache_seed=None), messages=HI)
    assert not list(tmp_path.iterdir())


def test_an_answer_can_be_dumped_as_json(create, openai_server):
    response = create(OpenAIWrapper(config_list=[openai_server("x").config], cache_seed=None), messages=HI)
    assert '"cost"' in response.model_dump_json()


def test_a_filter_passes_over_answers(create, openai_server):
    first, second = openai_server("no"), openai_server("yes")
    wrapper = OpenAIWrapper(config_list=[first.config, second.config], cache_seed=None)
    response = create(wrapper, messages=HI, filter_func=lambda context, response: text(response) == "yes")
    assert (text(response), response.config_id, response.pass_filter) == ("yes", 1, True)


def test_templates(create, openai_server):
    server = openai_server("x")
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None, allow_format_str_template=True)
    asked = [
        {"role": "user", "content": "{n} legs"},
        {"role": "user", "content": lambda context: f"{context['n']} arms"},
        {"role": "user", "content": [{"type": "text", "text": "{n}"}]},
    ]
    create(wrapper, messages=asked, context={"n": 4})
    assert [m["content"] for m in server.requests[0]["messages"]] == ["4 legs", "4 arms", [{"type": "text", "text": "{n}"}]]
    assert asked[0]["content"] == "{n} legs"


class EchoClient:
    """A model client as users write one, without an asynchronous form."""

    def __init__(self, config, prefix=""):
        self.config, self.prefix = config, prefix

    def create(self, params):
        from types import SimpleNamespace

        said = self.prefix + params["messages"][-1]["content"]
        return SimpleNamespace(model="echo", choices=[SimpleNamespace(message=SimpleNamespace(content=said))])

    def message_retrieval(self, response):
        return [choice.message.content for choice in response.choices]

    def cost(self, response):
        return 0.5

    @staticmethod
    def get_usage(response):
        return {}


def test_a_client_of_your_own(create):
    wrapper = OpenAIWrapper(config_list=[{"model": "echo", "model_client_cls": "EchoClient"}], cache_seed=None)
    with pytest.raises(RuntimeError, match="EchoClient"):
        create(wrapper, messages=HI)
    wrapper.register_model_client(EchoClient, prefix="> ")
    response = create(wrapper, messages=HI)
    assert (text(response), response.cost) == ("> hi", 0.5)
    with pytest.raises(ValueError, match="No entry of the config list"):
        wrapper.register_model_client(ScriptedModel)


def test_a_client_class_in_the_config_needs_no_registration(create):
    wrapper = OpenAIWrapper(config_list=[{"model": "echo", "model_client_cls": EchoClient}], cache_seed=None)
    assert text(create(wrapper, messages=HI)) == "hi"


def test_the_answers_of_a_client_of_your_own_are_cached(create, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        wrapper = OpenAIWrapper(config_list=[{"model": "echo", "model_client_cls": "EchoClient"}])
        wrapper.register_model_client(EchoClient)
        assert text(create(wrapper, messages=HI)) == "hi"


def test_a_cached_response_of_a_client_of_your_own_has_keys_and_attributes(create, tmp_path, monkeypatch):
    @dataclasses.dataclass
    class Message:
        content: str

    @dataclasses.dataclass
    class Response:
        choices: list
        model: str = "echo"

    class DataclassClient(EchoClient):
        def create(self, params):
            return Response([{"message": Message("hi"), "scores": {"items": 1}}])

        def message_retrieval(self, response):
            return [choice["message"].content for choice in response.choices]

    monkeypatch.chdir(tmp_path)
    wrapper = OpenAIWrapper(config_list=[{"model": "echo", "model_client_cls": DataclassClient}])
    first, second = (create(wrapper, messages=HI) for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert text(first) == text(second) == "hi"
    assert (second.cost, second.model, second.choices[0]["scores"]) == (0.5, "echo", {"items": 1})
    assert vars(second.choices[0]["message"]) == {"content": "hi"}
    assert copy.deepcopy(second).choices[0].message.content == "hi"
    with pytest.raises(AttributeError, match="no attribute 'id'"):
        _ = second.id


def test_a_response_that_json_cannot_hold_is_not_cached(create, caplog, tmp_path, monkeypatch):
    class OddClient(EchoClient):
        def create(self, params):
            response = super().create(params)
            response.lock = [print]
            return response

    monkeypatch.chdir(tmp_path)
    wrapper = OpenAIWrapper(config_list=[{"model": "echo", "model_client_cls": OddClient}])
    assert [create(wrapper, messages=HI).cached for _ in range(2)] == [False, False]
    assert "is not cached" in caplog.text


def test_the_lists_of_0_2_are_live(create):
    first, second = ScriptedModel("a"), ScriptedModel("b", "c", "d")
    wrapper = OpenAIWrapper(config_list=[first.config, first.config], cache_seed=None)
    clients, configs = wrapper._clients, wrapper._config_list
    assert (len(clients), clients == [first, first], wrapper._rate_limiters == [None, None]) == (2, True, True)
    wrapper._clients[0] = second
    assert clients[0] is second
    assert text(create(wrapper, messages=HI)) == "b"
    configs[0]["temperature"] = 0.5
    assert text(create(wrapper, messages=HI)) == "c"
    assert second.requests[1]["temperature"] == 0.5
    wrapper._config_list[0] = {"model": "other", "cache_seed": None}
    wrapper._clients = [second, second]
    assert clients[:] == list(clients) == [second, second]
    assert text(create(wrapper, messages=HI)) == "d"
    assert second.requests[2]["model"] == "other"
    assert copy.deepcopy(configs) == list(configs)
    assert copy.deepcopy(configs)[1] is not configs[1]
    with pytest.raises(ValueError, match="2 endpoints, got 1"):
        wrapper._clients = [first]


def test_azure(openai_server):
    server = openai_server(lambda messages: "x")
    config = {
        "model": "gpt-3.5-turbo",
        "api_type": "azure",
        "base_url": server.base_url.removesuffix("/v1"),
        "api_version": "2024-02-01",
        "api_key": KEY,
    }
    wrapper = OpenAIWrapper(config_list=[config], cache_seed=None)
    assert text(wrapper.create(messages=HI)) == "x"
    assert server.requests[0]["model"] == "gpt-35-turbo"
    assert server.headers[0]["api-key"] == KEY


def test_usage_report(openai_server, capsys):
    wrapper = OpenAIWrapper(config_list=[openai_server("x").config | {"price": [1, 1]}], cache_seed=None)
    wrapper.print_usage_summary()
    assert "create" in capsys.readouterr().out
    wrapper.create(messages=HI)
    wrapper.print_usage_summary("both")
    assert "* Model 'scripted': cost: " in capsys.readouterr().out
    with pytest.raises(ValueError, match="mode must be"):
        wrapper.print_usage_summary("all")


def test_the_server_closes_with_its_block():
    with OpenAIServer("x") as server:
        url = server.base_url
    wrapper = OpenAIWrapper(config_list=[{"model": "m", "base_url": url, "api_key": "x", "max_retries": 0}], cache_seed=None)
    logging.getLogger("autogen").setLevel(logging.INFO)
    with pytest.raises(openai.APIConnectionError):
        wrapper.create(messages=HI)


def test_an_http_client_of_your_own_is_used_in_both_kinds_of_call(create, openai_server):
    server = openai_server("x")
    http_client = openai.DefaultHttpxClient(headers={"X-Mine": "yes"})
    wrapper = OpenAIWrapper(config_list=[server.config | {"http_client": http_client}], cache_seed=None)
    assert text(create(wrapper, messages=HI)) == "x"
    assert server.headers[0]["x-mine"] == "yes"
    http_client.close()


def test_a_subclass_of_the_client_may_bring_its_own_sdk_client(create, openai_server):
    """Programs of 0.2 assign `_oai_client`, and don't call the constructor."""

    class Bracketed(OpenAIClient):
        def __init__(self, config):
            self._oai_client = openai.OpenAI(api_key="k", base_url=config["base_url"])

        def create(self, params):
            return super().create({key: value for key, value in params.items() if key != "model_client_cls"})

        def message_retrieval(self, response):
            return [f"<{choice.message.content}>" for choice in response.choices]

    entry = {**openai_server("hi").config, "model_client_cls": "Bracketed"}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    wrapper.register_model_client(Bracketed)
    response = create(wrapper, messages=HI)
    assert wrapper.extract_text_or_completion_object(response) == ["<hi>"]


ENTRY = {"model": "m", "api_key": KEY}
USERS = {
    "a wrapper": lambda config: OpenAIWrapper(**config),
    "an agent": lambda config: ConversableAgent("agent", llm_config=config),
    "a config": lambda config: LLMConfig(**config),
    "Completion": lambda config: ChatCompletion.create(messages=HI, **config),
}


@pytest.mark.parametrize("use", USERS.values(), ids=USERS)
@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ("gpt-4o", "must be a list of dicts, got a str"),
        (5, "must be a list of dicts, got int"),
        (iter([ENTRY]), "must be a list of dicts, got"),
        (["gpt-4o"], 'Entry 1 of the config_list must be a dict, got str. For a model alone write {"model": "..."}.'),
        ([ENTRY, None], "Entry 2 of the config_list must be a dict, got NoneType"),
        ([ENTRY, {"config_list": [ENTRY]}], "Entry 2 of the config_list has a config_list itself"),
    ],
)
def test_a_config_list_of_another_form_is_refused(use, entries, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        use({"config_list": entries})


@pytest.mark.parametrize("make", [lambda c: OpenAIWrapper(**c), lambda c: ConversableAgent("agent", llm_config=c)])
def test_a_single_dict_is_no_config_list(make):
    with pytest.raises(ValueError, match=r"config_list must be a list of dicts, got a single dict"):
        make({"config_list": ENTRY})


WRONG_PRICES = [
    "0.1",
    ["0.1", "0.2"],
    [0.1],
    [0.1] * 5,
    [0.1, 0.2, -0.3],
    [-0.1, 0.2],
    [0.1, None],
    True,
    [float("nan"), 1],
    {"in": 1},
]


@pytest.mark.parametrize("use", USERS.values(), ids=USERS)
@pytest.mark.parametrize("price", WRONG_PRICES, ids=str)
def test_a_wrong_price_is_refused_before_anything_is_paid(openai_server, use, price):
    server = openai_server("paid")
    for config in ({"config_list": [server.config | {"price": price}]}, {"config_list": [server.config], "price": price}):
        with pytest.raises(ValueError, match=re.escape("price must be [input, output], or ")):
            use({**config, "cache_seed": None})
    assert not server.requests


def test_a_wrong_price_of_a_call_is_refused_before_anything_is_paid(create, openai_server):
    server = openai_server("paid")
    with pytest.raises(ValueError, match="price must be"):
        create(OpenAIWrapper(config_list=[server.config], cache_seed=None), messages=HI, price=["1", "2"])
    assert not server.requests


def test_a_price_in_an_unusual_order_is_logged(caplog):
    OpenAIWrapper(config_list=[ENTRY | {"price": [0.004, 0.001]}])
    assert "[0.004, 0.001] is higher for input than for output" in caplog.text
