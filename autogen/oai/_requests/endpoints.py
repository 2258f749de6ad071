"""Endpoints, and the requests to them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from ..._secrets import redact
from ..._steps import Steps
from ...cache.abstract_cache_base import AbstractCache
from ...cache.disk_cache import DiskCache
from .._endpoints.clients import PlaceHolderClient, make_client
from .._endpoints.endpoint_pool import AZURE_KEYS
from .._endpoints.openai_client import OpenAIClient
from .._endpoints.provider_registry import find_client_class, get_connection_keys
from .._model_client import ModelClient, ModelResponse
from .._usage.cost import parse_price
from .._usage.ledger import Budget, check_policy
from ..abilities import check_abilities
from ..rate_limiters import TimeRateLimiter
from .response_schema import ResponseSchema, make_schema
from .retry import Health, RetryPolicy, get_health

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")

EXTRA_KEYS = {
    "agent",
    "allow_format_str_template",
    "api_type",
    "api_version",
    "cache",
    "cache_seed",
    "context",
    "embedding_model",
    "filter_func",
    "image_captioner",
    "more_tools",
    "on_budget",
    "on_refusal",
    "output_type",
    "price",
    "price_per_image",
    "retry_policy",
    "tags",
    "unknown_price",
    "vision",
}
"""Settings of a request that are not sent to the endpoint."""

# Used if neither the config nor the call sets `cache` or `cache_seed`.
LEGACY_DEFAULT_CACHE_SEED = 41
LEGACY_CACHE_DIR = ".cache"


@dataclass(slots=True)
class EndpointEntry:
    """An entry of a config list at work.

    Attributes:
        client: Model client that sends the requests.
        config: Settings of the entry, without those of the connection.
        limiter: Limiter of the request rate; None for no limit.
        policy: Limits of retries.
        health: Recent failures.
    """

    client: ModelClient
    config: dict[str, Any]
    limiter: TimeRateLimiter | None
    policy: RetryPolicy
    health: Health

    @property
    def address(self) -> str:
        """The endpoint's URL; for a custom client the name of its class."""
        if isinstance(self.client, OpenAIClient) and self.client.endpoint is not None:
            return self.client.endpoint.address
        return type(self.client).__name__

    @property
    def missing_class(self) -> str | None:
        """Name of the model client class that is still to be registered; None if the endpoint is ready."""
        return str(self.client.model_client_cls) if isinstance(self.client, PlaceHolderClient) else None

    def describe_error(self, error: BaseException) -> str:
        """Return the type and the text of an error, without secrets."""
        text = f"{type(error).__name__}: {error}"
        # Some servers quote the key that they refuse, and it need not look like one.
        if isinstance(self.client, OpenAIClient) and self.client.endpoint is not None:
            text = self.client.endpoint.redact_secrets(text)
        return str(redact(text))


def make_endpoint(config: Mapping[str, object], connection_keys: AbstractSet[str] = AZURE_KEYS) -> EndpointEntry:
    """Make the endpoint for an entry of a config list, merged with the settings of all entries.

    Args:
        config: The settings.
        connection_keys: Keys that configure the SDK's client, and are not sent with requests.

    Raises:
        openai.OpenAIError: if the endpoint has no credentials.
        ValueError, ImportError: if a setting is invalid, or needs a package that is not installed.
    """
    config = dict(config)
    if (client_class := find_client_class(config)) is not None:
        config["model_client_cls"] = client_class
    if config.get("price") is not None:
        parse_price(config["price"])
    check_abilities(config.get("abilities"))
    check_policy(config.get("on_budget"))
    if config.get("on_refusal") not in (None, "show", "next"):
        raise ValueError(f"on_refusal must be 'show' or 'next', got {config['on_refusal']!r}.")
    if config.get("unknown_price") not in (None, "free", "refuse"):
        raise ValueError(f"unknown_price must be 'free' or 'refuse', got {config['unknown_price']!r}.")
    limit = config.get("max_response_bytes")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"max_response_bytes must be a positive whole number, got {limit!r}.")
    rate = config.pop("api_rate_limit", None)
    policy = RetryPolicy.from_config(config)
    client = cast("ModelClient", make_client(config))
    endpoint = client.endpoint if isinstance(client, OpenAIClient) else None
    # Credentials must get neither into requests, nor into cache keys and logs.
    excluded = connection_keys | get_connection_keys(config)
    return EndpointEntry(
        client=client,
        config={key: value for key, value in config.items() if key not in excluded},
        limiter=None if rate is None else TimeRateLimiter(cast("float", rate)),
        policy=policy,
        health=get_health(endpoint and endpoint.identity, cast("str | None", config.get("model"))),
    )


@dataclass(slots=True)
class EndpointRequest:
    """A request to one endpoint.

    Attributes:
        index: Index of the endpoint in the config list.
        endpoint: The endpoint.
        params: Parameters that are sent.
        extra: Settings that are not sent.
        schema: Schema that the response must match; None for any response.
        is_last: True if no other endpoint is left.
        is_patient: True if it is retried as often as if no other were left.
    """

    index: int
    endpoint: EndpointEntry
    params: dict[str, Any]
    extra: dict[str, Any]
    schema: ResponseSchema | None
    is_last: bool = False
    is_patient: bool = False

    @property
    def label(self) -> str:
        """Model and address, for messages to people."""
        return f"{self.params.get('model')} at {self.endpoint.address}"


@dataclass(slots=True)
class RequestState:
    """State of one call of `create`, which its requests share.

    Attributes:
        budget: Budget of the agent; those of chats apply as well.
        wrapper_id: Id of the wrapper, for the runtime log.
        started_at: Start of the call, on the monotonic clock.
        requests: Requests so far, at all endpoints.
        invocation_id: Id of the call in the runtime log; None until the log is used.
        left: USD that were left when a budget was too small; None if none was, or the cost is not limited.
    """

    budget: Budget
    wrapper_id: int
    started_at: float = field(default_factory=time.monotonic)
    requests: int = 0
    invocation_id: UUID | None = None
    left: float | None = None


Handler: TypeAlias = Callable[[EndpointRequest, RequestState], Steps[ModelResponse]]
"""Step that turns a request into a response. The layers of the pipeline take one and return another."""


def build_request(
    endpoints: Sequence[EndpointEntry],
    config: Mapping[str, object],
    extra_keys: AbstractSet[str],
    index: int,
    is_last: bool = False,
) -> EndpointRequest:
    """Build the request of a call for one endpoint. Settings of its entry override the call's.

    Args:
        endpoints: All endpoints.
        config: Arguments of the call.
        extra_keys: Keys of settings that are not sent.
        index: Index of the endpoint.
        is_last: True if no other endpoint is left.

    Raises:
        ValueError: if there are neither messages nor a prompt, or both, or the price is invalid.
    """
    endpoint = endpoints[index]
    settings: dict[str, Any] = {**config, **endpoint.config}
    extra = {key: value for key, value in settings.items() if key in extra_keys}
    params = {key: value for key, value in settings.items() if key not in extra_keys}
    # Tools for this call alone are added to those of the entry, which would override them otherwise.
    if more_tools := extra.get("more_tools"):
        params["tools"] = [*(params.get("tools") or ()), *more_tools]
    if (output_type := extra.get("output_type")) is not None:
        params["response_format"] = output_type
    # A class or an object is not a parameter, and can't be part of a cache key.
    if not isinstance(params.get("model_client_cls", ""), str):
        del params["model_client_cls"]
    # Azure's names of deployments have no dots: gpt-35-turbo.
    if str(extra.get("api_type")).lower().startswith("azure") and params.get("model"):
        params["model"] = params["model"].replace(".", "")
    if (params.get("prompt") is None) == (params.get("messages") is None):
        raise ValueError("A request needs either messages or a prompt, and not both.")
    # Parsed before the request is sent, because a wrong price would be noticed after paying.
    if extra.get("price") is not None:
        extra["price"] = parse_price(extra["price"])
    per_image = extra.get("price_per_image")
    if per_image is not None and (isinstance(per_image, bool) or not isinstance(per_image, (int, float)) or per_image < 0):
        raise ValueError(f"price_per_image must be a number of USD from 0 on, got {per_image!r}.")
    if context := extra.get("context"):
        _fill_templates(params, context, bool(extra.get("allow_format_str_template")))
    schema = make_schema(params["response_format"]) if "response_format" in params else None
    # The endpoint and the cache key get the JSON schema in place of the class.
    if schema is not None:
        params["response_format"] = schema.parameter
    return EndpointRequest(index, endpoint, params, extra, schema, is_last)


def find_cache(settings: Mapping[str, object]) -> AbstractCache | None:
    """Return the cache that the settings of a request name, or None for no caching.

    Args:
        settings: `cache` is a cache; without one, `cache_seed` names a directory in `.cache`, and None means no cache.
    """
    if (cache := settings.get("cache")) is not None:
        return cast("AbstractCache", cache)
    seed = settings.get("cache_seed", LEGACY_DEFAULT_CACHE_SEED)
    return None if seed is None else DiskCache(os.path.join(LEGACY_CACHE_DIR, str(seed)))


def _fill_templates(params: dict[str, Any], context: dict[str, Any], is_format: bool) -> None:
    if params.get("prompt") is not None:
        params["prompt"] = instantiate_template(params["prompt"], context, is_format)
        return
    # The caller's messages stay as they are.
    params["messages"] = [
        {**message, "content": instantiate_template(message["content"], context, is_format)}
        if message.get("content")
        else message
        for message in params["messages"]
    ]


def instantiate_template(
    template: str | Callable[[dict[str, Any]], Any] | Sequence[object] | None,
    context: dict[str, Any] | None = None,
    allow_format_str_template: bool | None = False,
) -> Any:
    """Fill in a template.

    Args:
        template: Text, a function of the context, or a list of content parts, which is returned as it is.
        context: Values for the template. Without any, the template is returned as it is.
        allow_format_str_template: True if text is a template for `str.format`.

    Raises:
        KeyError: if the text names a field that the context lacks.
    """
    if not context or template is None:
        return template
    if isinstance(template, str):
        return template.format(**context) if allow_format_str_template else template
    return template(context) if callable(template) else template
