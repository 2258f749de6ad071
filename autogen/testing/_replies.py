"""What a scripted model can say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

_call_numbers = itertools.count(1)


def tool_call(tool: str, /, *, call_id: str | None = None, **arguments: Any) -> dict[str, Any]:
    """A call that a model suggests, for `Reply(tool_calls=[...])` or as a reply of its own.

    Args:
        tool: The name of the tool.
        call_id: The id of the call; a new one if None.
        **arguments: What the tool is called with.

    >>> tool_call("add", call_id="c1", a=1)["function"]
    {'name': 'add', 'arguments': '{"a": 1}'}
    """
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"id": call_id or f"call_{next(_call_numbers)}", "type": "function", "function": function}


@dataclass(frozen=True)
class Reply:
    """One answer of a model.

    Attributes:
        content: The text.
        tool_calls: Calls that it suggests; see `tool_call`.
        delay: Seconds before it begins.
        chunks: The pieces in which a stream sends the text; by default words.
        finish_reason: Why it ends; by default `stop` or `tool_calls`.
        usage: Tokens that the endpoint reports; by default the words are counted. An empty dict: it reports nothing.
    """

    content: str | None = None
    tool_calls: Sequence[dict[str, Any]] = ()
    delay: float = 0.0
    chunks: Sequence[str] | None = None
    finish_reason: str | None = None
    usage: dict[str, int] | None = None

    @property
    def reason(self) -> str:
        """The finish reason."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    @property
    def pieces(self) -> Sequence[str]:
        """The text as a stream sends it."""
        if self.chunks is not None:
            return self.chunks
        words = (self.content or "").split(" ")
        return [word if index == 0 else f" {word}" for index, word in enumerate(words)]

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's message."""
        content = "".join(self.chunks) if self.chunks is not None else self.content
        message: dict[str, Any] = {"role": "assistant", "content": content}
        return {**message, "tool_calls": list(self.tool_calls)} if self.tool_calls else message

    def usage_for(self, messages: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Tokens of the request and the answer."""
        if self.usage is not None:
            return self.usage
        prompt = sum(len(str(message.get("content") or "").split()) for message in messages)
        completion = len((self.message["content"] or "").split()) + len(self.tool_calls)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass(frozen=True)
class Fault:
    """One failure of an endpoint.

    Attributes:
        status: The HTTP status.
        message: What the endpoint says is wrong.
        headers: Headers of the answer, such as `Retry-After`.
        body: The raw body, in place of the usual JSON.
        delay: Seconds before it.
        drop: Whether the connection is cut without an answer.
        drip: Seconds between two bytes of the body.
        code: The code of the error, such as `insufficient_quota`.
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
        """The failure as the `openai` SDK reports it."""
        import openai

        if self.drop or self.body is not None:
            return openai.APIConnectionError(message=self.message, request=None)  # type: ignore[arg-type]
        response: Any = SimpleNamespace(request=None, status_code=self.status, headers=self.headers)
        error: Exception = _status_error(self.status)(
            self.message, response=response, body={"message": self.message, "code": self.code}
        )
        return error


def _status_error(status: int) -> type[Any]:
    import openai

    known = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    return known.get(status) or (openai.InternalServerError if status >= 500 else openai.APIStatusError)


def as_reply(scripted: Any) -> Reply | Fault | BaseException:
    """What stands in a script as one of the three things that can happen.

    Raises:
        TypeError: It is nothing that a model can say.
    """
    if isinstance(scripted, (Reply, Fault, BaseException)):
        return scripted
    if scripted is None or isinstance(scripted, str):
        return Reply(scripted)
    if isinstance(scripted, dict) and "function" in scripted:
        return Reply(tool_calls=[scripted])
    if isinstance(scripted, dict):
        return Reply(scripted.get("content"), scripted.get("tool_calls") or ())
    if isinstance(scripted, list) and all(isinstance(item, dict) and "function" in item for item in scripted):
        return Reply(tool_calls=scripted)
    raise TypeError(f"A script holds text, messages, tool calls, Reply, Fault, exceptions or functions, not {scripted!r}.")
