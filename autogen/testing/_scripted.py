"""`ScriptedModel`: a model that replies from a script, and the replies and failures that a script may contain."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Union, cast

from .._steps import Steps, run_async, run_sync, sleep
from ..oai._responses.assembly import Delta
from ..oai._responses.tokens import get_token_receiver
from ..types import Message, ToolCall

if TYPE_CHECKING:
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
        thinking: The text of the model's thinking.
        citations: The sources of the text, in the neutral form: `start` and `end` in the text, and `url`, `title` or others.
        items: Items in the vendor's own form, in front of the others, for servers of a vendor's own protocol.
    """

    content: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    delay: float = 0.0
    chunks: Sequence[str] | None = None
    finish_reason: str | None = None
    usage: dict[str, int] | None = None
    thinking: str = ""
    citations: Sequence[Mapping[str, Any]] = ()
    items: Sequence[Mapping[str, Any]] = ()

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
            return openai.APIConnectionError(message=self.message, request=cast(Any, None))
        # The SDK reads these three attributes only.
        response = SimpleNamespace(request=None, status_code=self.status, headers=self.headers)
        body = {"message": self.message, "code": self.code}
        return _get_error_class(self.status)(self.message, response=cast(Any, response), body=body)


@dataclass(frozen=True)
class RawReply:
    """A response of an `OpenAIServer` in any form.

    Attributes:
        body: The response to a request that isn't streamed: JSON, or bytes.
        events: The response to a streamed request: the data of each event, as JSON; bytes are sent as they are.
        headers: Headers in place of the usual ones.
    """

    body: object = None
    events: Sequence[object] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


ScriptItem = Union[str, None, Message, ToolCall, Sequence[ToolCall], Reply, RawReply, Fault, BaseException]
"""An item of a script: text, a message, tool calls, a `Reply`, a `RawReply`, a `Fault` or an exception."""

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


def normalize_item(item: object) -> Reply | RawReply | Fault | BaseException:
    """Convert an item of a script to one of the possible outcomes of a request.

    Raises:
        TypeError: if the item is of no valid type.
    """
    if isinstance(item, (Reply, RawReply, Fault, BaseException)):
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


class ScriptExhausted(AssertionError):
    """Raised when a scripted model gets more requests than its script has replies."""


class ScriptNotFinished(AssertionError):
    """Raised when a scripted model got fewer requests than its script has replies."""


class ScriptedModel:
    """A model that replies from a script and records its requests. Threads and tasks may share it.

    Args:
        *replies: The replies in their order: text, a message dict, a `tool_call(...)` or a list of them, a `Reply`, a
            `Fault`, an exception, or a function from the messages to any of these. A single function answers every request.
        name: The name of the model.

    >>> with ScriptedModel("Paris.", "TERMINATE") as model:
    ...     _ = model([{"role": "user", "content": "Capital of France?"}])
    Traceback (most recent call last):
    autogen.testing._scripted.ScriptNotFinished: 1 of 2 scripted replies was not requested; the next is 'TERMINATE'.
    """

    def __init__(self, *replies: ScriptItem | ScriptFunction, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[dict[str, Any]] = []
        """The parameters of each request."""
        single = replies[0] if len(replies) == 1 else None
        self._function: ScriptFunction | None = single if callable(single) else None
        self._replies = () if self._function else replies
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> ScriptedModel:
        # Agents copy their llm_config, but they share the script.
        return self

    @property
    def asked(self) -> list[list[Message]]:
        """The messages of each request."""
        return [request["messages"] for request in self.requests]

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent, without a cache."""
        return {"config_list": [self.config], "cache_seed": None}

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`."""
        return {"model": self.name, "model_client_cls": self}

    def answer(self, params: Mapping[str, object]) -> Reply | RawReply | Fault | BaseException:
        """Record a request and return its outcome.

        Args:
            params: The parameters of the request.

        Raises:
            ScriptExhausted: if the script has no reply left.
        """
        messages = get_messages(params)
        with self._lock:
            position = len(self.requests)
            if self._function is None and position == len(self._replies):
                last = messages[-1] if messages else None
                raise ScriptExhausted(f"The script has {position} replies, and there was another request: {last!r}")
            self.requests.append({**params, "messages": messages})
        # Outside of the lock, because a function may take its time.
        item = self._function or self._replies[position]
        return normalize_item(item(messages) if callable(item) else item)

    def __call__(self, messages: list[Message]) -> str | Message | None:
        """Send a request without an agent.

        Args:
            messages: The messages of the request.

        Returns:
            The text of the reply; the message if it has tool calls.
        """
        return self.message_retrieval(self.create({"messages": messages}))[0]

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        unused = self._replies[len(self.requests) :]
        # An error in the `with` block matters more than the replies that it left unused.
        if kind is None and unused:
            was = "was" if len(unused) == 1 else "were"
            raise ScriptNotFinished(
                f"{len(unused)} of {len(self._replies)} scripted replies {was} not requested; the next is {unused[0]!r}."
            )

    # The protocol of a model client.

    def create(self, params: Mapping[str, object]) -> SimpleNamespace:
        """Return the response to a request.

        Args:
            params: The parameters of the request.
        """
        return run_sync(self._respond(params, self._get_outcome(params)))

    async def a_create(self, params: Mapping[str, object]) -> SimpleNamespace:
        """Async version of `create`; other tasks run during a delay."""
        return await run_async(self._respond(params, self._get_outcome(params)))

    def _get_outcome(self, params: Mapping[str, object]) -> Reply | RawReply | Fault:
        # Not part of the step: a generator would replace a scripted StopIteration.
        reply = self.answer(params)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def _respond(self, params: Mapping[str, object], reply: Reply | RawReply | Fault) -> Steps[SimpleNamespace]:
        if isinstance(reply, RawReply):
            raise TypeError("A RawReply is the response of a server: pass it to an OpenAIServer.")
        if reply.delay:
            yield from sleep(reply.delay)
        if isinstance(reply, Fault):
            raise reply.error()
        # A real client passes on the pieces of a streamed response while it receives them.
        if params.get("stream"):
            get_token_receiver().receive([Delta("text", piece) for piece in reply.pieces])
        choice = SimpleNamespace(index=0, message=_Message(**reply.message), finish_reason=reply.reason)
        usage = SimpleNamespace(**reply.usage_for(get_messages(params)))
        return SimpleNamespace(model=self.name, choices=[choice], usage=usage, cost=0.0)

    def message_retrieval(self, response: SimpleNamespace) -> list[str | Message | None]:
        """Return for each choice its text; the message if it has tool calls."""
        messages = [choice.message for choice in response.choices]
        return [dict(vars(m)) if getattr(m, "tool_calls", None) else m.content for m in messages]

    def cost(self, response: object) -> float:
        """Return 0.0: a script costs nothing."""
        return 0.0

    @staticmethod
    def get_usage(response: SimpleNamespace) -> dict[str, object]:
        """Return the token counts and the cost of a response."""
        return {**vars(response.usage), "cost": getattr(response, "cost", 0.0), "model": response.model}


class _Message(SimpleNamespace):
    def model_dump(self) -> Message:
        return dict(vars(self))
