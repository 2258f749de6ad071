"""How the endpoint of one vendor differs from OpenAI's: the columns of the table in `_providers`, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..client_utils import should_hide_tools
from .connections import Config, Connection
from .message_forms import Form, render_calls_as_text, describe_response_format, convert_system_to_user
from .parameters import (
    TOOL_SETTINGS,
    Bound,
    Params,
    apply_bounds,
    adapt_to_reasoning,
    move_to_extra_body,
    find_reasoning_family,
    rename_params,
    replace_functions_by_tools,
    drop_params,
)

Names = Mapping[str, str]
Places = Mapping[str, tuple[str, ...]]

SWITCHES = ("adapt_request", "hide_tools", "supports_system_prompts", "system_instruction")
"""Settings of a config that change a request, and are no part of it."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """How one vendor's endpoint differs from OpenAI's.

    Attributes:
        api_type: Its name in a config, and what other names for it begin with.
        title: Its name in messages to people.
        where: Its URL, and its key.
        also: What people call it besides; no `api_type`, but a hint.
        instead: Another row that stands in for this one, by the config.
        renames: Parameters with another name there.
        bounds: What parameters may be.
        always: Parameters that must be sent; their defaults.
        refuses: Parameters that it refuses or ignores. They are not sent, and a warning says so.
        body: Parameters that the SDK does not know, and where in the request they stand.
        forms: What its messages go through, in order.
        tools: What its tools go through.
        functions: Whether it knows `functions`. Elsewhere they are sent as tools.
        calls_need_tools: Whether a history with calls is refused in a request without tools.
        response_format: Whether it takes one. Elsewhere a system message says what it says.
        stream_options: Whether it takes them.
        messages: Whether an answer is a message object in any case, as in 0.2; otherwise text, if it calls nothing.
        free: Whether it costs nothing.
        model_prefix: What stands before a model's name there.
    """

    api_type: str
    title: str
    where: Connection
    also: tuple[str, ...] = ()
    instead: Callable[[Connection, Config], bool] | None = None
    instead_row: str = ""
    renames: Names = field(default_factory=dict)
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    body: Places = field(default_factory=dict)
    forms: tuple[Form, ...] = ()
    tools: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
    functions: bool = False
    calls_need_tools: bool = False
    response_format: bool = True
    stream_options: bool = True
    messages: bool = False
    free: bool = False
    model_prefix: str = ""

    def adapted(self, params: Params) -> Params:
        """The parameters of a request as this endpoint takes them. `params` stays as it is.

        `"adapt_request": False` in a config lets them through untouched.
        """
        settings = {key: params[key] for key in SWITCHES if key in params}
        request = {key: value for key, value in params.items() if key not in SWITCHES} if settings else dict(params)
        if settings.get("adapt_request") is False:
            return request
        if request.get("tools") and should_hide_tools(
            request.get("messages") or (), request["tools"], settings.get("hide_tools") or "never"
        ):
            request = {key: value for key, value in request.items() if key not in TOOL_SETTINGS}
        said = None if self.response_format else request.pop("response_format", None)
        request = adapt_to_reasoning(self._parameters(request))
        if request.get("messages") is not None:
            request["messages"] = self._messages(request, settings, said)
        return request

    def _parameters(self, request: Params) -> Params:
        if not self.functions:
            request = replace_functions_by_tools({key: value for key, value in request.items() if value is not None})
        request = rename_params(request, self.renames)
        request = {**self.always, **apply_bounds(request, self.bounds, self.title)}
        request = move_to_extra_body(drop_params(request, self.refuses, self.title), self.body)
        if request.get("tools") and self.tools:
            request["tools"] = self.tools(request["tools"])
        if not (self.stream_options and request.get("stream") and "messages" in request):
            request.pop("stream_options", None)
        else:
            request.setdefault("stream_options", {"include_usage": True})  # else nobody tells what a stream costs
        model = request.get("model")
        if model and self.model_prefix and "/" not in model:
            request["model"] = self.model_prefix + model
        return request

    def _messages(self, request: Params, settings: Mapping[str, Any], response_format: Any) -> list[dict[str, Any]]:
        messages = request["messages"]
        if response_format is not None:
            messages = describe_response_format(messages, response_format)
        if text := settings.get("system_instruction"):
            messages = [{"role": "system", "content": text}, *messages]
        family = find_reasoning_family(request.get("model"))
        if settings.get("supports_system_prompts") is False or (family and not family.knows_system):
            messages = convert_system_to_user(messages)
        if self.calls_need_tools and not request.get("tools"):
            messages = render_calls_as_text(messages)
        for form in self.forms:
            messages = form(messages)
        return messages  # type: ignore[no-any-return]
