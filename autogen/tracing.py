"""Chats as OpenTelemetry spans, named by the semantic conventions for generative AI. Needs the extra `otel`.

| operation | span | kind |
|---|---|---|
| a chat; the turn of a member in a group chat | `invoke_agent {agent}` | internal |
| a request to a model | `chat {model}` | client |
| a tool call, a code run | `execute_tool {name}` | internal |
| a question to a human | `ask_human {agent}` | internal |

The parent of a span is the current span of its context, across nested chats, threads and tasks. A span is current
while its operation runs, so that the spans of a tool's own code belong to the tool.

>>> import autogen.tracing
>>> with autogen.tracing.trace():  # doctest: +SKIP
...     user.initiate_chat(assistant, message="Hello")
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

from . import events
from ._extras import require
from ._jsonable import describe_type
from ._secrets import redact
from .events._observations import CHAT, CODE, HUMAN, REPLY, RecordedOperation
from .events._observations import MODEL as MODEL_REQUEST
from .events._observations import TOOL as TOOL_CALL
from .events._observer import Observer
from .oai.providers import otel_provider_name
from .version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

__all__ = ["trace"]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
MODEL = "gen_ai.request.model"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
TOOL = "gen_ai.tool.name"
TOOL_KIND = "gen_ai.tool.type"
ARGUMENTS = "gen_ai.tool.call.arguments"
RESULT = "gen_ai.tool.call.result"
ERROR = "error.type"

# Names of request parameters, and those of the conventions.
_PARAMETERS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stream": "gen_ai.request.stream",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
}
# Reply functions have no spans: they would hide the structure of the chat.
TRACED_KINDS = [kind for kind in get_args(events.AnyEvent) if REPLY not in (kind.starts, kind.ends)]


@contextmanager
def trace(
    tracer_provider: TracerProvider | None = None, content: bool = False, *, everywhere: bool = False
) -> Iterator[None]:
    """Trace the chats of a `with` block.

    Args:
        tracer_provider: Provider of the tracer; None for that of the process.
        content: True to record content in the spans: messages, arguments and results of tools, code. Secrets are masked.
        everywhere: True for all chats of the process; False for those started in this context, and in threads and tasks
            started from it.

    Raises:
        ImportError: if `opentelemetry` is not installed.
    """
    tracer = Tracer(tracer_provider, content)
    with tracer.open(), events.subscribe(tracer.listen, everywhere=everywhere, types=TRACED_KINDS):
        yield


@dataclass(eq=False, slots=True)
class _OpenSpan:
    """A span that is the current span of its context.

    Attributes:
        outer: OpenTelemetry's context before it.
        token: Token to restore that context.
        marker: Token that tells whether another context is current by now.
        messages: Messages of a chat, if content is recorded.
    """

    span: Span
    outer: Context
    token: Token[Context]
    marker: Token[None]
    messages: list[events.MessageSent] = field(default_factory=list)


# OpenTelemetry logs an error if a token is used in another context. This variable's token raises one instead.
_marker: ContextVar[None] = ContextVar("marks the context of a span")


class Tracer:
    """Renders the operations of an `Observer` as spans. Subclasses may select operations and add attributes.

    Args:
        provider: Provider of the tracer; None for that of the process.
        content: True to record content.
    """

    def __init__(self, provider: TracerProvider | None, content: bool = False) -> None:
        require("opentelemetry", extra="otel", feature="Tracing")
        from opentelemetry import context, trace

        self._contexts, self._trace = context, trace
        self._tracer = trace.get_tracer("autogen", __version__, provider)
        self._content = content
        self._observer = Observer()
        self._spans: dict[RecordedOperation, _OpenSpan] = {}

    def is_traced(self, operation: RecordedOperation, event: events.Event) -> bool:
        """Return True if an operation gets a span.

        Args:
            operation: The operation, when it starts.
            event: Event that starts it.
        """
        return True

    def has_content(self, kind: str) -> bool:
        """Return True if content of this kind of operation is recorded."""
        return self._content

    def get_extra_attributes(self, operation: RecordedOperation, event: events.Event) -> dict[str, AttributeValue]:
        """Return further attributes for a span, at the event that starts the operation, and at that which ends it."""
        return {}

    def has_span(self, operation: RecordedOperation) -> bool:
        """Return True if an operation has a span that is open."""
        return operation in self._spans

    @contextmanager
    def open(self) -> Iterator[None]:
        """End all open spans on exit, and restore the current span."""
        outer = self._contexts.get_current()
        try:
            yield
        finally:
            # Inner spans first.
            for open_span in reversed(list(self._spans.values())):
                open_span.span.end()
            self._spans.clear()
            # An operation that was cut off, or another tracer, may have left a span there.
            if self._contexts.get_current() is not outer:
                self._contexts.attach(outer)

    def listen(self, event: events.Event) -> None:
        """Start and end spans for an event."""
        for operation in self._observer.observe(event):
            if operation.is_open:
                if self.is_traced(operation, event):
                    self._spans[operation] = self._start_span(operation, event)
                continue
            open_span = self._spans.pop(operation, None)
            if open_span is None and isinstance(event, events.ModelAnswered) and self.is_traced(operation, event):
                # Nothing was requested, the response is from a cache.
                open_span = self._start_span(operation, event)
            if open_span is not None:
                self._end_span(open_span, operation, event)
        if isinstance(event, events.MessageSent) and self.has_content(CHAT):
            self._add_message(event)

    def _start_span(self, operation: RecordedOperation, event: events.Event) -> _OpenSpan:
        title, attributes = self._describe_start(event)
        # The conventions have no name for questions to humans.
        if operation.kind != HUMAN:
            attributes[OPERATION] = title.partition(" ")[0]
        if event.chat:
            attributes[CONVERSATION] = event.chat
        attributes.update(self.get_extra_attributes(operation, event))
        start = time.time_ns() - int(event.seconds * 1e9) if isinstance(event, events.ModelAnswered) else None
        is_request = isinstance(event, (events.ModelAsked, events.ModelAnswered))
        kind = self._trace.SpanKind.CLIENT if is_request else self._trace.SpanKind.INTERNAL
        span = self._tracer.start_span(title, kind=kind, attributes=attributes, start_time=start)
        outer = self._contexts.get_current()
        token = self._contexts.attach(self._trace.set_span_in_context(span))
        return _OpenSpan(span, outer, token, _marker.set(None))

    def _describe_start(self, event: events.Event) -> tuple[str, dict[str, AttributeValue]]:
        """Return the name and the attributes of the span that an event starts."""
        if isinstance(event, events.ModelAsked):
            parameters = event._params
            attributes = _get_request_attributes(event)
            for name, value in parameters.items():
                if name in _PARAMETERS and isinstance(value, (int, float)):
                    attributes[_PARAMETERS[name]] = value
            if self.has_content(MODEL_REQUEST):
                attributes[INPUT] = _to_json([_to_message(message, "user") for message in parameters.get("messages") or ()])
            is_embedding = "input" in parameters and "messages" not in parameters
            return f"{'embeddings' if is_embedding else 'chat'} {event.model}", attributes
        if isinstance(event, events.ChatStarted):
            return f"invoke_agent {event.recipient}", {AGENT: event.recipient, "autogen.chat.initiator": event.initiator}
        if isinstance(event, events.SpeakerSelected):
            return f"invoke_agent {event.speaker}", {AGENT: event.speaker, "autogen.speaker.why": str(redact(event.why))}
        if isinstance(event, events.ModelAnswered):
            return f"chat {event.model}", _get_request_attributes(event)
        if isinstance(event, events.ToolCalled):
            attributes = {AGENT: event.agent, TOOL: event.name, TOOL_KIND: "function"}
            if self.has_content(TOOL_CALL):
                attributes[ARGUMENTS] = _to_text(event.arguments)
            return f"execute_tool {event.name}", attributes
        if isinstance(event, events.CodeStarted):
            attributes = {AGENT: event.agent, TOOL: "code", TOOL_KIND: "extension"}
            if self.has_content(CODE):
                attributes[ARGUMENTS] = _to_json(event.blocks)
            return "execute_tool code", attributes
        agent = getattr(event, "agent", "")
        return f"ask_human {agent}".strip(), {AGENT: agent}

    def _end_span(self, open_span: _OpenSpan, operation: RecordedOperation, event: events.Event) -> None:
        span = open_span.span
        if operation.ended is event:
            span.set_attributes(self.get_extra_attributes(operation, event))
            error = self._describe_end(open_span, event)
        elif isinstance(event, events.ModelAsked):
            error = "Abandoned: it had no response."
        else:
            # An operation around it has ended; its error is why.
            error = getattr(event, "error", None) or "Cut off."
        if error is not None:
            text = str(redact(error))
            span.set_attribute(ERROR, _get_error_class(text))
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, text))
        span.end()
        try:
            _marker.reset(open_span.marker)
        except ValueError:
            # Started in another context: a span that is cut off was never the current span of this context.
            if operation.ended is event:
                self._contexts.attach(open_span.outer)
        else:
            self._contexts.detach(open_span.token)

    def _describe_end(self, open_span: _OpenSpan, event: events.Event) -> str | None:
        """Set the attributes of a result; return the error, None for success."""
        span = open_span.span
        if isinstance(event, events.ModelAnswered):
            span.set_attributes(self._get_response_attributes(event))
        elif isinstance(event, events.ModelFailed):
            span.set_attribute("autogen.then", event.then)
            return event.error
        elif isinstance(event, events.ToolReturned):
            return self._set_result(span, TOOL_CALL, event.content, None if event.success else "tool_error")
        elif isinstance(event, events.CodeEnded):
            span.set_attribute("process.exit.code", event.exit_code)
            return self._set_result(span, CODE, event.output, "exit_code" if event.exit_code else None)
        elif isinstance(event, events.ChatEnded):
            span.set_attributes({"autogen.chat.messages": event.messages, "autogen.cost.usd": event.cost})
            if event.stop_reason:
                span.set_attribute("autogen.chat.stop_reason", event.stop_reason)
            if open_span.messages:
                span.set_attribute(INPUT, _to_json([_to_message(open_span.messages[0].message, "user")]))
                span.set_attribute(OUTPUT, _to_json([_to_message(open_span.messages[-1].message, "assistant")]))
            return event.error
        return None

    def _set_result(self, span: Span, kind: str, text: str, failure: str | None) -> str | None:
        """Set the result of a tool or code; return the error. The text of an error is content, too."""
        if self.has_content(kind):
            span.set_attribute(RESULT, _to_text(text))
        return None if failure is None else f"{failure}: {text if self.has_content(kind) else 'it failed'}"

    def _get_response_attributes(self, event: events.ModelAnswered) -> dict[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {
            "gen_ai.usage.input_tokens": event.prompt_tokens,
            "gen_ai.usage.output_tokens": event.completion_tokens,
            "autogen.cost.usd": float(event.cost),
            "autogen.cached": event.cached,
        }
        response = event._response
        for name in ("id", "model"):
            value = getattr(response, name, None)
            if isinstance(value, str) and value:
                attributes[f"gen_ai.response.{name}"] = value
        choices = getattr(response, "choices", None) or ()
        if reasons := [str(choice.finish_reason) for choice in choices if getattr(choice, "finish_reason", None)]:
            attributes["gen_ai.response.finish_reasons"] = reasons
        if self.has_content(MODEL_REQUEST):
            attributes[OUTPUT] = _to_json([_to_output(choice) for choice in choices])
        return attributes

    def _add_message(self, event: events.MessageSent) -> None:
        open_span = self._spans.get(self._observer.get_chat(event.chat))
        if open_span is not None:
            open_span.messages.append(event)
            message = _to_json(_to_message(event.message, "assistant"))
            attributes = {"autogen.sender": event.sender, "autogen.recipient": event.recipient, "autogen.message": message}
            open_span.span.add_event("autogen.message", attributes)


def _get_request_attributes(event: events.ModelAsked | events.ModelAnswered) -> dict[str, AttributeValue]:
    endpoint = _get_endpoint_attributes(event.endpoint)
    return {AGENT: event.agent, MODEL: event.model, "autogen.attempt": event.attempt, **endpoint}


def _get_endpoint_attributes(endpoint: str) -> dict[str, AttributeValue]:
    url = urlsplit(endpoint)
    host = url.hostname or endpoint
    attributes: dict[str, AttributeValue] = {PROVIDER: otel_provider_name(host) or host}
    if url.hostname:
        attributes["server.address"] = url.hostname
        if port := url.port or {"https": 443, "http": 80}.get(url.scheme):
            attributes["server.port"] = port
    return attributes


def _get_error_class(error: str) -> str:
    """Return the class in the text of an error, such as `gpt-4o at https://…: RateLimitError: …`; few different values."""
    for part in error.split(": "):
        if part.isidentifier() and (part[0].isupper() or part in ("tool_error", "exit_code")):
            return part
    return "_OTHER"


def _to_message(message: object, role: str) -> dict[str, object]:
    """Convert a message to the form of the conventions: a role, and parts."""
    if not isinstance(message, Mapping):
        return {"role": role, "parts": [_to_text_part(message)]}
    responses = message.get("tool_responses") or ([message] if message.get("role") == "tool" else [])
    parts: list[object] = [
        {"type": "tool_call_response", "id": response.get("tool_call_id"), "response": response.get("content")}
        for response in responses
    ]
    content = message.get("content")
    if content is not None and not responses:
        contents = content if isinstance(content, (list, tuple)) else [content]
        parts += [part if isinstance(part, Mapping) else _to_text_part(part) for part in contents]
    for call in (*(message.get("tool_calls") or ()), message.get("function_call")):
        if call:
            function = call.get("function") or call
            parts.append(
                {"type": "tool_call", "id": call.get("id"), **{key: function.get(key) for key in ("name", "arguments")}}
            )
    return {"role": message.get("role") or role, "parts": parts}


def _to_output(choice: object) -> dict[str, object]:
    message: object = getattr(choice, "message", None)
    if message is None:
        message = getattr(choice, "text", "")
    elif (dump := getattr(message, "model_dump", None)) is not None:
        message = dump()
    return {**_to_message(message, "assistant"), "finish_reason": getattr(choice, "finish_reason", None)}


def _to_text_part(value: object) -> dict[str, object]:
    return {"type": "text", "content": str(value)}


def _to_text(value: object) -> str:
    return str(redact(value)) if isinstance(value, str) else _to_json(value)


def _to_json(value: object) -> str:
    return json.dumps(redact(value), default=describe_type)
