"""`Provider`: the differences between a vendor's endpoint and OpenAI's, and the adaptation of requests to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..._models.abilities import Abilities, find_abilities
from ...types import Message
from .._once import warn_once
from .._protocols.hosted import fit_params
from ..client_utils import should_hide_tools
from .connections import Connection
from .message_forms import Form, convert_system_to_user, describe_response_format, render_calls_as_text
from .parameters import (
    TOOL_SETTINGS,
    Bound,
    Params,
    adapt_to_abilities,
    apply_bounds,
    drop_params,
    move_to_extra_body,
    rename_params,
    replace_functions_by_tools,
)
from .tool_schemas import Schema

if TYPE_CHECKING:
    from ...types import ConfigEntry

SWITCHES = (
    *("abilities", "adapt_request", "hide_tools", "max_consecutive_calls", "native_tool_calls", "prompt_cache", "protocol"),
    *("supports_system_prompts", "system_instruction", "cache_diagnosis"),
)
"""Config keys that change a request and are not sent with it."""

MEDIA = frozenset({"image", "audio", "file", "video"})
"""Kinds of media in messages."""

_API_TYPE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TYPES: Mapping[str, type] = {
    "connection": Connection,
    "aliases": tuple,
    "otel_names": Mapping,
    "renames": Mapping,
    "bounds": Mapping,
    "required_defaults": Mapping,
    "refuses": Set,
    "media": Set,
    "hosted": Set,
    "body": Mapping,
    "forms": tuple,
}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A vendor or server whose endpoint speaks OpenAI's protocol, and the differences from OpenAI's endpoint.

    Attributes:
        api_type: The name in a config. A longer name that begins with it selects this provider too.
        title: The name in messages to people.
        connection: The address and the key.
        aliases: Other names of the provider, for the hint about an unknown `api_type`.
        otel_names: OpenTelemetry's `gen_ai.provider.name` by the end of the host name. By default the host of the
            connection's `base_url` has the name `api_type`.
        delegate_if: A function of the connection and a config entry; if it returns True, another provider is used.
        delegate_to: The `api_type` of that provider.
        renames: The endpoint's names of parameters, by the usual names.
        bounds: Allowed values, by parameter.
        required_defaults: Parameters that must be sent, with their default values.
        refuses: Parameters that are refused or ignored. They are dropped with a warning.
        body: Parameters that the SDK does not know, each with its path in the request body.
        forms: Message transforms, in order.
        tools: A transform of the list of tools.
        hosted: Types of the tools that the endpoint runs itself, if another vendor has tools of these names.
        functions: Whether `functions` are taken. If not, they are sent as tools.
        calls_need_tools: Whether a history with tool calls is refused in a request without tools.
        text_calls: Whether its models may write calls as text, which its servers then don't know for calls. A text that is
            nothing but a call becomes one, and with `"native_tool_calls": False` calls obey a schema.
        response_format: Whether `response_format` is taken. If not, a system message describes it.
        stream_options: Whether `stream_options` are taken.
        media: Kinds of media that its models may take in messages. Others become words; so do pictures for a model that is
            known not to see.
        fetches_media: Whether the endpoint fetches pictures from their addresses. If not, they are fetched here.
        messages: Whether replies are always message objects, as from the clients of 0.2, instead of text where possible.
        free: Whether requests cost nothing.
        model_prefix: A prefix for names of models that have none.
        protocol: The name of the vendor's own protocol; empty for chat completions.

    Raises:
        TypeError: if a value has the wrong type.
        ValueError: if a value is not possible.

    >>> Provider(api_type="acme", title="Acme", connection=Connection(base_url="https://api.acme.example/v1"))
    Provider('acme', 'https://api.acme.example/v1')
    """

    api_type: str
    title: str
    connection: Connection
    aliases: tuple[str, ...] = ()
    otel_names: Mapping[str, str] = field(default_factory=dict)
    delegate_if: Callable[[Connection, ConfigEntry], bool] | None = None
    delegate_to: str = ""
    renames: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    required_defaults: Mapping[str, object] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    body: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forms: tuple[Form, ...] = ()
    tools: Callable[[Sequence[Schema]], list[Schema]] | None = None
    hosted: frozenset[str] = frozenset()
    functions: bool = False
    calls_need_tools: bool = False
    text_calls: bool = False
    response_format: bool = True
    stream_options: bool = True
    media: frozenset[str] = MEDIA
    fetches_media: bool = True
    messages: bool = False
    free: bool = False
    model_prefix: str = ""
    protocol: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.api_type, str) or not _API_TYPE.fullmatch(self.api_type):
            raise ValueError(f"api_type must be lower-case letters, digits, '.', '_' and '-', got {self.api_type!r}.")
        for message in self._iter_type_errors():
            raise TypeError(f"Provider {self.api_type!r}: {message}.")
        for message in self._iter_value_errors():
            raise ValueError(f"Provider {self.api_type!r}: {message}.")

    def __repr__(self) -> str:
        return f"Provider({self.api_type!r}, {self.connection.base_url!r})"

    def _iter_type_errors(self) -> Iterator[str]:
        # The rows of other packages are not always type-checked.
        values: dict[str, object] = vars(self)
        for name, expected in _TYPES.items():
            if not isinstance(values[name], expected):
                yield f"{name} must be a {expected.__name__}, got {type(values[name]).__name__}"
        bounds: Mapping[str, object] = self.bounds
        for name, bound in bounds.items():
            if not isinstance(bound, Bound):
                yield f"bounds[{name!r}] must be a Bound, got {type(bound).__name__}"
        forms: tuple[object, ...] = self.forms
        for form in forms:
            if not callable(form):
                yield f"forms must be functions of a list of messages, got {form!r}"

    def _iter_value_errors(self) -> Iterator[str]:
        if not self.title:
            yield "title must not be empty"
        if not self.connection.base_url and self.connection.make_endpoint is None:
            yield "the connection needs a base_url or a make_endpoint function"
        if self.connection.base_url and urlsplit(self.connection.base_url).scheme not in ("http", "https"):
            yield f"base_url must begin with http:// or https://, got {self.connection.base_url!r}"
        if bool(self.delegate_if) != bool(self.delegate_to):
            yield "delegate_if and delegate_to must be given together"

    def get_otel_names(self) -> Mapping[str, str]:
        """Return OpenTelemetry's names by host suffix; a server on this machine has none."""
        host = urlsplit(self.connection.base_url or "").hostname
        if self.otel_names or host in (None, "localhost", "127.0.0.1"):
            return self.otel_names
        return {str(host): self.api_type}

    def adapt(self, params: Params) -> Params:
        """Return the parameters of a request in the form that this endpoint takes; `params` stays as it is.

        With `"adapt_request": False` in a config they are sent unchanged.
        """
        # A copy in any case, because the steps below change it.
        settings = {key: params[key] for key in SWITCHES if key in params}
        request = {key: value for key, value in params.items() if key not in SWITCHES} if settings else dict(params)
        if settings.get("adapt_request") is False:
            return request
        if not self.text_calls and settings.get("native_tool_calls") is False:
            warn_once(f"{self.title} does not take native_tool_calls: its calls are native.")
        if request.get("tools") and should_hide_tools(
            request.get("messages") or (), request["tools"], settings.get("hide_tools") or "never"
        ):
            request = {key: value for key, value in request.items() if key not in TOOL_SETTINGS}
        abilities = self._find_abilities(request.get("model"), settings)
        undeclared_format = None if self.response_format else request.pop("response_format", None)
        request = adapt_to_abilities(self._adapt_params(request), abilities)
        if request.get("messages") is not None:
            request["messages"] = self._adapt_messages(request, settings, undeclared_format, abilities)
        return request

    def _adapt_params(self, request: Params) -> Params:
        if not self.functions:
            request = replace_functions_by_tools({key: value for key, value in request.items() if value is not None})
        # Renamed first: bounds and refusals have the endpoint's names.
        request = rename_params(request, self.renames)
        request = {**self.required_defaults, **apply_bounds(request, self.bounds, self.title)}
        request = move_to_extra_body(drop_params(request, self.refuses, self.title), self.body)
        request = fit_params(request, "chat", self.title, self.hosted)
        if request.get("tools") and self.tools:
            request["tools"] = self.tools(request["tools"])
        if not (self.stream_options and request.get("stream") and "messages" in request):
            request.pop("stream_options", None)
        else:
            # Without this, streams report no usage, and their cost would be an estimate.
            request.setdefault("stream_options", {"include_usage": True})
        model = request.get("model")
        if model and self.model_prefix and "/" not in model:
            request["model"] = self.model_prefix + model
        return request

    def _find_abilities(self, model: object, settings: Mapping[str, Any]) -> Abilities:
        return find_abilities(str(model), self.api_type, settings.get("abilities"))

    def _adapt_messages(
        self, request: Params, settings: Mapping[str, object], response_format: object, abilities: Abilities
    ) -> list[Message]:
        messages: list[Message] = request["messages"]
        if response_format is not None:
            messages = describe_response_format(messages, response_format)
        if text := settings.get("system_instruction"):
            messages = [{"role": "system", "content": text}, *messages]
        if settings.get("supports_system_prompts") is False or abilities.system == "user":
            messages = convert_system_to_user(messages)
        # Before the provider's own transforms, which then see text instead of calls.
        if self.calls_need_tools and not request.get("tools"):
            messages = render_calls_as_text(messages)
        for form in self.forms:
            messages = form(messages)
        return messages
