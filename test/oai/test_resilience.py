"""Retries, fallback, and endpoints that are set aside."""

import asyncio
import time
from email.utils import format_datetime

import openai
import pytest

from autogen import OpenAIWrapper
from autogen.oai._requests import retry
from autogen.oai._requests.retry import (
    FAULTS,
    Blame,
    NextAction,
    RetryDecision,
    RetryPolicy,
    RetryState,
    classify_error,
    decide_retry,
    parse_retry_after,
)
from autogen.testing import Fault, Reply, ScriptedModel

HI = [{"role": "user", "content": "hi"}]
QUICK = {"first_delay": 0.001, "max_delay": 0.01}
HTML = Fault(status=200, body=b"<html>", headers={"Content-Type": "text/html"})


@pytest.fixture
def create(mode):
    """Ask a wrapper in the mode under test, sync or async."""

    def create(wrapper, **config):
        config = {"messages": HI, **config}
        return wrapper.create(**config) if mode == "sync" else asyncio.run(wrapper.a_create(**config))

    return create


def wrapper_for(*servers, **config):
    """Make a wrapper that retries without long delays."""
    entries = [{**server.config, "max_retries": None} for server in servers]
    return OpenAIWrapper(config_list=entries, cache_seed=None, **{"retry_policy": QUICK, **config})


def text(response):
    return OpenAIWrapper.extract_text_or_completion_object(response)[0]


@pytest.mark.parametrize(
    "fault", [Fault(status=429), Fault(status=500), Fault(status=502), Fault(status=408), Fault(drop=True), HTML]
)
def test_transient_failures_are_retried_at_the_same_endpoint(create, openai_server, caplog, fault):
    first, second = openai_server(fault, fault, "at last"), openai_server("never asked")
    assert text(create(wrapper_for(first, second))) == "at last"
    assert len(first.requests) == 3
    assert second.requests == []
    assert caplog.text.count("; retrying in 0.0 s (") == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400),
        Fault(status=401),
        Fault(status=403),
        Fault(status=404),
        Fault(status=422),
        Fault(status=429, code="insufficient_quota"),
    ],
)
def test_permanent_failures_fall_back_at_once(create, openai_server, fault):
    first, second = openai_server(fault), openai_server("here")
    assert text(create(wrapper_for(first, second))) == "here"
    assert len(first.requests) == 1


def test_an_endpoint_that_times_out_is_left_for_the_next_at_once(create, openai_server):
    """With retries on: only the last endpoint is retried after a timeout."""
    first, second = openai_server(*[Reply("late", delay=30)] * 3), openai_server("here")
    entries = [{**first.config, "timeout": 0.2, "max_retries": 2}, {**second.config, "max_retries": 2}]
    assert text(create(OpenAIWrapper(config_list=entries, cache_seed=None, retry_policy=QUICK))) == "here"
    assert len(first.requests) == 1


def test_a_filtered_content_is_the_callers_own_fault(create, openai_server):
    first, second = openai_server(Fault(status=400, code="content_filter")), openai_server("never asked")
    with pytest.raises(openai.BadRequestError):
        create(wrapper_for(first, second))
    assert second.requests == []


def test_a_request_that_cannot_be_made_is_the_callers_own_fault(create, openai_server):
    first, second = openai_server("never asked"), openai_server("never asked")
    with pytest.raises(TypeError, match="no_such_parameter"):
        create(wrapper_for(first, second), no_such_parameter=1)
    assert first.requests == second.requests == []


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_the_number_of_retries_is_a_setting(create, openai_server, retries):
    server = openai_server(*[Fault(status=500)] * (retries + 1))
    with pytest.raises(openai.InternalServerError):
        create(wrapper_for(server, retry_policy={**QUICK, "retries": retries}))
    assert len(server.requests) == retries + 1


def test_max_retries_of_an_entry_means_the_same(create, openai_server):
    server = openai_server(Fault(status=500), Fault(status=500))
    wrapper = OpenAIWrapper(config_list=[{**server.config, "max_retries": 1}], cache_seed=None, retry_policy=QUICK)
    with pytest.raises(openai.InternalServerError):
        create(wrapper)
    assert len(server.requests) == 2


def test_an_endpoint_that_asks_for_a_long_wait_falls_back(create, openai_server):
    first, second = openai_server(Fault(status=429, headers={"Retry-After": "3600"})), openai_server("here", "here")
    wrapper = wrapper_for(first, second)
    assert text(create(wrapper)) == "here"
    assert text(create(wrapper)) == "here"
    assert len(first.requests) == 1


def test_the_last_endpoint_is_waited_for_as_long_as_it_asks(create, openai_server):
    server = openai_server(Fault(status=429, headers={"retry-after-ms": "30"}), "here")
    assert text(create(wrapper_for(server))) == "here"


def test_no_request_goes_on_after_its_deadline(create, openai_server):
    server = openai_server(Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(openai.RateLimitError):
        create(wrapper_for(server, retry_policy={"deadline": 5}))
    assert len(server.requests) == 1


def test_a_body_that_drips_is_given_up(create, openai_server):
    drip, working = openai_server(Fault(status=200, body=b"{" + b" " * 1000, drip=0.05)), openai_server("here")
    wrapper = OpenAIWrapper(config_list=[{**drip.config, "timeout": 0.3}, working.config], cache_seed=None)
    assert text(create(wrapper)) == "here"


def test_a_stream_may_take_longer_than_the_pause_that_is_allowed(create, openai_server):
    server = openai_server(Reply("a long answer in many words"))
    wrapper = OpenAIWrapper(config_list=[{**server.config, "timeout": 30}], cache_seed=None, stream=True)
    assert text(create(wrapper)) == "a long answer in many words"


# Setting aside


def test_an_endpoint_that_keeps_failing_is_tried_last(create, openai_server):
    first, second = openai_server(*[Fault(status=500)] * 3, "well again"), openai_server("b", "b", Fault(status=400))
    wrapper = wrapper_for(first, second)
    assert [text(create(wrapper)), text(create(wrapper))] == ["b", "b"]
    assert len(first.requests) == 3
    assert text(create(wrapper)) == "well again"  # no other was left


def test_a_timeout_is_waited_for_once(create, openai_server):
    slow, working = openai_server(Reply("late", delay=30)), openai_server("here", "here", "here")
    wrapper = OpenAIWrapper(config_list=[{**slow.config, "timeout": 0.2}, working.config], cache_seed=None)
    assert [text(create(wrapper)) for _ in range(3)] == ["here"] * 3
    assert len(slow.requests) == 1


def test_the_last_endpoint_is_retried_after_a_timeout(create, openai_server):
    server = openai_server(Reply("late", delay=30), "in time")
    wrapper = OpenAIWrapper(config_list=[{**server.config, "timeout": 0.3, "max_retries": 1}], cache_seed=None)
    assert text(create(wrapper)) == "in time"


def test_all_wrappers_share_the_health_of_an_endpoint(create, openai_server):
    first, second = openai_server(Fault(status=401)), openai_server("b", "b")
    assert text(create(wrapper_for(first, second))) == "b"
    assert text(create(wrapper_for(first, second))) == "b"
    assert len(first.requests) == 1


def test_a_bad_request_says_nothing_about_the_endpoint(create, openai_server):
    first, second = openai_server(*[Fault(status=400)] * 4, "fine"), openai_server(*"bbbb")
    wrapper = wrapper_for(first, second)
    assert [text(create(wrapper)) for _ in range(5)] == [*"bbbb", "fine"]


def test_after_a_while_it_is_tried_first_again(create, openai_server, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(retry.time, "monotonic", lambda: now[0])
    first, second = openai_server(Fault(status=401), Fault(status=401), "well again"), openai_server("b", "b", "b", "b")
    wrapper = wrapper_for(first, second)
    answers = []
    for seconds in (0, 29, 2, 59, 2):  # aside for 30 seconds, then for 60
        now[0] += seconds
        answers.append(text(create(wrapper)))
    assert answers == ["b", "b", "b", "b", "well again"]


def test_custom_clients_have_a_health_of_their_own(create):
    broken, working = ScriptedModel(*[Fault(status=500)] * 3, name="broken"), ScriptedModel("b", "b")
    wrapper = OpenAIWrapper(config_list=[broken.config, working.config], cache_seed=None, retry_policy=QUICK)
    assert [text(create(wrapper)), text(create(wrapper))] == ["b", "b"]


# The table, and the policy


def test_every_status_has_its_row():
    def fault(status, code=None):
        return classify_error(Fault(status=status, code=code).error()).name

    assert {status: fault(status) for status in (400, 401, 408, 409, 418, 422, 429, 500, 503, 529)} == {
        400: "request refused",
        401: "access denied",
        408: "server busy",
        409: "server busy",
        418: "request refused",
        422: "request refused",
        429: "rate limit",
        500: "server error",
        503: "server error",
        529: "server error",
    }
    assert fault(429, "insufficient_quota") == "quota exceeded"
    assert classify_error(ValueError("mine")) is None


def test_every_fault_that_is_retried_can_fall_back():
    assert all(fault.fallback for fault in FAULTS if fault.retry)
    assert not any(fault.retry for fault in FAULTS if fault.blame is Blame.REQUEST)


# The decision after a failure, by the name of the fault. "last" is the last endpoint, "others" one before it.
POLICY = RetryPolicy(retries=2, max_delay=8, deadline=60)
RETRY, FALLBACK, RAISE = NextAction


@pytest.mark.parametrize(
    ("name", "others", "last"),
    [
        ("content filter", RAISE, RAISE),
        ("timeout", FALLBACK, RETRY),  # the endpoint is to blame: with another at hand, it isn't retried
        ("no connection", RETRY, RETRY),
        ("quota exceeded", FALLBACK, RAISE),
        ("rate limit", RETRY, RETRY),
        ("access denied", FALLBACK, RAISE),
        ("server error", RETRY, RETRY),
        ("server busy", RETRY, RETRY),
        ("request refused", FALLBACK, RAISE),
        ("invalid response", RETRY, RETRY),
    ],
)
def test_the_first_failure_is_decided_by_the_fault(name, others, last):
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    assert len(FAULTS) == 10
    decisions = [decide_retry(fault, POLICY, RetryState(0, 1.0, is_last), 0.5) for is_last in (False, True)]
    assert [decision.action for decision in decisions] == [others, last]
    assert [decision.delay for decision in decisions] == [0.5 * (action is RETRY) for action in (others, last)]


@pytest.mark.parametrize(
    ("retries", "elapsed", "delay", "others", "last"),
    [
        (0, 1, 0.5, RETRY, RETRY),
        (1, 1, 0.5, RETRY, RETRY),
        (2, 1, 0.5, FALLBACK, RAISE),  # retries are used up
        (0, 1, 8, RETRY, RETRY),
        (0, 1, 9, FALLBACK, RETRY),  # longer than max_delay: only the last endpoint is waited for
        (0, 59, 0.5, RETRY, RETRY),
        (0, 59, 1, FALLBACK, RAISE),  # the deadline passes meanwhile
        (0, 61, 0.5, RAISE, RAISE),
    ],
)
def test_later_failures_are_decided_by_the_policy(retries, elapsed, delay, others, last):
    (fault,) = (fault for fault in FAULTS if fault.name == "server error")
    decisions = [decide_retry(fault, POLICY, RetryState(retries, elapsed, is_last), delay) for is_last in (False, True)]
    assert [decision.action for decision in decisions] == [others, last]


def test_without_a_deadline_to_reach_nothing_is_retried():
    (fault,) = (fault for fault in FAULTS if fault.name == "server error")
    policy = RetryPolicy(retries=float("inf"), deadline=0)
    assert decide_retry(fault, policy, RetryState(0, 0.0, True), 0.0).action is RAISE


def test_decisions_have_texts_for_people():
    decisions = [RetryDecision(RETRY, 0.5), RetryDecision(FALLBACK), RetryDecision(RAISE)]
    assert [str(decision) for decision in decisions] == [
        "retrying in 0.5 s",
        "trying the next endpoint",
        "raising the error",
    ]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.2s"}, 1.2),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "6m0s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h", "retry-after": "3"}, 3.0),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2015-10-21T07:28:00Z"}, 0.0),
    ],
)
def test_retry_after_is_parsed(headers, seconds):
    assert parse_retry_after(Fault(status=429, headers=headers).error()) == seconds


def test_a_date_in_retry_after_is_parsed():
    import datetime

    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=100)
    asked_for = parse_retry_after(Fault(status=429, headers={"retry-after": format_datetime(when)}).error())
    assert 90 < asked_for <= 100


def test_pauses_grow_up_to_a_limit_and_differ_by_chance():
    policy = RetryPolicy()
    for retries, longest in [*enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 8.0]), (10_000, 8.0)]:
        pauses = {policy.compute_delay(retries, None) for _ in range(50)}
        assert all(longest * 0.75 <= pause <= longest for pause in pauses)
        assert len(pauses) > 10


@pytest.mark.parametrize(
    ("given", "said"),
    [({"retrys": 1}, "retrys"), ({"retries": -1}, "retries"), ({"deadline": "soon"}, "deadline"), (3, "RetryPolicy")],
)
def test_an_invalid_policy_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        OpenAIWrapper(model="m", api_key="k", retry_policy=given)


def test_a_cancelled_request_stops_waiting(openai_server):
    server = openai_server(Fault(status=429, headers={"Retry-After": "300"}))

    async def main():
        task = asyncio.ensure_future(wrapper_for(server).a_create(messages=HI))
        while not server.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 100


@pytest.mark.parametrize("seconds", ["251644464000", "1e400"])
def test_nobody_is_set_aside_for_years(create, openai_server, monkeypatch, seconds):
    now = [1000.0]
    monkeypatch.setattr(retry.time, "monotonic", lambda: now[0])
    first = openai_server(Fault(status=429, headers={"Retry-After": seconds}), "well again")
    wrapper = wrapper_for(first, openai_server("b"))
    assert text(create(wrapper)) == "b"
    now[0] += 601
    assert text(create(wrapper)) == "well again"
