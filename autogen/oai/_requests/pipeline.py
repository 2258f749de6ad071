"""One request from the caller to the answer: cache, budget, endpoint, once more, and the next endpoint where one fails."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from ... import events
from ..._steps import Steps, invoke, sleep, wrap_in_thread
from ...control import interruptible, yield_point
from ...operations import JournalError, Operation, fingerprint, get_journal, perform
from .._endpoints.clients import PlaceHolderClient
from .._endpoints.errors import invalid_answer
from . import request_log
from .attempt import EndpointRequest, build_request
from .budget import budgets
from .cost import UnknownCost, parse_price, compute_cost
from .response_cache import ResponseCache, cache_for
from .response_schema import CORRECTIONS, correction_messages, validation_error
from .retry import Blame, fault_of, retry_after
from .serialization import from_json, to_json

if TYPE_CHECKING:
    from ..client import OpenAIWrapper

logger = logging.getLogger("autogen.oai.client")


@dataclass
class _Trip:
    """One call on its way from endpoint to endpoint.

    Attributes:
        began: When, by the monotonic clock.
        failures: Why each endpoint that failed did.
        is_last: Whether no other endpoint is left.
        token: What the log of requests needs.
    """

    began: float
    failures: list[str]
    is_last: bool = False
    token: request_log.Started | None = None
    requests: int = 0
    asked_at: float = 0.0


def completion(wrapper: OpenAIWrapper, config: dict[str, Any]) -> Steps[Any]:
    """Return a response; a resumed chat gets the recorded one."""
    _check_registered(wrapper)
    operation = Operation(
        kind="model",
        key=lambda: fingerprint(build_request(wrapper, 0, config).params),
        run=lambda: _asked_in_turn(wrapper, config),
        encode=lambda response: {
            "endpoint": response.config_id,
            "paid": not response.cached,
            "answer": to_json(response),
        },
        decode=lambda stored: _replay_response(wrapper, config, stored),
    )
    return (yield from perform(operation))


def _replay_response(wrapper: OpenAIWrapper, config: dict[str, Any], stored: Any) -> Any:
    """Return a response out of the journal. The endpoint that gave it may have left the config list meanwhile."""
    response = from_json(stored.get("answer")) if isinstance(stored, dict) else None
    if response is None:
        journal = get_journal()
        raise JournalError(f"{journal and journal.name} is damaged: the result of a model request is no response.")
    endpoint = stored.get("endpoint", 0)
    index = endpoint if endpoint < len(wrapper._clients) else 0
    attempt, now = build_request(wrapper, index, config), time.monotonic()
    # puts the object beside the text
    validation_error(response, attempt.wanted)
    trip = _Trip(now, [], asked_at=now)
    _accounted(wrapper, attempt, response, trip, cached=True, paid_before=stored.get("paid", True))
    response.pass_filter = _passes(attempt, response)
    response.config_id = index
    return response


def _asked_in_turn(wrapper: OpenAIWrapper, config: dict[str, Any]) -> Steps[Any]:
    """Ask the endpoints in turn, until one gives an answer that passes the filter."""
    trip = _Trip(time.monotonic(), [])
    order = _order(wrapper)
    for index in order:
        trip.is_last = index == order[-1]
        attempt = build_request(wrapper, index, config)
        try:
            response = yield from _answer(wrapper, attempt, trip)
        except Exception as error:
            fault = fault_of(error)
            if fault is None or not fault.next:
                raise
            if trip.is_last:
                raise _all_failed(trip.failures, error) from None
            logger.warning("An endpoint failed (%s), the next one is asked: %s", fault.name, trip.failures[-1])
            continue
        response.pass_filter = _passes(attempt, response)
        if response.pass_filter or trip.is_last:
            response.config_id = index
            return response
    raise AssertionError("unreachable: a wrapper has at least one endpoint")


def _check_registered(wrapper: OpenAIWrapper) -> None:
    missing = [client.model_client_cls for client in wrapper._clients if isinstance(client, PlaceHolderClient)]
    if missing:
        raise RuntimeError(f"These model clients are not registered: {', '.join(missing)}. Call register_model_client.")


def _order(wrapper: OpenAIWrapper) -> list[int]:
    """The places in the order in which they are asked: those that were set aside come last."""
    aside = [health.is_set_aside for health in wrapper._healths]
    return sorted(range(len(aside)), key=lambda index: aside[index])


def _answer(wrapper: OpenAIWrapper, attempt: EndpointRequest, trip: _Trip) -> Steps[Any]:
    """The answer from the cache, or from the endpoint, in the form that is wanted."""
    cache = ResponseCache(cache_for(attempt.extra), attempt.params)
    response = cache.look_up()
    if response is not None and not validation_error(response, attempt.wanted):
        trip.token = request_log.started(trip.token)
        trip.asked_at = time.monotonic()
        return _accounted(wrapper, attempt, response, trip, cached=True)
    for corrections in count():
        response = yield from _persistently(wrapper, attempt, trip)
        _accounted(wrapper, attempt, response, trip, cached=False)
        wrong = validation_error(response, attempt.wanted)
        if wrong is None:
            cache.store(response)
            return response
        if corrections == CORRECTIONS:
            trip.failures.append(f"{attempt.label}: no answer of the form asked for: {wrong}")
            raise invalid_answer(f"no answer of the form asked for, also when it was corrected: {wrong}")
        logger.warning("%s did not answer in the form asked for, and is told so: %s", attempt.label, wrong)
        messages = [*(attempt.params.get("messages") or ()), *correction_messages(response, wrong)]
        attempt = replace(attempt, params={**attempt.params, "messages": messages})
    raise AssertionError("unreachable: the loop has no end of its own")


def _persistently(wrapper: OpenAIWrapper, attempt: EndpointRequest, trip: _Trip) -> Steps[Any]:
    """The endpoint's answer, if need be at the second or third time of asking."""
    policy, health = attempt.place.policy, attempt.place.health
    for times in count():
        yield from yield_point()
        for budget in budgets(wrapper._budget):
            budget.check()
        if attempt.place.limiter:
            yield from sleep(attempt.place.limiter.reserve())
        trip.requests += 1
        if events.has_listeners and events.is_wanted(events.ModelAsked):
            count_of = len(attempt.params.get("messages") or ())
            events.emit(events.ModelAsked(**_about(attempt, trip), messages=count_of, _params=attempt.params))
            yield from yield_point()
        trip.token = request_log.started(trip.token)
        trip.asked_at = time.monotonic()
        try:
            response = yield from _ask_endpoint(attempt)
        except Exception as error:
            request_log.failed(wrapper, attempt, error, trip.token)
            fault = fault_of(error)
            if fault is None:
                _tell_failure(attempt, trip, attempt.reason(error), "the error")
                raise
            trip.failures.append(f"{attempt.label}: {attempt.reason(error)}")
            asked_for = retry_after(error)
            health.failed(fault, policy, asked_for)
            seconds = policy.pause(times, asked_for)
            too_long = seconds > policy.max_delay and not trip.is_last
            too_late = time.monotonic() + seconds > trip.began + policy.deadline
            useless = not fault.again or (fault.blame is Blame.ENDPOINT and not trip.is_last)
            gives_up = useless or times >= policy.retries or too_long or too_late
            then = f"again in {seconds:.1f} s" if not gives_up else "the error" if trip.is_last else "the next endpoint"
            _tell_failure(attempt, trip, trip.failures[-1], then)
            if gives_up:
                raise
            logger.warning("%s. It is asked again in %.1f s (%s).", trip.failures.pop(), seconds, fault.name)
            yield from sleep(seconds)
        else:
            health.worked()
            return response
    raise AssertionError("unreachable: the loop has no end of its own")


def _ask_endpoint(attempt: EndpointRequest) -> Steps[Any]:
    create = attempt.client.create
    twin = getattr(attempt.client, "a_create", None) or wrap_in_thread(create)
    return (yield from invoke(interruptible(create), twin, attempt.params))


def _accounted(
    wrapper: OpenAIWrapper, attempt: EndpointRequest, response: Any, trip: _Trip, cached: bool, paid_before: bool = False
) -> Any:
    """The answer with its cost, which is counted."""
    client = attempt.client
    object.__setattr__(response, "message_retrieval_function", client.message_retrieval)  # not a field: JSON stays JSON
    object.__setattr__(response, "cached", cached)
    if not cached or getattr(response, "cost", None) is None:
        response.cost = _cost(attempt, response)
    usage = client.get_usage(response)
    for budget in budgets(wrapper._budget):
        budget.ledger.add(usage, cached, paid_before)
    if events.has_listeners and events.is_wanted(events.ModelAnswered):
        events.emit(
            events.ModelAnswered(
                **_about(attempt, trip),
                cached=cached,
                prompt_tokens=usage.get("prompt_tokens") or 0,
                completion_tokens=usage.get("completion_tokens") or 0,
                cost=response.cost,
                price_known=not isinstance(response.cost, UnknownCost),
                seconds=time.monotonic() - trip.asked_at,
                _response=response,
            )
        )
    request_log.answered(wrapper, attempt, response, cached, response.cost, trip.token)
    return response


def _tell_failure(attempt: EndpointRequest, trip: _Trip, why: str, then: str) -> None:
    if events.has_listeners:
        events.emit(events.ModelFailed(**_about(attempt, trip), error=why, then=then))


def _about(attempt: EndpointRequest, trip: _Trip) -> dict[str, Any]:
    asker = attempt.extra.get("agent")
    return {
        "agent": getattr(asker, "name", None) or str(asker or ""),
        "model": str(attempt.params.get("model")),
        "endpoint": attempt.address,
        "attempt": trip.requests,
    }


def _cost(attempt: EndpointRequest, response: Any) -> float:
    price = attempt.extra.get("price")
    if price is None:
        return attempt.client.cost(response)  # type: ignore[no-any-return]
    return compute_cost(attempt.client.get_usage(response), parse_price(price))


def _passes(attempt: EndpointRequest, response: Any) -> bool:
    accepts = attempt.extra.get("filter_func")
    return accepts is None or bool(accepts(context=attempt.extra.get("context"), response=response))


def _all_failed(failures: list[str], error: Exception) -> Exception:
    """The last endpoint's error, which keeps its type, with the reasons of all of them as its text."""
    text = failures[0] if len(failures) == 1 else "Every endpoint failed.\n" + "\n".join(f"- {one}" for one in failures)
    if isinstance(error, sys.modules["openai"].APITimeoutError):
        return TimeoutError(f"{text}\nThe setting `timeout` (seconds) in the config gives an endpoint more time.")
    error.args = (text, *error.args[1:])
    return error
