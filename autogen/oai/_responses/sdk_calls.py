"""Calls of the `openai` SDK without its conversion of types: JSON goes in, and JSON comes out.

The SDK builds an object for each part of a response, whatever a server sent, so the types of the objects guarantee nothing.
It also compares every message of a request with all types of messages, which takes 50 us each, for the whole history in
every turn. Methods that are wrapped, by a tracing package for example, are called as usual: wrappers read both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from inspect import isawaitable
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, Union, cast

from ..._steps import Call, Steps, invoke
from .normalize import make_unreadable

if TYPE_CHECKING:
    import openai

    Params: TypeAlias = dict[str, Any]
    SDKStream: TypeAlias = Union[openai.Stream[object], openai.AsyncStream[object]]

CHAT_BULK = ("messages", "tools")
"""The parameters of chat completions that grow with a chat."""


def request_json(resource: Any, params: Params, bulk: Sequence[str] = CHAT_BULK) -> Steps[object]:
    """Send a request that is answered as a whole, and return the JSON of the response.

    Args:
        resource: Resource of the SDK with a method `create`, such as `client.chat.completions`.
        params: Parameters of the request.
        bulk: The parameters that grow with a chat.

    Raises:
        openai.APIError: if the endpoint can't be reached, or refuses.
        Exception: one of `get_read_errors`, if the response can't be read.
    """
    if not is_sdk_method(resource.create):
        return to_json_value((yield from invoke(resource.create, None, **params)))
    response = yield from invoke(resource.with_raw_response.create, None, **_bypass_transform(params, bulk))
    return parse_body(response.http_response)


def request_stream(
    resource: Any, params: Params, bulk: Sequence[str] = CHAT_BULK
) -> Steps[SDKStream | Mapping[str, object]]:
    """Send a request that is answered in chunks.

    Returns:
        The SDK's stream; the JSON of the response if the server doesn't stream.

    Raises:
        openai.APIError: if the endpoint can't be reached, or refuses.
        Exception: one of `get_read_errors`, if the response can't be read.
    """
    if not is_sdk_method(resource.create):
        stream: SDKStream = yield from invoke(resource.create, None, **params)
        return stream
    response = yield from invoke(resource.with_raw_response.create, None, **_bypass_transform(params, bulk))
    http_response = response.http_response
    if str(http_response.headers.get("content-type")).startswith("application/json"):
        yield Call(http_response.read, http_response.aread, (), {})
        body = parse_body(http_response)
        return body if isinstance(body, Mapping) else {}
    # The SDKs of OpenAI and of Anthropic have the same structure.
    sdk = sys.modules[_get_package(resource)]
    is_async = any(base.__name__ == "AsyncAPIResource" for base in type(resource).__mro__)
    kind = sdk.AsyncStream[object] if is_async else sdk.Stream[object]
    # A coroutine in the async client of one SDK, a plain method in that of the other.
    parsed: SDKStream = yield Call(response.parse, partial(_parse, response), (), {"to": kind})
    return parsed


async def _parse(response: Any, to: Any) -> Any:
    parsed = response.parse(to=to)
    return (await parsed) if isawaitable(parsed) else parsed


def _get_package(resource: object) -> str:
    return type(resource).__module__.partition(".")[0]


def parse_body(http_response: Any) -> object:
    """Return the JSON of an HTTP response, in UTF-8 or in the charset that the server names.

    Raises:
        UnreadableAnswer: if it isn't JSON.
    """
    content: bytes = http_response.content
    charset = http_response.charset_encoding
    try:
        try:
            return json.loads(content)
        except UnicodeDecodeError:
            if charset is None:
                raise
            return json.loads(content.decode(charset))
    # A number may have more digits than Python converts, and a charset may not exist.
    except (ValueError, LookupError, RecursionError) as error:
        text = content[:1000].decode("utf-8", "replace")
        raise make_unreadable(f"can't be read ({type(error).__name__}: {error})", text) from error


def iter_chunks(stream: SDKStream) -> Iterator[object]:
    """Yield the JSON of the chunks, and close the stream at the end."""
    with cast("openai.Stream[object]", stream) as chunks:
        for chunk in chunks:
            yield to_json_value(chunk)


async def a_iter_chunks(stream: SDKStream) -> AsyncIterator[object]:
    """Async version of `iter_chunks`."""
    async with cast("openai.AsyncStream[object]", stream) as chunks:
        async for chunk in chunks:
            yield to_json_value(chunk)


def to_json_value(value: object) -> object:
    """Return an object of the SDK as JSON; anything else is returned as it is."""
    dump = getattr(value, "model_dump", None)
    # A replacement of the SDK's client may return objects of its own.
    if dump is None or isinstance(value, Mapping):
        return value
    # The SDK builds objects without validation, so their types may be wrong.
    json_value: object = dump(exclude_unset=True, warnings=False)
    return json_value


def is_sdk_method(create: object) -> bool:
    """Return True for the SDK's own method, False for a replacement by a tracing package or a test."""
    function = getattr(create, "__func__", None)
    return type(function) is FunctionType and function.__globals__["__name__"].partition(".")[0] in _PACKAGES


_PACKAGES = ("openai", "anthropic")


def get_read_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of a response that breaks off or isn't JSON, which the SDK doesn't translate."""
    # Only a loaded library can have raised its exceptions.
    libraries = [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]
    transport_errors = [error for library in libraries for error in (library.TransportError, library.DecodingError)]
    return (json.JSONDecodeError, UnicodeDecodeError, RecursionError, *transport_errors)


def _bypass_transform(params: Params, bulk: Sequence[str]) -> Params:
    """Move messages and tools to `extra_body`, which the SDK sends unchanged: on plain JSON its transform has no effect."""
    if not _is_json(params, bulk):
        return params
    moved = {key: params[key] for key in bulk if key in params}
    rest = {key: value for key, value in params.items() if key not in moved}
    if not moved:
        return params
    if "messages" in moved:
        # The SDK requires it.
        rest["messages"] = ()
    return {**rest, "extra_body": {**moved, **(params.get("extra_body") or {})}}


def _is_json(params: Params, bulk: Sequence[str]) -> bool:
    """Return True if messages and tools are plain JSON. Pydantic objects, for example, need the SDK's transform."""
    try:
        json.dumps([params.get(key) for key in bulk])
    except (TypeError, ValueError):
        return False
    return True
