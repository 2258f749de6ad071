"""The request pipeline: layers around one endpoint, and fallback over several.

A response comes from the cache or from the endpoint; in the order of `handle_request`, a request passes

1. the cache,
2. the validation against a schema, which may ask for corrections,
3. the retries,
4. the limits (budgets and request rate), which each correction and each retry must keep,
5. the accounting (events, cost, runtime log),
6. the question to the servers of open models what these can do,
7. the conversion of media,

and is sent. Around them, `request_completion` falls back to the next endpoint, and makes the whole an operation, which the
journal of a checkpoint keeps.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Protocol, TypeAlias

from ..._images.storage import has_media
from ..._steps import Steps
from ...exception_utils import BudgetExceeded
from ...operations import JournalError, Operation, fingerprint, get_journal, perform
from ...types import JSON
from .._model_client import ModelResponse
from .._usage.ledger import Budget
from .endpoints import EXTRA_KEYS, EndpointEntry, EndpointRequest, Handler, RequestState, build_request
from .layers import (
    add_accounting,
    add_cache,
    add_limits,
    add_media,
    add_retries,
    add_schema,
    record_response,
    report_step_down,
    send_request,
)
from .live_abilities import add_live_abilities
from .media import embed_media
from .reply_file import get_reply_file
from .response_schema import validate_response
from .retry import RetryState, can_fall_back, classify_error
from .serialization import from_json, to_json

logger = logging.getLogger("autogen.oai.client")

send_once: Handler = add_limits(add_accounting(add_live_abilities(add_media(send_request))))
"""Handler for a single request, without cache and retries."""

handle_request: Handler = add_cache(add_schema(add_retries(send_once)))
"""Handler of `OpenAIWrapper`."""


class _Build(Protocol):
    def __call__(self, index: int, is_last: bool = False) -> EndpointRequest: ...


_BuildRequest: TypeAlias = Callable[..., EndpointRequest]


def request_completion(
    endpoints: Sequence[EndpointEntry],
    config: Mapping[str, object],
    *,
    budget: Budget,
    wrapper_id: int,
    extra_keys: AbstractSet[str] = EXTRA_KEYS,
    handler: Handler = handle_request,
    build_request: _BuildRequest = build_request,
) -> Steps[ModelResponse]:
    """Return the response of the first endpoint that gives one; a resumed chat gets the recorded response.

    Args:
        endpoints: The endpoints, in the order in which they are tried.
        config: Arguments of the call.
        budget: Budget of the agent.
        wrapper_id: Id of the wrapper, for the runtime log.
        extra_keys: Keys of settings that are not sent.
        handler: Turns the request for one endpoint into a response.
        build_request: Builds the request for one endpoint, as the function of that name does.

    Raises:
        RuntimeError: if a model client class is not registered.
        ValueError: if there are neither messages nor a prompt, or both.
        TimeoutError, openai.APIError: if all endpoints failed. The text has the reasons of each.
    """
    _check_registration(endpoints)

    def request(config: Mapping[str, Any]) -> Steps[ModelResponse]:
        build: _Build = partial(build_request, endpoints, config, extra_keys)

        def get_key() -> str:
            return fingerprint(build(0).params)

        def send() -> Steps[ModelResponse]:
            return _ask_models(endpoints, build, handler, RequestState(budget, wrapper_id))

        def decode(stored: JSON) -> ModelResponse:
            return _replay_response(len(endpoints), build, RequestState(budget, wrapper_id), stored)

        def answer() -> Steps[ModelResponse]:
            file = get_reply_file()
            return send() if file is None else file.answer(get_key(), send, _encode_response, decode)

        return perform(Operation(kind="model", key=get_key, run=answer, encode=_encode_response, decode=decode))

    return _embed_first(config, request) if has_media(config.get("messages")) else request(config)


def _embed_first(
    config: Mapping[str, Any], request: Callable[[Mapping[str, Any]], Steps[ModelResponse]]
) -> Steps[ModelResponse]:
    """Make a request whose media have become data that JSON can hold."""
    messages = yield from embed_media(config["messages"])
    return (yield from request({**config, "messages": messages}))


def _check_registration(endpoints: Sequence[EndpointEntry]) -> None:
    missing = [name for endpoint in endpoints if (name := endpoint.missing_class) is not None]
    if missing:
        raise RuntimeError(f"These model clients are not registered: {', '.join(missing)}. Call register_model_client.")


def _ask_models(
    endpoints: Sequence[EndpointEntry], build: _Build, handler: Handler, state: RequestState
) -> Steps[ModelResponse]:
    """Return the response of the first endpoint that gives one, or that of another model if its model refuses to answer."""
    order = _sort_by_health(endpoints)
    response = yield from _try_endpoints(order, build, handler, state)
    refused = response
    refusing: set[object] = set()
    while _is_refusal(response) and _asks_another_model(request := build(response.config_id or 0), response):
        refusing.add(request.params.get("model"))
        following = order[order.index(request.index) + 1 :]
        order = [index for index in following if build(index).params.get("model") not in refusing]
        if not order:
            break
        logger.warning("%s refused to answer; trying another model.", request.label)
        try:
            response = yield from _try_endpoints(order, build, handler, state)
        except Exception as error:
            if not isinstance(error, (BudgetExceeded, TimeoutError)) and classify_error(error) is None:
                raise
            # People see the reason of the refusal, which is better than none.
            return refused
    return response


def _is_refusal(response: Any) -> bool:
    choices = getattr(response, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    return getattr(message, "stop_reason", None) == "refusal"


def _asks_another_model(request: EndpointRequest, response: Any) -> bool:
    """Return True if another model is asked after a refusal.

    By default it is if a classifier of the vendor refused: that answer has no words of the model.
    """
    if (setting := request.extra.get("on_refusal")) is not None:
        return bool(setting == "next")
    native = getattr(response.choices[0].message, "native", None)
    return isinstance(native, Mapping) and native.get("stop") == "refusal"


def _try_endpoints(order: Sequence[int], build: _Build, handler: Handler, state: RequestState) -> Steps[ModelResponse]:
    failures: list[str] = []
    skipped: list[EndpointRequest] = []
    for index in order:
        request = build(index, is_last=index == order[-1])
        try:
            response = yield from handler(request, state)
        except BudgetExceeded as error:
            if error.on_budget != "next" or request.is_last:
                raise
            skipped.append(request)
            following = build(order[order.index(index) + 1]).label
            report_step_down(request, state, following, error)
            continue
        except Exception as error:
            fault = classify_error(error)
            if fault is None or not fault.fallback:
                raise
            failures.append(f"{request.label}: {request.endpoint.describe_error(error)}")
            policy = request.endpoint.policy
            progress = RetryState(0, time.monotonic() - state.started_at, request.is_last)
            if not can_fall_back(fault, policy, progress):
                # The type of the last error stays, because programs handle it.
                raise _combine_failures(failures, error, policy.deadline) from None
            logger.warning("%s; trying the next endpoint (%s).", failures[-1].rstrip("."), fault.name)
            continue
        response.pass_filter = _passes_filter(request, response)
        # A response that the filter rejects is better than none.
        if response.pass_filter or request.is_last:
            response.config_id = index
            if skipped:
                step = {"from": skipped[0].params.get("model"), "to": request.params.get("model"), "left": state.left}
                object.__setattr__(response, "stepped_down", step)
            return response
    raise AssertionError("unreachable: a wrapper has at least one endpoint")


def _sort_by_health(endpoints: Sequence[EndpointEntry]) -> list[int]:
    """Return the indexes of the endpoints in the order in which they are tried: those that are set aside come last."""
    indexes = list(range(len(endpoints)))
    if len(indexes) > 1:
        # Sorted once by the health at this moment, which other requests may change.
        indexes.sort(key=lambda index: endpoints[index].health.is_set_aside)
    return indexes


def _passes_filter(request: EndpointRequest, response: ModelResponse) -> bool:
    filter_func = request.extra.get("filter_func")
    return filter_func is None or bool(filter_func(context=request.extra.get("context"), response=response))


def _combine_failures(failures: list[str], error: Exception, deadline: float | None) -> Exception:
    """Return the last endpoint's error with the failures of all endpoints as its text; for a timeout a `TimeoutError`."""
    text = failures[0]
    if len(failures) > 1:
        text = "All endpoints failed:\n" + "\n".join(f"- {failure}" for failure in failures)
    if isinstance(error, sys.modules["openai"].APITimeoutError):
        setting = "the `deadline` of its `retry_policy`" if deadline else "the setting `timeout`"
        return TimeoutError(f"{text}\nIn the config, {setting} (seconds) allows more time.")
    error.args = (text, *error.args[1:])
    return error


def _encode_response(response: ModelResponse) -> dict[str, JSON]:
    stored: dict[str, JSON] = {"endpoint": response.config_id, "paid": not response.cached, "answer": to_json(response)}
    step = getattr(response, "stepped_down", None)
    return stored if step is None else {**stored, "stepped_down": step}


def _replay_response(endpoint_count: int, build: _Build, state: RequestState, stored: JSON) -> ModelResponse:
    """Return a response from the journal."""
    response = from_json(stored.get("answer")) if isinstance(stored, dict) else None
    if response is None or not isinstance(stored, dict):
        journal = get_journal()
        raise JournalError(f"{journal and journal.name} is damaged: the result of a model request is not a response.")
    index = stored.get("endpoint", 0)
    # The endpoint may have left the config list since the recording.
    if not isinstance(index, int) or index >= endpoint_count:
        index = 0
    request = build(index)
    # This restores `message.parsed`, which JSON doesn't hold.
    if request.schema is not None:
        validate_response(response, request.schema)
    paid = bool(stored.get("paid", True))
    record_response(request, state, response, "", time.monotonic(), cached=True, paid_before=paid)
    response.pass_filter = _passes_filter(request, response)
    response.config_id = index
    if (step := stored.get("stepped_down")) is not None:
        object.__setattr__(response, "stepped_down", step)
    return response
