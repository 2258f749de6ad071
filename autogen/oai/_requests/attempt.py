"""A request as one entry of a config list makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..._secrets import redact
from .response_schema import ResponseSchema, schema_for
from .retry import Health, RetryPolicy
from .templates import instantiate

if TYPE_CHECKING:
    from ..client import OpenAIWrapper


@dataclass
class EndpointEntry:
    """One entry of a config list, as a wrapper holds it.

    Attributes:
        client: Speaks to the endpoint.
        config: The entry's settings, without those of the client.
        limiter: Spaces its requests; None for no limit.
        policy: How persistent its requests are.
        health: How the endpoint has fared.
    """

    client: Any
    config: dict[str, Any]
    limiter: Any
    policy: RetryPolicy
    health: Health


@dataclass
class EndpointRequest:
    """A request at one place.

    Attributes:
        params: What goes to the endpoint.
        extra: What is for the wrapper alone.
        wanted: The form that the answer must have; None for any.
    """

    index: int
    place: EndpointEntry
    params: dict[str, Any]
    extra: dict[str, Any]
    wanted: ResponseSchema | None

    @property
    def client(self) -> Any:
        """The client that speaks to the endpoint."""
        return self.place.client

    @property
    def address(self) -> str:
        """The endpoint's URL, or the class of a client of the user's own."""
        endpoint = getattr(self.client, "_endpoint", None)
        return str(endpoint.address) if endpoint else type(self.client).__name__

    @property
    def label(self) -> str:
        """The endpoint, as messages name it."""
        return f"{self.params.get('model')} at {self.address}"

    def reason(self, error: Exception) -> str:
        """Why the endpoint failed, for people, without secrets."""
        text = f"{type(error).__name__}: {error}"
        endpoint = getattr(self.client, "_endpoint", None)
        return str(redact(endpoint.scrubbed(text) if endpoint else text))


def build_request(wrapper: OpenAIWrapper, index: int, config: Mapping[str, Any]) -> EndpointRequest:
    """The request at one place. What the entry sets comes before what the call sets.

    Raises:
        ValueError: There are neither messages nor a prompt, or both.
    """
    place = wrapper._place(index)
    full = {**config, **place.config}
    extra = {key: value for key, value in full.items() if key in wrapper.extra_kwargs}
    params = {key: value for key, value in full.items() if key not in wrapper.extra_kwargs}
    if more := config.get("more_tools"):
        params["tools"] = [*(params.get("tools") or ()), *more]
    if not isinstance(params.get("model_client_cls", ""), str):  # a class or an object: no parameter, and no part of a key
        del params["model_client_cls"]
    if str(extra.get("api_type")).startswith("azure") and params.get("model"):
        params["model"] = params["model"].replace(".", "")
    if (params.get("prompt") is None) == (params.get("messages") is None):
        raise ValueError("A request needs either messages or a prompt, and not both.")
    _fill_in(params, extra)
    form = schema_for(params.get("response_format"))
    if form:
        params["response_format"] = form.parameter
    return EndpointRequest(index, place, params, extra, form)


def _fill_in(params: dict[str, Any], extra: Mapping[str, Any]) -> None:
    context, as_format = extra.get("context"), extra.get("allow_format_str_template")
    if not context:
        return
    if params.get("prompt") is not None:
        params["prompt"] = instantiate(params["prompt"], context, as_format)
        return
    params["messages"] = [
        {**message, "content": instantiate(message["content"], context, as_format)} if message.get("content") else message
        for message in params["messages"]
    ]
