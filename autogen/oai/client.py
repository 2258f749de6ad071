"""`OpenAIWrapper`: requests to any model, with fallback over a list of endpoints."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from .. import events
from .._steps import Steps, run_async, run_sync
from ..io._event_streams import forward_events, has_event_reader
from ..io.base import IOStream
from ._config.entries import (
    AzureOpenAILLMConfigEntry,
    DeepSeekLLMConfigEntry,
    OpenAILLMConfigEntry,
    OpenAIResponsesLLMConfigEntry,
    OpenAIV2LLMConfigEntry,
)
from ._config.legacy_keys import translate_legacy_keys
from ._config.lists import validate_config_list
from ._embedding_response import EmbeddingResponse
from ._endpoints.clients import PlaceHolderClient
from ._endpoints.endpoint_pool import AZURE_KEYS, OPENAI_KEYS
from ._endpoints.openai_client import OpenAIClient
from ._model_client import ModelClient, ModelResponse
from ._once import log_once
from ._requests import runtime_log
from ._requests.embeddings import request_embeddings
from ._requests.endpoints import (
    EXTRA_KEYS,
    LEGACY_CACHE_DIR,
    LEGACY_DEFAULT_CACHE_SEED,
    Handler,
    instantiate_template,
    make_endpoint,
)
from ._requests.field_view import FieldView
from ._requests.images import handle_image_request
from ._requests.pipeline import handle_request, request_completion
from ._requests.retry import RetryPolicy
from ._usage.ledger import Budget, UsageLedger, format_usage_report, split_limits
from .rate_limiters import TimeRateLimiter

__all__ = [
    "AzureOpenAILLMConfigEntry",
    "DeepSeekLLMConfigEntry",
    "OpenAILLMConfigEntry",
    "OpenAIResponsesLLMConfigEntry",
    "OpenAIV2LLMConfigEntry",
    "LEGACY_CACHE_DIR",
    "LEGACY_DEFAULT_CACHE_SEED",
    "ModelClient",
    "ModelResponse",
    "OpenAIClient",
    "OpenAIWrapper",
    "PlaceHolderClient",
    "RetryPolicy",
]

logger = logging.getLogger(__name__)

# Every SDK that can be installed with this package has tools; the name is 0.2's.
TOOL_ENABLED = True
OPEN_API_BASE_URL_PREFIX = "https://api.openai.com"


def __getattr__(name: str) -> Any:
    # Not imported, because that takes half a second. A class that a test puts here makes the clients, see `make_client`.
    if name in ("OpenAI", "AzureOpenAI"):
        import openai

        return getattr(openai, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class OpenAIWrapper:
    """Client for a list of endpoints: a request goes to the first that responds.

    >>> client = OpenAIWrapper(config_list=[{"model": "gpt-4o"}, {"model": "smollm2-135m", "api_type": "local"}])
    >>> response = client.create(messages=[{"role": "user", "content": "2 + 2 ="}])  # doctest: +SKIP
    >>> client.extract_text_or_completion_object(response)  # doctest: +SKIP
    ['4']

    Attributes:
        extra_kwargs: Keys of settings that are not sent to an endpoint.
        openai_kwargs: Keys that configure the SDK's client.
        aopenai_kwargs: Keys that configure its client for Azure alone.
        wrapper_id: Id in the runtime log.
    """

    extra_kwargs = EXTRA_KEYS
    openai_kwargs = set(AZURE_KEYS)
    aopenai_kwargs = set(AZURE_KEYS - OPENAI_KEYS)

    def __init__(self, *, config_list: Sequence[Mapping[str, object]] | None = None, **base_config: Any) -> None:
        """Make a wrapper. No connection is opened.

        Args:
            config_list: The endpoints, in the order in which they are tried: `model`, `api_key`, `base_url`, `api_type`,
                and parameters of requests (`temperature`, ...). The list and its dicts are not modified.
            **base_config: Settings for all endpoints; `max_cost` (USD) and `max_tokens_total`, which limit the spending of
                the wrapper, with `on_budget` and `budget_key`; `retry_policy`, see `RetryPolicy`.

        Raises:
            openai.OpenAIError: if an endpoint has no credentials.
            ValueError, ImportError: if a setting is invalid, or needs a package that is not installed.
        """
        self.wrapper_id = id(self)
        self._ledger = UsageLedger()
        if config_list is not None:
            validate_config_list(config_list)
        # Translated as a whole, because an old key in one entry decides how the others are read.
        settings = translate_legacy_keys({**base_config, "config_list": config_list or [{}]}, warn=log_once)
        entries: list[dict[str, Any]] = settings.pop("config_list")
        limits, base_config = split_limits(settings)
        self._budget = Budget("agent", limits, self._ledger)
        self._endpoints = [make_endpoint({**base_config, **entry}, self.openai_kwargs) for entry in entries]
        runtime_log.log_wrapper(self, self._endpoints, entries, base_config, self.openai_kwargs)

    def __repr__(self) -> str:
        # No other setting is shown: it may be a key.
        models = ", ".join(str(endpoint.config.get("model")) for endpoint in self._endpoints)
        return f"OpenAIWrapper({models})"

    # Programs assign None to both summaries, or take over those of another wrapper.

    @property
    def actual_usage_summary(self) -> dict[str, Any] | None:
        """Cost (USD) and tokens by model, without responses from the cache; None before the first response."""
        return self._ledger.actual

    @actual_usage_summary.setter
    def actual_usage_summary(self, summary: dict[str, Any] | None) -> None:
        self._ledger.actual = summary

    @property
    def total_usage_summary(self) -> dict[str, Any] | None:
        """Cost (USD) and tokens by model, with responses from the cache; None before the first response."""
        return self._ledger.total

    @total_usage_summary.setter
    def total_usage_summary(self, summary: dict[str, Any] | None) -> None:
        self._ledger.total = summary

    # 0.2 had a list for each field of the endpoints, which programs read and assign items of.

    @property
    def _clients(self) -> FieldView[ModelClient]:
        return FieldView(self._endpoints, "client")

    @_clients.setter
    def _clients(self, clients: Iterable[ModelClient]) -> None:
        self._clients.assign(clients)

    @property
    def _config_list(self) -> FieldView[dict[str, Any]]:
        return FieldView(self._endpoints, "config")

    @_config_list.setter
    def _config_list(self, configs: Iterable[dict[str, Any]]) -> None:
        self._config_list.assign(configs)

    @property
    def _rate_limiters(self) -> FieldView[TimeRateLimiter | None]:
        return FieldView(self._endpoints, "limiter")

    def rebuild(self, **config: Any) -> OpenAIWrapper:
        """Return a wrapper for a changed config that keeps the usage, the rate limits and the registered clients.

        Args:
            **config: Arguments of the constructor.
        """
        wrapper = type(self)(**config)
        wrapper._ledger = wrapper._budget.ledger = self._ledger
        if len(wrapper._endpoints) == len(self._endpoints):
            for new, old in zip(wrapper._endpoints, self._endpoints, strict=True):
                # The new client may have other settings, but the vendor counts requests as before.
                new.limiter, new.health = old.limiter, old.health
                if new.missing_class is not None:
                    new.client = old.client
        return wrapper

    def register_model_client(self, model_client_cls: Callable[..., object], **kwargs: Any) -> None:
        """Make a model client of your own for the first entry that names its class and has none yet.

        Args:
            model_client_cls: The class, see `ModelClient`; an entry names it by `"model_client_cls": "<its name>"`.
            **kwargs: Arguments of the class, besides the entry.

        Raises:
            ValueError: if no entry names it.
        """
        name = getattr(model_client_cls, "__name__", repr(model_client_cls))
        for endpoint in self._endpoints:
            if endpoint.missing_class == name:
                config = cast("PlaceHolderClient", endpoint.client).config
                endpoint.client = cast("ModelClient", model_client_cls(config, **kwargs))
                runtime_log.log_client(self, endpoint.client, {**config, **kwargs}, self.openai_kwargs)
                return
        # Registering a client again is harmless, for example in a notebook cell that runs twice.
        if inspect.isclass(model_client_cls) and any(isinstance(client, model_client_cls) for client in self._clients):
            logger.warning("The model client %s is already registered.", name)
            return
        raise ValueError(f'No entry of the config list has "model_client_cls": "{name}".')

    def create(self, **config: Any) -> ModelResponse:
        """Request a completion. If an endpoint fails, the next is tried.

        Args:
            **config: `messages` or `prompt`, parameters of the request, and `cache`, `cache_seed`, `filter_func`,
                `context`, `allow_format_str_template`, `agent`, `price`. Settings of an entry of the config list override
                them.

        Returns:
            The response, with the attributes `cost`, `config_id`, `pass_filter`; see `ModelResponse`.

        Raises:
            TimeoutError: if the last endpoint did not respond in time.
            openai.APIError: if the last endpoint failed. The text has the reasons of all.
            ValueError: if there are neither `messages` nor a `prompt`, or both.
            RuntimeError: if a model client that an entry names is not registered.
            BudgetExceeded: if a budget of the agent or the chat is used up.
        """
        return run_sync(self._request(config))

    async def a_create(self, **config: Any) -> ModelResponse:
        """Async version of `create`."""
        return await run_async(self._request(config))

    def create_image(self, **config: Any) -> ModelResponse:
        """Request pictures. If an endpoint fails, the next is tried.

        Args:
            **config: `prompt`, parameters of the request (`n`, `size`, `quality`...), and settings as for `create`. With
                `price_per_image` (USD) in the config, the cost does not depend on tokens.

        Returns:
            The response. Its `images` are dicts with `b64_json` or a `url`.

        Raises:
            TimeoutError, openai.APIError: as for `create`.
            TypeError: if the endpoint has a client that makes no pictures.
            BudgetExceeded: if a budget of the agent or the chat is used up.
        """
        return run_sync(self._request(config, handle_image_request))

    async def a_create_image(self, **config: Any) -> ModelResponse:
        """Async version of `create_image`."""
        return await run_async(self._request(config, handle_image_request))

    def _request(self, config: Mapping[str, object], handler: Handler = handle_request) -> Steps[ModelResponse]:
        """Return the step behind `create`; the classic `Completion` has a handler of its own."""
        return request_completion(
            self._endpoints,
            config,
            budget=self._budget,
            wrapper_id=self.wrapper_id,
            extra_keys=self.extra_kwargs,
            handler=handler,
        )

    def create_embeddings(self, texts: Sequence[str], **config: Any) -> EmbeddingResponse:
        """Request the embeddings of texts. If an endpoint fails, the next with the same embedding model is tried.

        Args:
            texts: The texts, as many as the endpoint takes in a request.
            **config: `embedding_model`, else that of the config list, else its `model`; `dimensions`, and the settings of
                `create` that are not about chats. Without a `cache` or a `cache_seed`, nothing is cached.

        Returns:
            The response, with `vectors` in the order of the texts, and the attributes `cost` and `config_id`.

        Raises:
            TimeoutError: if the last endpoint did not respond in time.
            openai.APIError: if the last endpoint failed. The text has the reasons of all.
            TypeError: if a model client has no method `embed`.
            BudgetExceeded: if a budget of the agent or the chat is used up.
        """
        return run_sync(self._request_embeddings(texts, config))

    async def a_create_embeddings(self, texts: Sequence[str], **config: Any) -> EmbeddingResponse:
        """Async version of `create_embeddings`."""
        return await run_async(self._request_embeddings(texts, config))

    def _request_embeddings(self, texts: Sequence[str], config: Mapping[str, object]) -> Steps[EmbeddingResponse]:
        return request_embeddings(
            self._endpoints,
            texts,
            config,
            budget=self._budget,
            wrapper_id=self.wrapper_id,
            extra_keys=self.extra_kwargs,
        )

    @classmethod
    def instantiate(
        cls,
        template: str | Callable[[dict[str, Any]], Any] | None,
        context: dict[str, Any] | None = None,
        allow_format_str_template: bool | None = False,
    ) -> Any:
        """Fill in a template.

        Args:
            template: Text, or a function of the context; None stays None.
            context: Values for the template. Without any, the template is returned as it is.
            allow_format_str_template: True if text is a template for `str.format`.

        Returns:
            The text, or the result of the function.
        """
        return instantiate_template(template, context, allow_format_str_template)

    @classmethod
    def extract_text_or_completion_object(cls, response: ModelResponse) -> list[Any]:
        """Return for each choice of a response its text, or the message if it has calls."""
        return response.message_retrieval_function(response)

    def print_usage_summary(self, mode: str | list[str] = ["actual", "total"]) -> None:
        """Print cost and tokens.

        Args:
            mode: `actual` (without responses from the cache), `total` (with them), `both`, or a list of the first two.
        """
        lines = format_usage_report(self._ledger, mode)
        with forward_events():
            if events.has_listeners:
                name = mode if isinstance(mode, str) else mode[0] if len(set(mode)) == 1 else "both"
                actual, total = self.actual_usage_summary, self.total_usage_summary
                events.emit(events.UsagePrinted(agent="", mode=name, actual=actual, total=total))
            if not has_event_reader():
                for line in lines:
                    IOStream.get_default().print(line, flush=True)

    def start_own_ledger(self) -> None:
        """Start a usage of its own, for a wrapper that `rebuild` returned."""
        self._ledger = UsageLedger()
        self._budget = self._budget.copy_for(self._ledger)

    def clear_usage_summary(self) -> None:
        """Reset the usage to nothing."""
        self._ledger.clear()
