"""One request from the caller to the answer: cache, rate limit, endpoint, and the next endpoint where one fails."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._drive import Steps, ask, in_thread, pause
from .._secrets import redact
from ..cache.disk_cache import DiskCache
from ._clients import PlaceHolderClient
from ._cost import as_price, cost_of
from ._stored_answers import from_json, to_json
from ._templates import instantiate
from .openai_utils import get_key

if TYPE_CHECKING:
    from .client import OpenAIWrapper

logger = logging.getLogger("autogen.oai.client")

LEGACY_DEFAULT_CACHE_SEED = 41  # where neither a config nor a call says otherwise
LEGACY_CACHE_DIR = ".cache"


@dataclass
class Attempt:
    """A request as one entry of the config list makes it.

    Attributes:
        params: What goes to the endpoint.
        extra: What is for the wrapper alone.
    """

    index: int
    client: Any
    params: dict[str, Any]
    extra: dict[str, Any]
    limiter: Any

    @property
    def label(self) -> str:
        """The endpoint, as messages name it."""
        endpoint = getattr(self.client, "_endpoint", None)
        return f"{self.params.get('model')} at {endpoint.address if endpoint else type(self.client).__name__}"

    def reason(self, error: Exception) -> str:
        """Why the endpoint failed, for people, without secrets."""
        text = f"{type(error).__name__}: {error}"
        endpoint = getattr(self.client, "_endpoint", None)
        return str(redact(endpoint.scrubbed(text) if endpoint else text))


def completion(wrapper: OpenAIWrapper, config: dict[str, Any]) -> Steps[Any]:
    """Ask the endpoints in turn, until one gives an answer that passes the filter."""
    _check_registered(wrapper)
    failures: list[str] = []
    last = len(wrapper._clients) - 1
    for index in range(last + 1):
        attempt = _attempt(wrapper, index, config)
        try:
            response = yield from _answer(wrapper, attempt)
        except Exception as error:
            if not _falls_through(error):
                raise
            failures.append(f"{attempt.label}: {attempt.reason(error)}")
            if index == last:
                raise _all_failed(failures, error) from None
            logger.warning("An endpoint failed, the next one is asked: %s", failures[-1])
            continue
        response.pass_filter = _passes(attempt, response)
        if response.pass_filter or index == last:
            response.config_id = index
            return response
    raise AssertionError("unreachable: a wrapper has at least one endpoint")


def _check_registered(wrapper: OpenAIWrapper) -> None:
    missing = [client.model_client_cls for client in wrapper._clients if isinstance(client, PlaceHolderClient)]
    if missing:
        raise RuntimeError(f"These model clients are not registered: {', '.join(missing)}. Call register_model_client.")


def _attempt(wrapper: OpenAIWrapper, index: int, config: dict[str, Any]) -> Attempt:
    """What the entry sets comes before what the call sets.

    Raises:
        ValueError: There are neither messages nor a prompt, or both.
    """
    full = {**config, **wrapper._config_list[index]}
    extra = {key: value for key, value in full.items() if key in wrapper.extra_kwargs}
    params = {key: value for key, value in full.items() if key not in wrapper.extra_kwargs}
    if str(extra.get("api_type")).startswith("azure") and params.get("model"):
        params["model"] = params["model"].replace(".", "")
    if (params.get("prompt") is None) == (params.get("messages") is None):
        raise ValueError("A request needs either messages or a prompt, and not both.")
    context, as_format = extra.get("context"), extra.get("allow_format_str_template")
    if context and params.get("prompt") is not None:
        params["prompt"] = instantiate(params["prompt"], context, as_format)
    elif context:
        params["messages"] = [
            {**message, "content": instantiate(message["content"], context, as_format)}
            if message.get("content")
            else message
            for message in params["messages"]
        ]
    return Attempt(index, wrapper._clients[index], params, extra, wrapper._rate_limiters[index])


def _answer(wrapper: OpenAIWrapper, attempt: Attempt) -> Steps[Any]:
    """The answer from the cache, or from the endpoint."""
    cache = _cache_of(attempt)
    key = get_key(attempt.params) if cache is not None else ""
    response: Any = None if cache is None else _look_up(cache, key)
    cached = response is not None
    if not cached:
        if attempt.limiter:
            yield from pause(attempt.limiter.reserve())
        response = yield from _ask_endpoint(attempt)
    client = attempt.client
    object.__setattr__(response, "message_retrieval_function", client.message_retrieval)  # not a field: JSON stays JSON
    if not cached or getattr(response, "cost", None) is None:
        response.cost = _cost(attempt, response)
    if cache is not None and not cached:
        _store(cache, key, response)
    wrapper._ledger.add(client.get_usage(response), cached)
    return response


def _ask_endpoint(attempt: Attempt) -> Steps[Any]:
    create = attempt.client.create
    return (yield from ask(create, getattr(attempt.client, "a_create", None) or in_thread(create), attempt.params))


def _cost(attempt: Attempt, response: Any) -> float:
    price = attempt.extra.get("price")
    if price is None and attempt.extra.get("api_type") == "local":
        price = (0.0, 0.0)
    if price is None:
        return attempt.client.cost(response)  # type: ignore[no-any-return]
    return cost_of(attempt.client.get_usage(response), as_price(price))


def _passes(attempt: Attempt, response: Any) -> bool:
    accepts = attempt.extra.get("filter_func")
    return accepts is None or bool(accepts(context=attempt.extra.get("context"), response=response))


def _cache_of(attempt: Attempt) -> Any:
    if (cache := attempt.extra.get("cache")) is not None:
        return cache
    seed = attempt.extra.get("cache_seed", LEGACY_DEFAULT_CACHE_SEED)
    return None if seed is None else DiskCache(Path(LEGACY_CACHE_DIR, str(seed)))


def _look_up(cache: Any, key: str) -> Any:
    with cache as store:
        stored = store.get(key, None)
    return from_json(stored)


def _store(cache: Any, key: str, response: Any) -> None:
    try:
        stored = to_json(response)
    except TypeError as error:
        logger.warning("An answer is not cached: %s", error)
        return
    with cache as store:
        store.set(key, stored)


def _falls_through(error: Exception) -> bool:
    """Whether the next endpoint may do better. Without the SDK loaded, the error can't be one of an endpoint."""
    openai = sys.modules.get("openai")
    if openai is None or not isinstance(error, openai.APIError):
        return False
    return getattr(error, "code", None) != "content_filter"


def _all_failed(failures: list[str], error: Exception) -> Exception:
    """The last endpoint's error, which keeps its type, with the reasons of all of them as its text."""
    text = failures[0] if len(failures) == 1 else "Every endpoint failed.\n" + "\n".join(f"- {one}" for one in failures)
    if isinstance(error, sys.modules["openai"].APITimeoutError):
        return TimeoutError(f"{text}\nThe setting `timeout` (seconds) in the config gives an endpoint more time.")
    error.args = (text, *error.args[1:])
    return error
