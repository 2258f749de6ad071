"""Chats as OpenTelemetry spans, named as the semantic conventions for generative AI say. Needs the extra `otel`.

| what happens | span | kind |
|---|---|---|
| a chat; a member's turn in a group | `invoke_agent {agent}` | internal |
| a request to a model | `chat {model}` | client |
| a tool, code that is run | `execute_tool {name}` | internal |
| a human is asked | `ask_human {agent}` | internal |

A span's parent is what goes on around it, across nested chats, threads and tasks. While a tool runs its span is the current
one, so that what the tool itself traces belongs to it.

>>> import autogen.tracing
>>> with autogen.tracing.trace():  # doctest: +SKIP
...     user.initiate_chat(assistant, message="Hello")
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import events
from ._extras import require
from ._secrets import redact
from .oai.providers import otel_provider_name
from .version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

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

_PARAMETERS = {  # of a request: ours, and the conventions' name
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


@contextmanager
def trace(
    tracer_provider: TracerProvider | None = None, content: bool = False, *, everywhere: bool = False
) -> Iterator[None]:
    """Trace the chats of a `with` block.

    Args:
        tracer_provider: Where the spans go; None for the provider of the process.
        content: Whether the spans tell what was said: messages, arguments and results of tools, the code that is run.
            Secrets are masked in any case.
        everywhere: Whether all chats of the process are traced; else those begun in this context, with all that they
            begin in threads and tasks of their own.

    Raises:
        ImportError: `opentelemetry` is not installed.
    """
    tracer = _Tracer(tracer_provider, content)
    with tracer.closing(), events.subscribe(tracer.hear, everywhere=everywhere, types=tracer.handlers):
        yield


@dataclass(eq=False)
class _Open:
    """Something that goes on, and its span.

    Attributes:
        kind: What it is.
        name: Tells it from others of its kind.
        around: What goes on around it.
        context: What OpenTelemetry's context was before.
        said: The messages of a chat.
    """

    kind: str
    name: str
    span: Span
    around: _Open | None
    context: Context
    said: list[events.MessageSent]


class _Tracer:
    """Makes spans of events.

    What goes on is held in a context variable, as the innermost of a chain: events tell no more than that something has
    begun or ended *here*, and here is where its span has to be. What was cut off by an error, or by a stop, has no event of
    its own: it ends with what is around it.
    """

    def __init__(self, provider: TracerProvider | None, content: bool) -> None:
        require("opentelemetry", extra="otel", feature="Tracing")
        from opentelemetry import context, trace

        self._contexts, self._trace = context, trace
        self._tracer = trace.get_tracer("autogen", __version__, provider)
        self._content = content
        self._all: set[_Open] = set()
        self._lock = threading.Lock()
        self.handlers: dict[type[events.Event], Callable[[Any], None]] = {
            events.ChatStarted: self._chat_started,
            events.ChatEnded: self._chat_ended,
            events.MessageSent: self._message_sent,
            events.SpeakerSelected: self._speaker_selected,
            events.ModelAsked: self._model_asked,
            events.ModelAnswered: self._model_answered,
            events.ModelFailed: self._model_failed,
            events.ToolCalled: self._tool_called,
            events.ToolReturned: self._tool_returned,
            events.CodeStarted: self._code_started,
            events.CodeEnded: self._code_ended,
            events.HumanAsked: self._human_asked,
            events.HumanAnswered: self._human_answered,
        }

    def hear(self, event: events.Event) -> None:
        """Take an event."""
        self.handlers[type(event)](event)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """At the end, end what was not ended: nobody will hear of it any more."""
        before = self._contexts.get_current()
        try:
            yield
        finally:
            for one in list(self._all):
                self._end(one)
            if self._current() is not None:
                self._set_current(None)
            if self._contexts.get_current() is not before:  # another tracer may have left the span of this one there
                self._contexts.attach(before)

    # Chats and turns.

    def _chat_started(self, event: events.ChatStarted) -> None:
        attributes = {AGENT: event.recipient, "autogen.chat.initiator": event.initiator}
        self._begin("chat", event.chat, f"invoke_agent {event.recipient}", "invoke_agent", event, attributes)

    def _chat_ended(self, event: events.ChatEnded) -> None:
        chat = self._innermost("chat", event.chat)
        if chat is None:
            return
        attributes: dict[str, Any] = {"autogen.chat.messages": event.messages, "autogen.cost.usd": event.cost}
        if event.stop_reason:
            attributes["autogen.chat.stop_reason"] = event.stop_reason
        if self._content and chat.said:
            attributes[INPUT] = _as_json([_as_message(chat.said[0].message, "user")])
            attributes[OUTPUT] = _as_json([_as_message(chat.said[-1].message, "assistant")])
        chat.span.set_attributes(attributes)
        self._close(chat, event.error)

    def _speaker_selected(self, event: events.SpeakerSelected) -> None:
        self._end_turn(event.chat)
        attributes = {AGENT: event.speaker, "autogen.speaker.why": str(redact(event.why))}
        self._begin("turn", event.speaker, f"invoke_agent {event.speaker}", "invoke_agent", event, attributes)

    def _message_sent(self, event: events.MessageSent) -> None:
        chat = self._innermost("chat", event.chat)
        if chat is None:
            return
        if self._content:
            chat.said.append(event)
            said = _as_json(_as_message(event.message, "assistant"))
            attributes = {"autogen.sender": event.sender, "autogen.recipient": event.recipient, "autogen.message": said}
            chat.span.add_event("autogen.message", attributes)
        turn = self._innermost("turn", event.sender)
        if turn is not None and turn.around is chat:
            self._close(turn)

    def _end_turn(self, chat: str) -> None:
        """A member that said nothing has no message that ends its turn."""
        turn = self._innermost("turn")
        if turn is not None and turn.around is self._innermost("chat", chat):
            self._close(turn)

    # Requests to models.

    def _model_asked(self, event: events.ModelAsked) -> None:
        abandoned = self._current()
        if abandoned is not None and abandoned.kind == "model" and abandoned.name == event.agent:
            self._close(abandoned, "Abandoned: it had no answer.")
        params = event._params
        attributes = _about_model(event)
        attributes |= {name: params[own] for own, name in _PARAMETERS.items() if isinstance(params.get(own), (int, float))}
        if self._content:
            attributes[INPUT] = _as_json([_as_message(one, "user") for one in params.get("messages") or ()])
        self._begin("model", event.agent, f"chat {event.model}", "chat", event, attributes)

    def _model_answered(self, event: events.ModelAnswered) -> None:
        model = self._innermost("model", event.agent)
        if model is None or event.cached:  # nothing was asked
            begun = time.time_ns() - int(event.seconds * 1e9)
            model = self._begin("model", event.agent, f"chat {event.model}", "chat", event, _about_model(event), begun)
        attributes: dict[str, Any] = {
            "gen_ai.usage.input_tokens": event.prompt_tokens,
            "gen_ai.usage.output_tokens": event.completion_tokens,
            "autogen.cost.usd": float(event.cost),
            "autogen.cached": event.cached,
        }
        response = event._response
        if isinstance(answered := getattr(response, "id", None), str) and answered:
            attributes["gen_ai.response.id"] = answered
        if isinstance(named := getattr(response, "model", None), str) and named:
            attributes["gen_ai.response.model"] = named
        choices = getattr(response, "choices", None) or ()
        if reasons := [str(one.finish_reason) for one in choices if getattr(one, "finish_reason", None)]:
            attributes["gen_ai.response.finish_reasons"] = reasons
        if self._content:
            attributes[OUTPUT] = _as_json([_as_answer(choice) for choice in choices])
        model.span.set_attributes(attributes)
        self._close(model)

    def _model_failed(self, event: events.ModelFailed) -> None:
        model = self._innermost("model", event.agent)
        if model is not None:
            model.span.set_attribute("autogen.then", event.then)
            self._close(model, event.error)

    # Tools, code and humans.

    def _tool_called(self, event: events.ToolCalled) -> None:
        attributes: dict[str, Any] = {AGENT: event.agent, TOOL: event.name, TOOL_KIND: "function"}
        if self._content:
            attributes[ARGUMENTS] = _as_text(event.arguments)
        self._begin("tool", event.name, f"execute_tool {event.name}", "execute_tool", event, attributes)

    def _tool_returned(self, event: events.ToolReturned) -> None:
        tool = self._innermost("tool", event.name)
        if tool is not None:
            self._returned(tool, event.content, event.success, "tool_error")

    def _code_started(self, event: events.CodeStarted) -> None:
        attributes: dict[str, Any] = {AGENT: event.agent, TOOL: "code", TOOL_KIND: "extension"}
        if self._content:
            attributes[ARGUMENTS] = _as_json(event.blocks)
        self._begin("code", event.agent, "execute_tool code", "execute_tool", event, attributes)

    def _code_ended(self, event: events.CodeEnded) -> None:
        code = self._innermost("code", event.agent)
        if code is not None:
            code.span.set_attribute("process.exit.code", event.exit_code)
            self._returned(code, event.output, event.exit_code == 0, "exit_code")

    def _returned(self, one: _Open, text: str, success: bool, kind: str) -> None:
        """A tool's failure is told in the text for the model, which is content."""
        if self._content:
            one.span.set_attribute(RESULT, _as_text(text))
        self._close(one, None if success else f"{kind}: {text if self._content else 'it failed'}")

    def _human_asked(self, event: events.HumanAsked) -> None:
        self._begin("human", event.agent, f"ask_human {event.agent}", None, event, {AGENT: event.agent})

    def _human_answered(self, event: events.HumanAnswered) -> None:
        human = self._innermost("human", event.agent)
        if human is not None:
            self._close(human)

    # The chain of what goes on here.

    def _current(self) -> _Open | None:
        return _going_on.get().get(self)

    def _set_current(self, one: _Open | None) -> None:
        others = {tracer: open_ for tracer, open_ in _going_on.get().items() if tracer is not self}
        _going_on.set(others if one is None else {**others, self: one})

    def _innermost(self, kind: str, name: str | None = None) -> _Open | None:
        one = self._current()
        while one is not None and (one.kind != kind or name not in (None, one.name)):
            one = one.around
        return one

    def _begin(
        self,
        kind: str,
        name: str,
        title: str,
        operation: str | None,
        event: events.Event,
        attributes: dict[str, Any],
        begun: int | None = None,
    ) -> _Open:
        if operation:
            attributes[OPERATION] = operation
        if event.chat:
            attributes[CONVERSATION] = event.chat
        span_kind = self._trace.SpanKind.CLIENT if kind == "model" else self._trace.SpanKind.INTERNAL
        span = self._tracer.start_span(title, kind=span_kind, attributes=attributes, start_time=begun)
        one = _Open(kind, name, span, self._current(), self._contexts.get_current(), [])
        self._set_current(one)
        self._contexts.attach(self._trace.set_span_in_context(span))
        with self._lock:
            self._all.add(one)
        return one

    def _close(self, one: _Open, error: str | None = None) -> None:
        """End a span, and before it those inside of it that had no end."""
        inner = self._current()
        while inner is not None and inner is not one:
            self._end(inner, "Cut off." if error is None else error)
            inner = inner.around
        self._end(one, error)
        self._set_current(one.around)
        self._contexts.attach(one.context)  # no token: what was cut off may have begun in another context

    def _end(self, one: _Open, error: str | None = None) -> None:
        with self._lock:
            if one not in self._all:
                return
            self._all.remove(one)
        if error is not None:
            text = str(redact(error))
            one.span.set_attribute(ERROR, _kind_of(text))
            one.span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, text))
        one.span.end()


_going_on: ContextVar[Mapping[_Tracer, _Open]] = ContextVar("spans that go on", default={})  # noqa: B039 - never changed
"""The innermost of each tracer; there may be several."""


def _about_model(event: events.ModelAsked | events.ModelAnswered) -> dict[str, Any]:
    return {AGENT: event.agent, MODEL: event.model, "autogen.attempt": event.attempt, **_about_endpoint(event.endpoint)}


def _about_endpoint(endpoint: str) -> dict[str, Any]:
    url = urlsplit(endpoint)
    host = url.hostname or endpoint
    attributes: dict[str, Any] = {PROVIDER: otel_provider_name(host) or host}
    if url.hostname:
        attributes["server.address"] = url.hostname
        if port := url.port or {"https": 443, "http": 80}.get(url.scheme):
            attributes["server.port"] = port
    return attributes


def _kind_of(error: str) -> str:
    """The class of an error out of its text, such as `gpt-4o at https://…: RateLimitError: …`; few different ones."""
    for part in error.split(": "):
        if part.isidentifier() and (part[0].isupper() or part in ("tool_error", "exit_code")):
            return part
    return "_OTHER"


def _as_message(message: Any, role: str) -> dict[str, Any]:
    """A message in the form of the conventions: a role, and parts."""
    if not isinstance(message, Mapping):
        return {"role": role, "parts": [_text(message)]}
    parts: list[Any] = []
    answers = message.get("tool_responses") or ([message] if message.get("role") == "tool" else [])
    for answer in answers:
        parts.append({"type": "tool_call_response", "id": answer.get("tool_call_id"), "response": answer.get("content")})
    content = message.get("content")
    if content is not None and not answers:
        parts += [
            part if isinstance(part, Mapping) else _text(part) for part in ([content] if _is_text(content) else content)
        ]
    for call in (*(message.get("tool_calls") or ()), *([message["function_call"]] if message.get("function_call") else ())):
        named = call.get("function") or call
        part = {"type": "tool_call", "id": call.get("id"), "name": named.get("name"), "arguments": named.get("arguments")}
        parts.append(part)
    return {"role": message.get("role") or role, "parts": parts}


def _as_answer(choice: Any) -> dict[str, Any]:
    message = getattr(choice, "message", None)
    dump = getattr(message, "model_dump", None)
    if dump is not None:
        message = dump()
    elif message is None:
        message = getattr(choice, "text", "")
    return {**_as_message(message, "assistant"), "finish_reason": getattr(choice, "finish_reason", None)}


def _text(value: Any) -> dict[str, Any]:
    return {"type": "text", "content": value if isinstance(value, str) else str(value)}


def _is_text(content: Any) -> bool:
    return not isinstance(content, (list, tuple))


def _as_text(value: Any) -> str:
    return str(redact(value)) if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(redact(value), default=lambda other: f"<{type(other).__name__}>")
