"""One completion from the caller to the answer, the classic way: a patient caller, a cache, a plain dict as the answer."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...cache.disk_cache import DiskCache
from .._endpoints.provider_table import get_connection_keys
from .._requests.templates import instantiate
from ..client import OpenAIWrapper
from ..openai_utils import get_key
from .completion_answer import Answer, answer_of, joined

logger = logging.getLogger("autogen.oai.completion")

MOST_CHOICES = 128  # that one request may ask for, at OpenAI's API
_most_choices: dict[tuple[str, ...], int] = {}  # what other endpoints were found to allow
_REFUSES_N = re.compile(r"""['"`]n['"`]|\bn (is|must|should|>|<|=)""")
_QUESTION = ("prompt", "messages")


def connection_names(config: Mapping[str, Any]) -> set[str]:
    """The settings of a config that are not parameters of the request."""
    own = {"api_rate_limit", "max_cost", "max_tokens_total", "model_client_cls"}
    return own | OpenAIWrapper.extra_kwargs | OpenAIWrapper.openai_kwargs | get_connection_keys(dict(config))


@dataclass(frozen=True)
class Patience:
    """How long a request is tried.

    Attributes:
        wait: Seconds between two tries.
        period: Seconds within which there is another one.
        timeout: Seconds for the first; a later one has more.
    """

    wait: float
    period: float
    timeout: float | None


@dataclass(frozen=True)
class Request:
    """What is asked, of whom.

    Attributes:
        params: What the endpoint gets, `messages` or `prompt` included.
        connection: The other settings of the wrapper's entry.
        cache: Where answers are kept; None for nowhere.
        offset: How many answers to the same question are held already; the next ones are others.
    """

    params: dict[str, Any]
    connection: dict[str, Any]
    patience: Patience
    cache: Any
    offset: int = 0


def request_of(
    context: Mapping[str, Any] | None, config: dict[str, Any], *, defaults: Any, chat: Callable[[str], bool], offset: int = 0
) -> Request:
    """A config with its templates filled in.

    Args:
        context: The values for the templates.
        config: Everything that was set.
        defaults: The class, which has what is not set.
        chat: Whether a model is asked by messages.

    Raises:
        ValueError: A chat model has neither prompt nor messages.
    """
    config = dict(config)
    patience = Patience(
        wait=config.pop("retry_wait_time", defaults.retry_wait_time),
        period=config.pop("max_retry_period", defaults.max_retry_period),
        timeout=config.pop("request_timeout", config.get("timeout", defaults.request_timeout)),
    )
    path, seed = defaults.cache_path, config.pop("cache_seed", defaults.cache_seed)
    cache = config.pop("cache", None)
    if cache is None and seed is not None:
        cache = DiskCache(Path(path) if seed == defaults.cache_seed else Path(path).with_name(str(seed)))
    names = connection_names(config)
    connection = {name: value for name, value in config.items() if name in names}
    params = {name: value for name, value in config.items() if name not in names and name not in _QUESTION}
    params |= _question(context, config, chat(str(config.get("model"))))
    return Request(params, connection, patience, cache, offset)


def _question(context: Mapping[str, Any] | None, config: dict[str, Any], chat: bool) -> dict[str, Any]:
    as_format = config.get("allow_format_str_template")
    values = dict(context) if context else None
    prompt, messages = config.get("prompt"), config.get("messages")
    if messages is not None and (chat or prompt is None):
        filled = [{**one, "content": instantiate(one.get("content"), values, as_format)} for one in messages]
        return {"messages": filled}
    if prompt is None and chat:
        raise ValueError("A chat model needs a prompt or messages: the config has neither.")
    text = instantiate(prompt, values, as_format)
    return {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}


def ask(request: Request, use_failures: bool = False) -> Answer | int:
    """Ask, unless the answer is known already. If one request can't bring all the choices, several do.

    Args:
        request: What is asked, of whom.
        use_failures: Whether it will do that the cache knows of a timeout.

    Returns:
        The answer with its `cost` (USD), or -1 if the cache says that there was none in time.

    Raises:
        openai.APIError: The endpoint refuses, or fails longer than patience lasts.
    """
    wanted = request.params.get("n") or 1
    known = _look_up(request, wanted)
    if isinstance(known, Answer) and len(known["choices"]) >= wanted:
        return known
    if known == -1 and use_failures:
        return -1
    if not _divisible(request):
        return _part(request, wanted)
    whole, parts = _in_parts(request, wanted)
    if parts > 1:
        _store(request, wanted, whole)
    return whole


def _in_parts(request: Request, wanted: int) -> tuple[Answer, int]:
    """As many choices as are wanted, and how many requests they took. Some endpoints give fewer than they are asked for."""
    import openai

    whole: Answer | None = None
    endpoint = tuple(str({**request.connection, **request.params}.get(name)) for name in ("model", "base_url", "api_type"))
    most, parts, held = _most_choices.get(endpoint, MOST_CHOICES), 0, 0
    while whole is None or held < wanted:
        size = min(wanted - held, most)
        try:
            part = _part(replace(request, offset=request.offset + held), size)
        except openai.BadRequestError as error:
            if size == 1 or not (error.param == "n" or _REFUSES_N.search(str(error))):
                raise
            most = _most_choices[endpoint] = size // 2
            continue
        whole, parts = (joined(whole, part, wanted) if whole else part), parts + 1
        if len(whole["choices"]) == held:  # it says nothing more
            break
        held = len(whole["choices"])
    return whole, parts


def _divisible(request: Request) -> bool:
    return (request.params.get("n") or 1) > 1 and "best_of" not in request.params


def _part(request: Request, size: int) -> Answer:
    """The answer to one request, from the cache or the endpoint."""
    known = _look_up(request, size)
    if isinstance(known, Answer):
        return known
    params = request.params if size == 1 and "n" not in request.params else {**request.params, "n": size}
    if request.offset and params.get("seed") is not None:
        params = {**params, "seed": params["seed"] + request.offset}  # the same seed brings the same answers
    answer = _persist(lambda timeout: _send(request, params, timeout), request.patience)
    _store(request, size, answer)
    return answer


def _send(request: Request, params: dict[str, Any], timeout: float | None) -> Answer:
    """One request over the wrapper. The SDK does not retry: we do."""
    settings = {name: value for name, value in params.items() if name not in _QUESTION}
    entry = {"max_retries": 0, **request.connection, "timeout": timeout, **settings}
    question = {name: params[name] for name in _QUESTION if name in params}
    return answer_of(OpenAIWrapper(config_list=[entry]).create(cache_seed=None, **question))


def _persist(attempt: Callable[[float | None], Answer], patience: Patience) -> Answer:
    """Try until there is an answer, or no time is left for another try."""
    import openai

    deadline = time.monotonic() + patience.period
    timeout = patience.timeout
    while True:
        try:
            return attempt(timeout)
        except (openai.APIError, TimeoutError) as error:
            failure = _of_the_sdk(error)
            left = deadline - time.monotonic() - patience.wait
            if not may_pass(failure) or left <= 0:
                raise failure from None
            if isinstance(failure, openai.APITimeoutError) and timeout is not None:
                timeout = min(2 * timeout, max(left, timeout))
            logger.info("A request failed (%s), the next try is in %g seconds.", type(failure).__name__, patience.wait)
        time.sleep(patience.wait)


def _of_the_sdk(error: Exception) -> Exception:
    """The wrapper makes a plain `TimeoutError` of the SDK's: whoever handles `openai` errors wants that."""
    import openai

    origin = error.__context__
    return origin if isinstance(error, TimeoutError) and isinstance(origin, openai.APITimeoutError) else error


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    import openai

    if getattr(error, "code", None) in ("content_filter", "insufficient_quota"):
        return False
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, (openai.APIError, TimeoutError))


def is_too_slow(error: BaseException) -> bool:
    """Whether an endpoint had no time for us: a rate limit, or no answer in time."""
    import openai

    return isinstance(error, (openai.RateLimitError, openai.APITimeoutError, TimeoutError))


def _key(request: Request, size: int) -> str:
    """The key in the cache: the parameters, as in `OpenAIWrapper`; later answers to the same have keys of their own."""
    params = request.params if "n" not in request.params else {**request.params, "n": size}
    return get_key({**params, "offset": request.offset} if request.offset else params)


def _look_up(request: Request, size: int) -> Answer | int | None:
    if request.cache is None:
        return None
    with request.cache as store:
        known = store.get(_key(request, size), None)
    if isinstance(known, dict) and known.get("choices"):
        return Answer(known)
    return -1 if known == -1 else None


def _store(request: Request, size: int, answer: Answer) -> None:
    if request.cache is None:
        return
    with request.cache as store:
        store.set(_key(request, size), json.loads(json.dumps(answer)))


def remember_timeout(request: Request, error: BaseException) -> None:
    """Keep it in the cache if there was no answer in time. A rate limit is over soon."""
    import openai

    if request.cache is not None and not isinstance(error, openai.RateLimitError):
        with request.cache as store:
            store.set(_key(request, request.params.get("n") or 1), -1)
