"""The layers of the request pipeline. Each takes a handler and returns a handler that does more; see `Handler`.

A layer that has nothing to do for a request returns the step of the handler below it, so it costs only a function call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, TypedDict, cast

from ... import events, runtime_logging
from ..._images.storage import has_media
from ..._steps import Call, Steps, sleep, wrap_in_thread
from ...cache.abstract_cache_base import AbstractCache
from ...control import get_control, interruptible, yield_point
from ...exception_utils import BudgetExceeded
from ...types import Usage
from .._cache_key import get_key
from .._endpoints.openai_client import OpenAIClient
from .._model_client import ModelResponse
from .._once import log_once
from .._responses.history import drop_internal_keys, render_record
from .._responses.tokens import receive_tokens
from .._usage.cost import UnknownCost, compute_cost, read_usage
from .._usage.ledger import get_budgets
from .._usage.prefixes import watch_system_text
from . import runtime_log
from .endpoints import EndpointRequest, Handler, RequestState, find_cache
from .expenses import send_within_budgets
from .media import fit_media
from .response_cache import CacheSlot
from .response_schema import MAX_CORRECTIONS, make_corrections, make_schema_error, validate_response
from .retry import NextAction, RetryState, classify_error, decide_retry, parse_retry_after

logger = logging.getLogger("autogen.oai.client")


class _EventFields(TypedDict):
    agent: str
    model: str
    endpoint: str
    attempt: int


def add_cache(handler: Handler, **key_fields: object) -> Handler:
    """Add the cache that the request names: look the response up, and store a new one.

    Args:
        handler: The layers below.
        **key_fields: Values that are part of the key, besides the parameters of the request.
    """

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        cache = find_cache(request.extra)
        return handler(request, state) if cache is None else handle_cached(cache, request, state)

    def handle_cached(cache: AbstractCache, request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        # Made before the request is sent, because it fails for parameters that are not JSON.
        slot = CacheSlot(cache, get_key({**request.params, **key_fields} if key_fields else request.params))
        start_time = runtime_log.get_start_time()
        response = slot.load()
        if response is None or (request.schema is not None and validate_response(response, request.schema)):
            response = yield from handler(request, state)
            # Stored after the validation below, so the cache has no invalid responses.
            slot.save(response)
        else:
            record_response(request, state, response, start_time, time.monotonic(), cached=True)
        return response

    return handle


def add_schema(handler: Handler) -> Handler:
    """Add the validation of structured responses: the model is asked to correct a response that doesn't match the schema."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        return handler(request, state) if request.schema is None else handle_validated(request, state)

    def handle_validated(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        assert request.schema is not None
        for corrections in count():
            response = yield from handler(request, state)
            problem = validate_response(response, request.schema)
            if problem is None:
                return response
            if corrections == MAX_CORRECTIONS:
                raise make_schema_error(problem)
            logger.warning("%s: the response does not match the schema, asking for a correction: %s", request.label, problem)
            # The next correction is added to this one, so the model sees all of its attempts.
            messages = [*(request.params.get("messages") or ()), *make_corrections(response, problem)]
            request = replace(request, params={**request.params, "messages": messages})
        raise AssertionError("unreachable: the loop is endless")

    return handle


def add_retries(handler: Handler) -> Handler:
    """Add retries, as the endpoint's `RetryPolicy` allows them; record the endpoint's health."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        endpoint = request.endpoint
        for retries in count():
            # The chat may have been stopped or paused during the last attempt.
            if get_control() is not None:
                yield from yield_point()
            try:
                response = yield from handler(request, state)
            # A budget that is used up is not a failure of the endpoint.
            except BudgetExceeded:
                raise
            except Exception as error:
                fault = classify_error(error)
                text = endpoint.describe_error(error)
                if fault is None:
                    _emit_failure(request, state, text, "raising the error")
                    raise
                retry_after = parse_retry_after(error)
                endpoint.health.record_failure(fault, endpoint.policy, retry_after)
                elapsed = time.monotonic() - state.started_at
                retry_state = RetryState(retries, elapsed, request.is_last, request.is_patient)
                delay = endpoint.policy.compute_delay(retries, retry_after)
                decision = decide_retry(fault, endpoint.policy, retry_state, delay)
                _emit_failure(request, state, f"{request.label}: {text}", str(decision))
                if decision.action is not NextAction.RETRY:
                    raise
                logger.warning("%s: %s; %s (%s).", request.label, text.rstrip("."), decision, fault.name)
            else:
                if endpoint.health.failures:
                    endpoint.health.record_success()
                return response
            # Outside the `except` block, which would keep the error and its frames alive.
            yield from sleep(decision.delay)
        raise AssertionError("unreachable: the loop is endless")

    return handle


def add_limits(handler: Handler) -> Handler:
    """Add the limits on single requests: the budgets of agent and chats, and the endpoint's rate limit."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        budgets = [budget for budget in get_budgets(state.budget) if budget.is_limited]
        send = handler if request.endpoint.limiter is None else handle_paced
        return send_within_budgets(send, request, state, budgets) if budgets else send(request, state)

    def handle_paced(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        assert request.endpoint.limiter is not None
        yield from sleep(request.endpoint.limiter.reserve())
        return (yield from handler(request, state))

    return handle


def add_accounting(handler: Handler) -> Handler:
    """Add events, the runtime log, and the recording of cost and tokens."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        state.requests += 1
        watch_system_text(request.extra.get("agent"), request.params.get("messages"))
        if events.has_listeners and events.is_wanted(events.ModelAsked):
            messages = len(request.params.get("messages") or ())
            events.emit(events.ModelAsked(**_describe(request, state), messages=messages, _params=request.params))
            # A listener may have stopped or paused the chat.
            yield from yield_point()
        start_time = runtime_log.get_start_time() if runtime_logging.is_logging else ""
        sent_at = time.monotonic()
        try:
            response = yield from handler(request, state)
        except Exception as error:
            runtime_log.log_failure(request, state, error, start_time)
            raise
        record_response(request, state, response, start_time, sent_at)
        return response

    return handle


def add_media(handler: Handler) -> Handler:
    """Add the conversion of pictures and other media to the form that the endpoint takes."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        messages = request.params.get("messages")
        return handle_media(messages, request, state) if has_media(messages) else handler(request, state)

    def handle_media(messages: Any, request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        fitted = yield from fit_media(messages, request)
        return (yield from handler(replace(request, params={**request.params, "messages": fitted}), state))

    return handle


def send_request(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
    """Send the request: the innermost handler."""
    client = request.endpoint.client
    create = cast("Callable[[dict[str, Any]], ModelResponse]", client.create)
    a_create = getattr(client, "a_create", None) or wrap_in_thread(create)
    sync_create = create if get_control() is None else interruptible(create)
    params = request.params
    policy = request.endpoint.policy
    if policy.deadline and isinstance(client, OpenAIClient):
        timeout = params.get("timeout", client.endpoint and client.endpoint.timeout)
        params = {**params, "timeout": policy.shorten_timeout(timeout, time.monotonic() - state.started_at)}
    if params.get("stream"):
        with receive_tokens(request.extra.get("agent")):
            streamed: ModelResponse = yield _make_call(client, params, sync_create, a_create)
            return streamed
    response: ModelResponse = yield _make_call(client, params, sync_create, a_create)
    return response


def _make_call(client: object, params: dict[str, Any], create: Callable[..., Any], a_create: Callable[..., Any]) -> Call:
    # Custom clients send messages on to somebody who refuses keys that only this package knows.
    if messages := params.get("messages"):
        sent = messages if getattr(client, "takes_internal_form", False) else drop_internal_keys(messages)
        params = params if sent is messages else {**params, "messages": sent}
    return Call(create, a_create, (params,), {})


def record_response(
    request: EndpointRequest,
    state: RequestState,
    response: ModelResponse,
    start_time: str,
    sent_at: float,
    *,
    cached: bool = False,
    paid_before: bool = False,
) -> None:
    """Set the attributes of a response, add its cost and tokens to the ledgers, emit its event and log it.

    Args:
        request: The request.
        state: State of the call.
        response: The response.
        start_time: Start of the request, for the runtime log.
        sent_at: Start of the request, on the monotonic clock.
        cached: True if the response came from a cache or a checkpoint.
        paid_before: True if it was paid in an earlier run, and comes from a checkpoint.
    """
    client = request.endpoint.client
    # Not set as fields of the SDK's object, because then its JSON would contain them.
    object.__setattr__(response, "message_retrieval_function", client.message_retrieval)
    object.__setattr__(response, "cached", cached)
    # A response from the cache keeps the cost that it had.
    if not cached or getattr(response, "cost", None) is None:
        response.cost = _compute_cost(request, response)
    # A custom client may return None for a response that doesn't count.
    usage = cast("Usage", client.get_usage(response) or {})
    for budget in get_budgets(state.budget):
        budget.ledger.add(usage, cached, paid_before)
    if events.has_listeners and events.is_wanted(events.ModelAnswered):
        answered = events.ModelAnswered(
            **_describe(request, state),
            cached=cached,
            prompt_tokens=usage.get("prompt_tokens") or 0,
            completion_tokens=usage.get("completion_tokens") or 0,
            cost=response.cost,
            price_known=not isinstance(response.cost, UnknownCost),
            seconds=time.monotonic() - sent_at,
            **_read_details(response),
            _response=response,
        )
        events.emit(answered)
    if start_time:
        runtime_log.log_response(request, state, response, start_time, cached=cached)


class _Details(TypedDict):
    cached_tokens: int
    cache_miss: str
    hosted: list[str]


def _read_details(response: ModelResponse) -> _Details:
    """Return what else a vendor says of its answer. A custom client's response may be anything."""
    details = getattr(getattr(response, "usage", None), "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None)
    choices = getattr(response, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    native, hosted = getattr(message, "native", None), getattr(message, "hosted", None)
    return {
        "cached_tokens": cached if isinstance(cached, int) else 0,
        "cache_miss": str(native.get("cache_miss") or "") if isinstance(native, dict) else "",
        "hosted": [render_record(record) for record in hosted if isinstance(record, dict)]
        if isinstance(hosted, list)
        else [],
    }


def _compute_cost(request: EndpointRequest, response: ModelResponse) -> float:
    price, images = request.extra.get("price"), getattr(response, "images", None)
    if isinstance(images, list) and (per_image := request.extra.get("price_per_image")) is not None:
        return float(per_image) * len(images)
    if price is None:
        return request.endpoint.client.cost(response)
    client = request.endpoint.client
    # A custom client counts in its own way, and knows no cached tokens.
    usage = read_usage(response) if isinstance(client, OpenAIClient) else cast("Usage", client.get_usage(response))
    return compute_cost(usage, price)


def _emit_failure(request: EndpointRequest, state: RequestState, text: str, then: str) -> None:
    if events.has_listeners:
        events.emit(events.ModelFailed(**_describe(request, state), error=text, then=then))


def report_step_down(request: EndpointRequest, state: RequestState, following: str, error: BudgetExceeded) -> None:
    """Log that an endpoint is passed over for a cheaper one, once for each, and emit the event.

    Args:
        request: The request that is not sent.
        state: State of the call.
        following: Label of the endpoint that is tried next.
        error: The reason.
    """
    hint = "" if request.params.get("max_tokens") else " A `max_tokens` in its config lowers what a response may cost."
    log_once(f"The budget has too little left for {request.label}, so {following} is asked.{hint}")
    if events.has_listeners:
        fields = _describe(request, state)
        events.emit(
            events.SteppedDown(
                agent=fields["agent"],
                model=fields["model"],
                endpoint=fields["endpoint"],
                to=following,
                left=state.left,
                reason=str(error),
            )
        )


def _describe(request: EndpointRequest, state: RequestState) -> _EventFields:
    """Return the fields that all events of a request have."""
    agent = request.extra.get("agent")
    return {
        "agent": getattr(agent, "name", None) or str(agent or ""),
        "model": str(request.params.get("model")),
        "endpoint": request.endpoint.address,
        "attempt": state.requests,
    }
