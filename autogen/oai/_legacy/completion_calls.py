"""Requests of the classic API: the pipeline of `OpenAIWrapper`, with layers for the settings that `Completion` alone has.

A request passes, from the outside: the history and the memory of timeouts, the cache, the division of its choices over
several requests, and for each of these the cache and the retries, whose timeout grows. The fallback over a config list is
the pipeline's.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..._jsonable import to_jsonable
from ..._steps import Steps, run_sync
from ...cache.abstract_cache_base import AbstractCache
from ...cache.disk_cache import DiskCache
from .._cache_key import get_key
from .._endpoints.provider_registry import get_connection_keys
from .._model_client import ModelResponse
from .._requests.endpoints import EndpointRequest, Handler, RequestState, instantiate_template
from .._requests.layers import add_cache, add_retries
from .._requests.pipeline import send_once
from .._requests.response_cache import CacheSlot
from .._requests.retry import RetryPolicy
from .._requests.serialization import ResponseDict, get_attributes
from ..client import OpenAIWrapper
from .completion_history import COUNTS, History

logger = logging.getLogger("autogen.oai.completion")

MAX_CHOICES = 128  # of a request to OpenAI's API
# Lower limits of other endpoints, by model and address, as their refusals showed them.
_max_choices: dict[tuple[str, str], int] = {}
# The texts in which endpoints refuse a large `n`, if they don't name the parameter in the error.
_REFUSES_N = re.compile(r"""['"`]n['"`]|\bn (is|must|should|>|<|=)""")
# Settings of an entry that `make_entry` replaces.
_REPLACED = ("prompt", "messages", "max_retries", "retry_policy")
# Stored in the cache for a request that timed out, as 0.2 does.
_TIMED_OUT = -1


@dataclass(frozen=True)
class Defaults:
    """Values of the settings that a call leaves open: class attributes of `Completion`."""

    cache_path: str
    cache_seed: int | str
    retry_wait_time: float
    max_retry_period: float
    request_timeout: float | None


class FixedDelay(RetryPolicy):
    """Retries at a fixed interval, `first_delay`, for the seconds of `deadline`, whatever the endpoint asks for."""

    def compute_delay(self, retries: int, retry_after: float | None) -> float:
        """Return the fixed interval."""
        return self.first_delay


@dataclass(frozen=True)
class ClassicEntry:
    """An entry of a classic config list.

    Attributes:
        config: The entry as `OpenAIWrapper` takes it, with the prompt or the messages.
        policy: Retries.
        timeout: Seconds for the first request; None for no limit.
        cache: Cache of responses; None for none.
    """

    config: dict[str, Any]
    policy: RetryPolicy
    timeout: float | None
    cache: AbstractCache | None


class RememberedTimeout(TimeoutError):
    """Raised if the cache says that the request timed out before."""


def get_connection_names(config: Mapping[str, object]) -> set[str]:
    """Return the names of settings that are not parameters of the request."""
    own = {"api_rate_limit", "max_cost", "max_tokens_total", "model_client_cls"}
    return own | OpenAIWrapper.extra_kwargs | OpenAIWrapper.openai_kwargs | get_connection_keys(config)


def make_entry(
    context: Mapping[str, object] | None, config: Mapping[str, object], defaults: Defaults, is_chat: Callable[[str], bool]
) -> ClassicEntry:
    """Make an entry from the settings of a call, and fill in its templates.

    Args:
        context: Values for the templates.
        config: Settings of the call and of the entry.
        defaults: Values of missing settings.
        is_chat: Returns True for the name of a chat model.

    Raises:
        ValueError: if a chat model has neither prompt nor messages.
    """
    settings: dict[str, Any] = dict(config)
    wait = settings.pop("retry_wait_time", defaults.retry_wait_time)
    period = settings.pop("max_retry_period", defaults.max_retry_period)
    timeout = settings.pop("request_timeout", settings.get("timeout", defaults.request_timeout))
    seed = settings.pop("cache_seed", defaults.cache_seed)
    cache = settings.pop("cache", None)
    if cache is None and seed is not None:
        path = Path(defaults.cache_path)
        cache = DiskCache(path if seed == defaults.cache_seed else path.with_name(str(seed)))
    # Endpoints are always tried in the order of the list, so a failing one is never set aside.
    policy = FixedDelay(
        retries=float("inf"),
        first_delay=wait,
        max_delay=wait,
        deadline=period,
        set_aside_after=float("inf"),
        set_aside_for=0,
    )
    question = _fill_question(context, settings, is_chat(str(settings.get("model"))))
    settings = {name: value for name, value in settings.items() if name not in _REPLACED}
    return ClassicEntry({**settings, "timeout": timeout, **question}, policy, timeout, cache)


def _fill_question(context: Mapping[str, object] | None, settings: Mapping[str, Any], is_chat: bool) -> dict[str, object]:
    is_format = settings.get("allow_format_str_template")
    values = dict(context) if context else None
    prompt, messages = settings.get("prompt"), settings.get("messages")
    if messages is not None and (is_chat or prompt is None):
        return {
            "messages": [
                {**message, "content": instantiate_template(message.get("content"), values, is_format)}
                for message in messages
            ]
        }
    if prompt is None and is_chat:
        raise ValueError("A chat model needs a prompt or messages, and the config has neither.")
    text = instantiate_template(prompt, values, is_format)
    return {"messages": [{"role": "user", "content": text}]} if is_chat else {"prompt": text}


def request_answer(
    entries: Sequence[ClassicEntry],
    *,
    filter_func: Callable[[ResponseDict], bool] | None = None,
    history: History | None = None,
    offset: int = 0,
    raise_on_timeout: bool = True,
) -> ResponseDict | int:
    """Return the response of the first entry that gives one.

    Args:
        entries: The entries, in the order in which they are tried.
        filter_func: Returns False for a response that is passed over for the next entry's.
        history: History in which each response is recorded.
        offset: Number of responses to the same question that the caller has already; the cache keeps them apart.
        raise_on_timeout: True to raise the error if the last entry times out or limits the rate.

    Returns:
        The response, with `config_id`, `pass_filter`, and the cost of those that were passed over added; -1 for a timeout
        or a rate limit.

    Raises:
        openai.APIError: if the last entry refused, or failed for the whole retry period.
    """
    # Rejected responses were paid as well.
    rejected: list[float] = []

    def accept(context: object, response: ModelResponse) -> bool:
        if filter_func is None or filter_func(make_answer(response)):
            return True
        rejected.append(response.cost)
        return False

    handler = _add_call_settings(_make_parts_handler(offset), entries, history, offset, not raise_on_timeout)
    wrapper = OpenAIWrapper(config_list=[entry.config for entry in entries])
    try:
        response = run_sync(wrapper._request({"filter_func": accept}, handler))
    except Exception as error:
        error = _restore_sdk_error(error)
        if raise_on_timeout or not _is_too_slow(error):
            raise error from None
        logger.info("Giving up on a request: %s", type(error).__name__)
        return -1
    answer = make_answer(response)
    # The cost of the last response is among them if the filter rejected it as well.
    answer.update(cost=sum(rejected) + (response.cost if response.pass_filter else 0.0))
    answer.update(config_id=response.config_id, pass_filter=response.pass_filter)
    return answer


def make_answer(response: ModelResponse) -> ResponseDict:
    """Convert a response of the pipeline to a dict without the attributes for its position in a config list."""
    # Pydantic converts its own objects with their extra attributes, such as the cost.
    content = to_jsonable(response if hasattr(response, "model_dump") else get_attributes(response), get_attributes)
    for name in ("config_id", "pass_filter"):
        content.pop(name, None)
    return ResponseDict({**content, "cost": response.cost})


def _restore_sdk_error(error: Exception) -> Exception:
    """Return the SDK's timeout, which programs of the classic API handle, for the pipeline's `TimeoutError`."""
    import openai

    cause = error.__context__
    return cause if isinstance(error, TimeoutError) and isinstance(cause, openai.APITimeoutError) else error


def _is_too_slow(error: Exception) -> bool:
    import openai

    return isinstance(error, (openai.RateLimitError, openai.APITimeoutError, TimeoutError))


def _add_call_settings(
    handler: Handler, entries: Sequence[ClassicEntry], history: History | None, offset: int, remembers: bool
) -> Handler:
    """Add the settings of the entries, the history, and the memory of timeouts.

    Args:
        handler: The layers below.
        entries: The entries of the call.
        history: History in which each response is recorded.
        offset: Number of responses to the same question that the caller has already.
        remembers: True to store a timeout of the last entry in the cache, and to raise if one is stored.
    """

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        import openai

        entry = entries[request.index]
        # These settings are objects of this call, which the runtime log should not see as the config of a wrapper.
        request = replace(
            request,
            endpoint=replace(request.endpoint, policy=entry.policy),
            extra={**request.extra, "cache": entry.cache, "cache_seed": None, "timeout": entry.timeout},
        )
        slot = None
        # A timeout of an earlier entry says nothing about the result of the call.
        if remembers and request.is_last and entry.cache is not None:
            slot = CacheSlot(entry.cache, get_key({**request.params, **_make_key_fields(offset)}))
            if slot.load_json() == _TIMED_OUT:
                raise RememberedTimeout("The request timed out before.")
        try:
            response = yield from handler(request, state)
        except openai.APITimeoutError:
            if slot is not None:
                slot.save_json(_TIMED_OUT)
            raise
        if history is not None:
            history.add(request.params, make_answer(response))
        return response

    return handle


def _make_key_fields(offset: int) -> dict[str, object]:
    return {"offset": offset} if offset else {}


def _make_parts_handler(offset: int) -> Handler:
    """Make the handler that divides the choices over several requests, if the endpoint gives fewer than requested.

    Args:
        offset: Number of responses to the same question that the caller has already.
    """

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        # The best of several requests is not the best of all.
        if (request.params.get("n") or 1) == 1 or "best_of" in request.params:
            return handle_part(request, state, offset)
        # The whole is stored besides its parts: looking those up would repeat refused requests.
        return add_cache(handle_parts, **_make_key_fields(offset))(request, state)

    def handle_parts(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        import openai

        wanted: int = request.params["n"]
        endpoint = (str(request.params.get("model")), request.endpoint.address)
        limit, count = _max_choices.get(endpoint, MAX_CHOICES), 0
        whole: ModelResponse | None = None
        while whole is None or count < wanted:
            size = min(wanted - count, limit)
            request_of_part = replace(request, params={**request.params, "n": size})
            try:
                part = yield from handle_part(request_of_part, state, offset + count)
            except openai.BadRequestError as error:
                if size == 1 or not (error.param == "n" or _REFUSES_N.search(str(error))):
                    raise
                # Later calls begin with the limit that is found here.
                limit = _max_choices[endpoint] = size // 2
                continue
            whole = part if whole is None else _join_responses(whole, part, wanted)
            # An endpoint that has nothing to add would be asked forever.
            if len(whole.choices) == count:
                break
            count = len(whole.choices)
        return whole

    def handle_part(request: EndpointRequest, state: RequestState, offset: int) -> Steps[ModelResponse]:
        # The same seed would bring the same choices again.
        if offset and request.params.get("seed") is not None:
            request = replace(request, params={**request.params, "seed": request.params["seed"] + offset})
        return add_cache(_request_patiently, **_make_key_fields(offset))(request, state)

    return handle


def _join_responses(first: ModelResponse, second: ModelResponse, wanted: int) -> ModelResponse:
    """Add the choices and the cost of a second response to a first one, which then has `wanted` choices at most."""
    first.choices = [*first.choices, *second.choices][:wanted]
    for index, choice in enumerate(first.choices):
        choice.index = index
    if first.usage is not None and second.usage is not None:
        for name in COUNTS:
            setattr(first.usage, name, (getattr(first.usage, name, 0) or 0) + (getattr(second.usage, name, 0) or 0))
    first.cost += second.cost
    return first


def _request_patiently(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
    """Send a request with retries. After each timeout, the next request has twice as much time."""
    import openai

    policy = request.endpoint.policy
    timeout = first_timeout = cast("float | None", request.extra["timeout"])

    def send(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        nonlocal timeout
        if timeout != first_timeout:
            request = replace(request, params={**request.params, "timeout": timeout})
        try:
            return (yield from send_once(request, state))
        except openai.APITimeoutError:
            if timeout is not None:
                left = policy.last_retry - (time.monotonic() - state.started_at) - policy.first_delay
                timeout = min(2 * timeout, max(left, timeout))
            raise

    # Each request of each entry has the whole retry period, and timeouts are retried even if there is another entry.
    state.started_at = time.monotonic()
    return add_retries(send)(replace(request, is_patient=True), state)
