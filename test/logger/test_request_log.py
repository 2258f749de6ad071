"""What requests report: the room that does it, given attempts of a real wrapper."""

import json

import openai
import pytest

from autogen import OpenAIWrapper, runtime_logging
from autogen.oai._requests import request_log
from autogen.oai._requests.attempt import build_request
from autogen.testing import Fault

KEY = "sk-PLANTED0123456789abcdef"
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def attempt(rows, openai_server):
    """A wrapper, an attempt of it, and the server it goes to."""

    def attempt(*script, **config):
        server = openai_server(*script)
        wrapper = OpenAIWrapper(config_list=[server.config | {"api_key": KEY}], cache_seed=None)
        return wrapper, build_request(wrapper, 0, {"messages": HI, **config})

    return attempt


def test_an_answer_is_a_row_that_joins_its_client_and_wrapper(attempt, rows, agent):
    asker = agent("asker")
    wrapper, one = attempt("hello", agent=asker)
    token = request_log.started()
    response = one.client.create(one.params)
    request_log.answered(wrapper, one, response, False, 0.25, token)
    request_log.answered(wrapper, one, response, True, 0.25, token)
    (client,), (made,) = rows("oai_clients"), rows("oai_wrappers")
    fresh, cached = rows("chat_completions")
    assert (fresh["client_id"], fresh["wrapper_id"]) == (client["client_id"], made["wrapper_id"])
    assert (fresh["source_name"], fresh["cost"], fresh["is_cached"], cached["is_cached"]) == ("asker", 0.25, 0, 1)
    assert fresh["invocation_id"] == cached["invocation_id"]
    assert fresh["start_time"] <= fresh["end_time"]
    assert json.loads(fresh["request"])["messages"] == HI
    assert json.loads(fresh["response"])["choices"][0]["message"]["content"] == "hello"
    assert json.loads(fresh["response"])["usage"]["total_tokens"] == 2
    assert client["class"] == "OpenAIClient"
    assert json.loads(client["init_args"]) == {"model": "scripted", "max_retries": 0}
    assert KEY not in str(rows("oai_clients") + rows("oai_wrappers") + rows("chat_completions"))


def test_an_error_of_the_endpoint_is_a_row_with_its_code(attempt, rows):
    wrapper, one = attempt(Fault(status=429, message=f"Incorrect API key provided: {KEY}."))
    first = request_log.started()
    with pytest.raises(openai.RateLimitError) as caught:
        one.client.create(one.params)
    request_log.failed(wrapper, one, caught.value, first)
    second = request_log.started(first)
    assert second.invocation_id == first.invocation_id
    request_log.failed(wrapper, one, caught.value, second)
    row, again = rows("chat_completions")
    text = json.loads(row["response"])["response"]
    assert "error_code: 429, config 0" in text
    assert "PLANTED" not in text
    assert (row["cost"], row["is_cached"], row["source_name"]) == (0.0, 0, "unknown")
    assert again["invocation_id"] == row["invocation_id"]


@pytest.mark.parametrize("error", [ValueError("x"), openai.APITimeoutError(request=None)])
def test_time_outs_and_errors_that_no_endpoint_sent_are_no_rows(attempt, rows, error):
    wrapper, one = attempt("hello")
    request_log.failed(wrapper, one, error, request_log.started())
    assert rows("chat_completions") == []


@pytest.mark.parametrize("asker", [None, 5, "a name"])
def test_who_asked_may_be_nobody_or_a_name(attempt, rows, asker):
    wrapper, one = attempt("hello", agent=asker)
    request_log.answered(wrapper, one, "hi", False, None, request_log.started())
    (row,) = rows("chat_completions")
    assert row["source_name"] == ("a name" if asker == "a name" else "unknown")
    assert row["cost"] is None


def test_nothing_is_recorded_while_it_is_off(attempt, rows):
    wrapper, one = attempt("hello")
    token = request_log.started()
    runtime_logging.stop()
    assert request_log.started() is None
    request_log.answered(wrapper, one, "hi", False, 0.0, None)
    request_log.answered(wrapper, one, "hi", False, 0.0, token)
    request_log.failed(wrapper, one, ValueError("x"), None)
    assert rows("chat_completions") == []
