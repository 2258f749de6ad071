"""Replies and failures of a scripted model."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Union, cast

from ..types import Message, ToolCall

if TYPE_CHECKING:
    import httpx
    import openai

_call_numbers = itertools.count(1)


def tool_call(tool: str, /, *, call_id: str | None = None, **arguments: Any) -> ToolCall:
    """Make a tool call, for `Reply(tool_calls=[...])` or as a reply of its own.

    Args:
        tool: The name of the tool.
        call_id: The id of the call; None for a new id.
        **arguments: The arguments of the tool.

    >>> tool_call("add", call_id="c1", a=1)["function"]
    {'name': 'add', 'arguments': '{"a": 1}'}
    """
    return {
        "id": call_id or f"call_{next(_call_numbers)}",
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps(arguments)},
    }


@dataclass(frozen=True)
class Reply:
    """A reply of a model.

    Attributes:
        content: The text.
        tool_calls: The tool calls; see `tool_call`.
        delay: The delay in seconds before the reply.
        chunks: The pieces of the text in a streamed response; by default words.
        finish_reason: The finish reason; by default `stop` or `tool_calls`.
        usage: The reported token counts; by default the number of words. An empty dict reports no usage.
    """

    content: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    delay: float = 0.0
    chunks: Sequence[str] | None = None
    finish_reason: str | None = None
    usage: dict[str, int] | None = None

    @property
    def reason(self) -> str:
        """The finish reason, given or derived."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    @property
    def pieces(self) -> Sequence[str]:
        """The pieces of the text in a streamed response."""
        if self.chunks is not None:
            return self.chunks
        words = (self.content or "").split(" ")
        return [word if index == 0 else f" {word}" for index, word in enumerate(words)]

    @property
    def message(self) -> Message:
        """The assistant message."""
        content = "".join(self.chunks) if self.chunks is not None else self.content
        message: Message = {"role": "assistant", "content": content}
        # Endpoints leave the key out if there are no calls.
        return {**message, "tool_calls": list(self.tool_calls)} if self.tool_calls else message

    def usage_for(self, messages: Sequence[Message]) -> dict[str, int]:
        """Return the token counts of a request and this reply.

        Args:
            messages: The messages of the request.
        """
        if self.usage is not None:
            return self.usage
        prompt = sum(len(str(message.get("content") or "").split()) for message in messages)
        completion = len((self.message["content"] or "").split()) + len(self.tool_calls)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass(frozen=True)
class Fault:
    """A failure of an endpoint.

    Attributes:
        status: The HTTP status.
        message: The error message.
        headers: The headers of the response, such as `Retry-After`.
        body: The raw body, instead of the usual JSON.
        delay: The delay in seconds before the response.
        drop: True to close the connection without a response.
        drip: The delay in seconds between two bytes of the body.
        code: The error code, such as `insufficient_quota`.
    """

    status: int = 500
    message: str = "The endpoint failed, as scripted."
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    drop: bool = False
    drip: float = 0.0
    code: str | None = None

    def error(self) -> Exception:
        """Return the error that the `openai` SDK raises for this failure."""
        import openai

        if self.drop or self.body is not None:
            return openai.APIConnectionError(message=self.message, request=cast("httpx.Request", None))
        # The SDK reads these three attributes only.
        response = SimpleNamespace(request=None, status_code=self.status, headers=self.headers)
        body = {"message": self.message, "code": self.code}
        return _get_error_class(self.status)(self.message, response=cast("httpx.Response", response), body=body)


ScriptItem = Union[str, None, Message, ToolCall, Sequence[ToolCall], Reply, Fault, BaseException]
"""An item of a script: text, a message, tool calls, a `Reply`, a `Fault` or an exception."""

ScriptFunction = Callable[[list[Message]], ScriptItem]
"""A function from the messages of a request to an item."""


def get_messages(request: Mapping[str, object]) -> list[Message]:
    """Return the messages of a request."""
    return list(cast("Sequence[Message]", request.get("messages") or ()))


def _get_error_class(status: int) -> type[openai.APIStatusError]:
    import openai

    error_classes: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    return error_classes.get(status) or (openai.InternalServerError if status >= 500 else openai.APIStatusError)


def normalize_item(item: object) -> Reply | Fault | BaseException:
    """Convert an item of a script to one of the three possible outcomes of a request.

    Raises:
        TypeError: If the item is of no valid type.
    """
    if isinstance(item, (Reply, Fault, BaseException)):
        return item
    if item is None or isinstance(item, str):
        return Reply(item)
    if isinstance(item, dict) and "function" in item:
        return Reply(tool_calls=[cast("ToolCall", item)])
    if isinstance(item, dict):
        return Reply(item.get("content"), item.get("tool_calls") or ())
    if isinstance(item, list) and all(isinstance(call, dict) and "function" in call for call in item):
        return Reply(tool_calls=item)
    raise TypeError(f"A script may hold text, messages, tool calls, Reply, Fault, exceptions or functions, got {item!r}.")
