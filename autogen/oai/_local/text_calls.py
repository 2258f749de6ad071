"""Requests to models that may not know the native form of calls, or write it in a way that their server can't read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..._steps import Steps
from .._once import log_once
from .._responses.failed_calls import TextCallReader
from . import weights
from .schema_answers import SchemaReader
from .schema_calls import (
    MAX_CONSECUTIVE_CALLS,
    build_schema_request,
    get_named_tool,
    has_calls_or_tools,
    list_turn_calls,
    parse_arguments,
)

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

Send = Callable[..., Steps[Any]]
"""A step that sends a request; its second argument is the reader of the answer."""

# Models in this process whose native form has failed. The name of a file is the whole identity of such a model.
_failing: set[str] = set()


def request_calls(send: Send, request: dict[str, Any], settings: Mapping[str, Any], *, is_embedded: bool) -> Steps[Any]:
    """Send a request in the form of calls that its model knows, and return the response with its calls under `tool_calls`.

    Models of the catalogue are asked by schema. Other models in this process are asked by schema once the native form has
    failed, and models elsewhere if the config has `"native_tool_calls": False`.

    Args:
        send: The step that sends a request.
        request: The request in the native form.
        settings: Settings of the config: `native_tool_calls` and `max_consecutive_calls`.
        is_embedded: Whether the model runs in this process.

    Raises:
        TypeError: if `native_tool_calls` is not a bool.
        ValueError: if `max_consecutive_calls` is not a positive number.
    """
    native, limit = _read_settings(settings)
    model = str(request.get("model"))
    is_open = is_embedded and native is None
    if native is None:
        native = not (is_embedded and (model in _failing or weights.find_model(model) is not None))
    if not native:
        return (yield from _request_by_schema(send, request, limit))
    if not request.get("tools"):
        return (yield from send(request))
    reader = TextCallReader(request["tools"])
    response = yield from send(request, reader)
    is_ignored = _demands_call(request) and not response.choices[0].message.tool_calls
    if not is_open or not (is_ignored or reader.has_read):
        return response
    _failing.add(model)
    log_once(f"The model {model} doesn't call tools in its native form: from now on its calls obey a schema.")
    if not is_ignored:
        return response
    return _add_usage((yield from _request_by_schema(send, request, limit)), response)


def _read_settings(settings: Mapping[str, Any]) -> tuple[bool | None, int]:
    native, limit = settings.get("native_tool_calls"), settings.get("max_consecutive_calls")
    if native is not None and not isinstance(native, bool):
        raise TypeError(f"native_tool_calls must be a bool, got {native!r}.")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"max_consecutive_calls must be an int of at least 1, got {limit!r}.")
    return native, limit or MAX_CONSECUTIVE_CALLS


def _demands_call(request: Mapping[str, Any]) -> bool:
    choice = request.get("tool_choice")
    return choice == "required" or get_named_tool(choice) is not None


def _request_by_schema(send: Send, request: dict[str, Any], limit: int) -> Steps[Any]:
    if not has_calls_or_tools(request):
        return (yield from send(request))
    response = yield from send(build_schema_request(request, limit), SchemaReader())
    repeated = _find_repeated(request, response)
    if repeated is None:
        return response
    # Small models call again although the result is there.
    again = yield from send(build_schema_request(request, limit, excluded={repeated}), SchemaReader())
    return _add_usage(again, response)


def _find_repeated(request: Mapping[str, Any], response: ChatCompletion) -> str | None:
    """Return the name of a tool that was called again, with the same arguments, for the same message of the user."""
    if _demands_call(request):
        return None
    earlier = list_turn_calls(request["messages"])
    for call in response.choices[0].message.tool_calls or ():
        function = call.function  # type: ignore[union-attr]
        if (function.name, parse_arguments(function.arguments)) in earlier:
            return function.name
    return None


def _add_usage(response: ChatCompletion, earlier: ChatCompletion) -> ChatCompletion:
    """Add the tokens of an earlier response, which was not used, to those of a response."""
    if response.usage is not None and earlier.usage is not None:
        for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
            setattr(response.usage, key, getattr(response.usage, key) + getattr(earlier.usage, key))
    return response
