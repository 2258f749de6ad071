"""`OpenAIWrapper`: one way to ask any model, with fallback over a list of endpoints."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, Protocol

from .. import runtime_logging
from .._steps import run_async, run_sync
from ..io.base import IOStream
from ._config.legacy_keys import log_once, translate_legacy_keys
from ._endpoints.clients import PlaceHolderClient, make_client
from ._endpoints.endpoint_pool import AZURE_KEYS, OPENAI_KEYS
from ._endpoints.openai_client import OpenAIClient
from ._endpoints.provider_table import get_connection_keys
from ._requests import client_log, templates
from ._requests.attempt import EndpointEntry
from ._requests.budget import Budget, split
from ._requests.cost import UsageLedger, format_usage_report
from ._requests.pipeline import completion
from ._requests.response_cache import LEGACY_CACHE_DIR, LEGACY_DEFAULT_CACHE_SEED
from ._requests.retry import Health, RetryPolicy, health_of
from .rate_limiters import TimeRateLimiter

__all__ = [
    "LEGACY_CACHE_DIR",
    "LEGACY_DEFAULT_CACHE_SEED",
    "ModelClient",
    "OpenAIClient",
    "OpenAIWrapper",
    "PlaceHolderClient",
    "RetryPolicy",
]

logger = logging.getLogger(__name__)

TOOL_ENABLED = True  # every SDK that can be installed with this package has tools
OPEN_API_BASE_URL_PREFIX = "https://api.openai.com"


class ModelClient(Protocol):
    """What a model client of your own offers. `a_create` is optional: without it `create` runs in a thread.

    See `OpenAIWrapper.register_model_client`.
    """

    RESPONSE_USAGE_KEYS: list[str] = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]

    class ModelClientResponseProtocol(Protocol):
        """What `create` returns: choices with a message each, and the model's name."""

        class Choice(Protocol):
            """One answer."""

            class Message(Protocol):
                """Its message."""

                content: str | None

            message: Message

        choices: list[Choice]
        model: str

    def create(self, params: dict[str, Any]) -> ModelClientResponseProtocol:
        """Ask the model."""
        ...

    def message_retrieval(self, response: Any) -> list[Any]:
        """For each choice its text or message."""
        ...

    def cost(self, response: Any) -> float:
        """USD for an answer."""
        ...

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Tokens and cost, under RESPONSE_USAGE_KEYS; an empty dict for no accounting."""
        ...


class OpenAIWrapper:
    """Asks the first endpoint of a list that answers.

    >>> client = OpenAIWrapper(config_list=[{"model": "gpt-4o"}, {"model": "smollm2-135m", "api_type": "local"}])
    >>> response = client.create(messages=[{"role": "user", "content": "2 + 2 ="}])  # doctest: +SKIP
    >>> client.extract_text_or_completion_object(response)  # doctest: +SKIP
    ['4']
    """

    extra_kwargs = {
        "agent",
        "allow_format_str_template",
        "api_type",
        "api_version",
        "cache",
        "cache_seed",
        "context",
        "filter_func",
        "more_tools",
        "price",
        "retry_policy",
        "tags",
    }
    openai_kwargs = set(AZURE_KEYS)
    aopenai_kwargs = set(AZURE_KEYS - OPENAI_KEYS)

    def __init__(self, *, config_list: list[dict[str, Any]] | None = None, **base_config: Any) -> None:
        """
        Args:
            config_list: The endpoints, in the order in which they are tried: `model`, `api_key`, `base_url`, `api_type`,
                parameters of the request (`temperature`, ...). None is changed.
            **base_config: Settings for all of them; `max_cost` (USD) and `max_tokens_total`, which limit what the wrapper
                spends; `retry_policy`, see `RetryPolicy`.

        Raises:
            openai.OpenAIError: An endpoint has no credentials.
            ValueError, ImportError: A setting is not possible, or needs a package that is not installed.
        """
        self.wrapper_id = id(self)
        self._ledger = UsageLedger()
        whole = translate_legacy_keys({**base_config, "config_list": config_list or [{}]}, warn=log_once)
        config_list = whole.pop("config_list")
        limits, base_config = split(whole)
        self._budget = Budget("agent", limits, self._ledger)
        self._config_list: list[dict[str, Any]] = []
        self._clients: list[Any] = []
        self._rate_limiters: list[TimeRateLimiter | None] = []
        self._policies: list[RetryPolicy] = []
        self._healths: list[Health] = []
        for entry in config_list:
            config = {**base_config, **entry}
            rate = config.pop("api_rate_limit", None)
            self._rate_limiters.append(TimeRateLimiter(rate) if rate is not None else None)
            self._policies.append(RetryPolicy.of(config))
            client = make_client(config)
            self._clients.append(client)
            endpoint = getattr(client, "_endpoint", None)
            self._healths.append(health_of(endpoint and endpoint.identity, config.get("model")))
            own = self.openai_kwargs | get_connection_keys(config)
            self._config_list.append({key: value for key, value in config.items() if key not in own})
        if runtime_logging.is_logging:
            client_log.new_wrapper(self, config_list, base_config)

    def __repr__(self) -> str:
        models = ", ".join(str(config.get("model")) for config in self._config_list)
        return f"OpenAIWrapper({models})"  # never a config: it may hold a key

    @property
    def actual_usage_summary(self) -> dict[str, Any] | None:
        """Cost (USD) and tokens by model without answers from the cache; None before the first."""
        return self._ledger.actual

    @property
    def total_usage_summary(self) -> dict[str, Any] | None:
        """Cost (USD) and tokens by model including answers from the cache; None before the first."""
        return self._ledger.total

    def _place(self, index: int) -> EndpointEntry:
        """One entry of the config list, with all that belongs to it."""
        limiter, policy, health = self._rate_limiters[index], self._policies[index], self._healths[index]
        return EndpointEntry(self._clients[index], self._config_list[index], limiter, policy, health)

    def rebuilt(self, **config: Any) -> OpenAIWrapper:
        """A wrapper for a changed config that keeps the sums, the rate limits and the registered clients of this one."""
        other = type(self)(**config)
        other._ledger = other._budget.ledger = self._ledger
        if len(other._clients) == len(self._clients):
            other._rate_limiters = self._rate_limiters
            other._healths = self._healths
            for index, client in enumerate(other._clients):
                if isinstance(client, PlaceHolderClient):
                    other._clients[index] = self._clients[index]
        return other

    def register_model_client(self, model_client_cls: Callable[..., Any], **kwargs: Any) -> None:
        """Put a model client of your own in the first place that its class is named for.

        Args:
            model_client_cls: The class; an entry names it by `"model_client_cls": "<its name>"`.
            **kwargs: Passed to it, after the entry.

        Raises:
            ValueError: No entry names it.
        """
        name = getattr(model_client_cls, "__name__", repr(model_client_cls))
        for index, client in enumerate(self._clients):
            if isinstance(client, PlaceHolderClient) and client.model_client_cls == name:
                self._clients[index] = model_client_cls(client.config, **kwargs)
                if runtime_logging.is_logging:
                    client_log.new_client(self._clients[index], self, {**client.config, **kwargs})
                return
        if inspect.isclass(model_client_cls) and any(isinstance(client, model_client_cls) for client in self._clients):
            logger.warning("The model client %s is registered already.", name)
            return
        raise ValueError(f'No entry of the config list has "model_client_cls": "{name}".')

    def create(self, **config: Any) -> Any:
        """Ask for a completion. An endpoint that fails hands over to the next one.

        Args:
            **config: `messages` or `prompt`, parameters of the request, and `cache`, `cache_seed`, `filter_func`,
                `context`, `allow_format_str_template`, `agent`, `price`. What an entry of the config list sets comes first.

        Returns:
            The answer, with the attributes `cost`, `config_id`, `pass_filter`.

        Raises:
            TimeoutError: The last endpoint did not answer in time.
            openai.APIError: The last endpoint failed; the text says why each did.
            ValueError: There are neither `messages` nor a `prompt`, or both.
            RuntimeError: A model client that an entry names is not registered.
            BudgetExceeded: What the agent or the chat may spend is spent.
        """
        return run_sync(completion(self, config))

    async def a_create(self, **config: Any) -> Any:
        """`create`, awaited."""
        return await run_async(completion(self, config))

    @classmethod
    def instantiate(
        cls,
        template: str | Callable[[dict[str, Any]], Any] | None,
        context: dict[str, Any] | None = None,
        allow_format_str_template: bool | None = False,
    ) -> Any:
        """Fill in a template.

        Args:
            template: Text, or a callable that gets the context; None stays None.
            context: The values; without one, the template stays as it is.
            allow_format_str_template: Whether text is filled in, by `str.format`.

        Returns:
            The text, or what the callable gives.
        """
        return templates.instantiate(template, context, allow_format_str_template)

    @classmethod
    def extract_text_or_completion_object(cls, response: Any) -> list[Any]:
        """For each choice of an answer its text, or the message if it calls something."""
        return response.message_retrieval_function(response)  # type: ignore[no-any-return]

    def print_usage_summary(self, mode: str | list[str] = ["actual", "total"]) -> None:
        """Print cost and tokens. `mode` is `actual`, `total`, `both`, or a list of the first two."""
        show = IOStream.get_default().print
        for line in format_usage_report(self._ledger, mode):
            show(line, flush=True)

    def begin_anew(self) -> None:
        """Count from nothing, in accounts of its own."""
        self._ledger = UsageLedger()
        self._budget = self._budget.of(self._ledger)

    def clear_usage_summary(self) -> None:
        """Begin to count at nothing."""
        self._ledger.clear()
