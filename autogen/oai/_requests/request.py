"""A request to one endpoint, and the state of the call that it belongs to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..._steps import Steps
from .._model_client import ModelResponse
from .budget import Budget
from .endpoints import EndpointEntry
from .response_schema import ResponseSchema, make_schema

if TYPE_CHECKING:
    from uuid import UUID

EXTRA_KEYS = {
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
"""Settings of a request that are not sent to the endpoint."""


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
    """

    index: int
    endpoint: EndpointEntry
    params: dict[str, Any]
    extra: dict[str, Any]
    schema: ResponseSchema | None
    is_last: bool = False

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
    """

    budget: Budget
    wrapper_id: int
    started_at: float = field(default_factory=time.monotonic)
    requests: int = 0
    invocation_id: UUID | None = None


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
        ValueError: if there are neither messages nor a prompt, or both.
    """
    endpoint = endpoints[index]
    settings: dict[str, Any] = {**config, **endpoint.config}
    extra = {key: value for key, value in settings.items() if key in extra_keys}
    params = {key: value for key, value in settings.items() if key not in extra_keys}
    # Tools for this call alone are added to those of the entry, which would override them otherwise.
    if more_tools := extra.get("more_tools"):
        params["tools"] = [*(params.get("tools") or ()), *more_tools]
    # A class or an object is no parameter, and can't be part of a cache key.
    if not isinstance(params.get("model_client_cls", ""), str):
        del params["model_client_cls"]
    # Azure's names of deployments have no dots: gpt-35-turbo.
    if str(extra.get("api_type")).startswith("azure") and params.get("model"):
        params["model"] = params["model"].replace(".", "")
    if (params.get("prompt") is None) == (params.get("messages") is None):
        raise ValueError("A request needs either messages or a prompt, and not both.")
    if context := extra.get("context"):
        _fill_templates(params, context, bool(extra.get("allow_format_str_template")))
    schema = make_schema(params["response_format"]) if "response_format" in params else None
    # The endpoint and the cache key get the JSON schema in place of the class.
    if schema is not None:
        params["response_format"] = schema.parameter
    return EndpointRequest(index, endpoint, params, extra, schema, is_last)


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
