"""Records of requests in the runtime log, for requests of a real wrapper."""

import json

import openai
import pytest

from autogen import OpenAIWrapper, runtime_logging
from autogen.oai._requests import runtime_log
from autogen.oai._requests.endpoints import EXTRA_KEYS, RequestState, build_request
from autogen.testing import Fault

KEY = "sk-PLANTED0123456789abcdef"
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def make_request(rows, openai_server):
    """Make a wrapper; returns a request to its server, and the state of the call."""

    def make_request(*script, **config):
        server = openai_server(*script)
        wrapper = OpenAIWrapper(config_list=[server.config | {"api_key": KEY}], cache_seed=None)
        request = build_request(wrapper._endpoints, {"messages": HI, **config}, EXTRA_KEYS, 0)
        return request, RequestState(wrapper._budget, wrapper.wrapper_id)

    return make_request


def send(request):
    response = request.endpoint.client.create(request.params)
    response.cost = 0.25
    return response


def test_a_response_is_a_row_that_joins_its_client_and_wrapper(make_request, rows, agent):
    request, state = make_request("hello", agent=agent("asker"))
    start_time = runtime_log.get_start_time()
    response = send(request)
    runtime_log.log_response(request, state, response, start_time, cached=False)
    runtime_log.log_response(request, state, response, start_time, cached=True)
    (client,), (wrapper,) = rows("oai_clients"), rows("oai_wrappers")
    fresh, cached = rows("chat_completions")
    assert (fresh["client_id"], fresh["wrapper_id"]) == (client["client_id"], wrapper["wrapper_id"])
    assert (fresh["source_name"], fresh["cost"], fresh["is_cached"], cached["is_cached"]) == ("asker", 0.25, 0, 1)
    assert fresh["invocation_id"] == cached["invocation_id"]
    assert fresh["start_time"] <= fresh["end_time"]
    assert json.loads(fresh["request"])["messages"] == HI
    assert json.loads(fresh["response"])["choices"][0]["message"]["content"] == "hello"
    assert json.loads(fresh["response"])["usage"]["total_tokens"] == 2
    assert client["class"] == "OpenAIClient"
    assert json.loads(client["init_args"]) == {"model": "scripted", "max_retries": 0}
    assert KEY not in str(rows("oai_clients") + rows("oai_wrappers") + rows("chat_completions"))


def test_an_error_of_the_endpoint_is_a_row_with_its_code(make_request, rows):
    request, state = make_request(Fault(status=429, message=f"Incorrect API key provided: {KEY}."))
    with pytest.raises(openai.RateLimitError) as caught:
        send(request)
    runtime_log.log_failure(request, state, caught.value, runtime_log.get_start_time())
    runtime_log.log_failure(request, state, caught.value, runtime_log.get_start_time())
    first, second = rows("chat_completions")
    text = json.loads(first["response"])["response"]
    assert "error_code: 429, config 0" in text
    assert "PLANTED" not in text
    assert (first["cost"], first["is_cached"], first["source_name"]) == (0.0, 0, "unknown")
    assert second["invocation_id"] == first["invocation_id"]


@pytest.mark.parametrize("error", [ValueError("x"), openai.APITimeoutError(request=None)])
def test_timeouts_and_errors_that_no_endpoint_sent_are_not_recorded(make_request, rows, error):
    request, state = make_request("hello")
    runtime_log.log_failure(request, state, error, runtime_log.get_start_time())
    assert rows("chat_completions") == []


@pytest.mark.parametrize("source", [None, 5, "a name"])
def test_the_source_may_be_nobody_or_a_name(make_request, rows, source):
    request, state = make_request("hello", agent=source)
    runtime_log.log_response(request, state, send(request), runtime_log.get_start_time(), cached=False)
    (row,) = rows("chat_completions")
    assert row["source_name"] == ("a name" if source == "a name" else "unknown")


def test_nothing_is_recorded_while_the_log_is_off(make_request, rows):
    request, state = make_request("hello")
    start_time = runtime_log.get_start_time()
    response = send(request)
    runtime_logging.stop()
    assert runtime_log.get_start_time() == ""
    runtime_log.log_response(request, state, response, "", cached=False)
    runtime_log.log_response(request, state, response, start_time, cached=False)
    runtime_log.log_failure(request, state, ValueError("x"), "")
    assert rows("chat_completions") == []
