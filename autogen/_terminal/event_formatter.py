"""`EventFormatter`: events as lines for a terminal.

Text of models and tools is never trusted: it contains no markup, and control characters are shown as escape sequences.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args

from rich.text import Text

from .. import events
from .._secrets import redact
from ..coding.approval import visible
from ..events._observations import REPLY, Conversation, RecordedOperation, get_calls, get_text, get_thinking
from ..events._observer import Observer
from .markdown import MarkdownText

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta", "bright_green")
SYMBOLS = {"says": "●", "to": "→", "good": "✓", "bad": "✗", "next": "↳", "rule": "──", "dot": "·", "more": "…"}
ASCII = {"says": "*", "to": "->", "good": "+", "bad": "x", "next": ">", "rule": "--", "dot": "-", "more": "..."}

_SPACES = {0xA0: " ", 0x2007: " ", 0x202F: " ", 0x3000: " "}
# Columns: of a chat inside a chat, and of the lines under a name.
_NESTED, _INSIDE = 4, 2
# Characters of the arguments and of the result of a tool.
_LONGEST = 200


class Line(NamedTuple):
    """A line or a paragraph, and its indentation in columns."""

    indent: int
    text: Text | MarkdownText


class EventFormatter:
    """Formats events as lines, and counts.

    Args:
        encoding: Encoding of the terminal; characters that it lacks are replaced.
        lines: Maximum number of lines of a message; None for all.
        markdown: True to render replies of models as Markdown.

    Attributes:
        observer: The chats and operations of the events, and their totals.
        waiting: Description of each open operation, and its start by the monotonic clock.
        symbols: Symbols that the encoding can represent, by name.
    """

    # Reply functions are left out: their operations show what they do.
    KINDS = tuple(kind for kind in get_args(events.AnyEvent) if REPLY not in (kind.starts, kind.ends))

    def __init__(self, encoding: str = "utf-8", lines: int | None = None, markdown: bool = False) -> None:
        self.observer = Observer()
        self.waiting: dict[RecordedOperation, tuple[str, float]] = {}
        self.symbols = SYMBOLS if encoding.lower().replace("-", "").startswith("utf") else ASCII
        self._encoding = encoding
        self._lines = lines
        self._markdown = markdown
        self._started_at = time.monotonic()
        self._colours: dict[str, str] = {}
        # The last response for each agent of a chat, which is shown with the agent's next message.
        self._responses: dict[RecordedOperation, dict[str, events.ModelAnswered]] = {}
        self._are_chats_concurrent = False

    def format_event(
        self, event: events.Event, streamed: str | None = None
    ) -> tuple[list[Line], Sequence[RecordedOperation]]:
        """Return the lines for an event, and the operations that it opened or closed.

        Args:
            event: The event.
            streamed: The text of the message that was shown while it arrived; None if there was none.
        """
        changed = self.observer.observe(event)
        chat = self.observer.get_chat(event.chat)
        for operation in changed:
            if operation.is_open and (text := self._describe_wait(event)):
                self.waiting[operation] = (self.clean(text).replace("\n", " "), time.monotonic())
            elif not operation.is_open:
                self.waiting.pop(operation, None)
                self._responses.pop(operation, None)
            if isinstance(operation, Conversation):
                # At its end the observer has dropped it already.
                chat = operation
        lines = self._format(event, chat, streamed)
        return [Line(chat.depth * _NESTED + line.indent, line.text) for line in lines], changed

    def summarize(self) -> Iterator[str]:
        """Yield the parts of the last line."""
        totals = self.observer.totals
        messages, *usage, seconds = self.summarize_briefly()
        yield _count(self.observer.chat_count, "chat")
        yield messages
        if usage:
            tokens, cost = usage
            cached = f" ({totals.cached} from the cache)" if totals.cached else ""
            yield _count(totals.responses + totals.cached, "response") + cached
            yield tokens
            yield cost + (f" ({totals.unpriced} without a known price)" if totals.unpriced else "")
        if calls := totals.tools + totals.code:
            failed = totals.tools_failed + totals.code_failed
            yield _count(calls, "call") + (f" ({failed} failed)" if failed else "")
        if totals.failures:
            yield _count(totals.failures, "failed request")
        yield seconds

    def summarize_briefly(self) -> Iterator[str]:
        """Yield the most important parts of the last line."""
        totals = self.observer.totals
        yield _count(totals.messages, "message")
        if totals.responses or totals.cached:
            yield f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens"
            yield f"{totals.cost:.4f} USD"
        yield _format_seconds(time.monotonic() - self._started_at)

    def clean(self, text: str) -> str:
        """Return a text without secrets and control characters, which the encoding can represent."""
        text = str(redact(str(text)))
        if not text.isprintable():
            # zero-width joiners are kept: they make one emoji of several.
            text = "\u200d".join(map(visible, text.translate(_SPACES).split("\u200d")))
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _describe_wait(self, event: events.Event) -> str:
        """Return the text of the status line for the operation that an event starts; empty if it has none."""
        if isinstance(event, events.ModelAsked):
            return f"{event.agent} asks {event.model}"
        if isinstance(event, events.ToolCalled):
            return f"{event.agent} runs {event.name}"
        if isinstance(event, events.CodeStarted):
            return f"{event.agent} runs {', '.join(dict.fromkeys(language or 'code' for language, *_ in event.blocks))}"
        return ""

    def format_streamed_head(self, agent: str) -> Line:
        """Return the line above a reply that begins to arrive."""
        chat = self.observer.get_chat(events.get_current_chat())
        head = Text.assemble((f"{self.symbols['says']} ", self._colour(agent)), self._mark(chat), self._name(agent, "bold "))
        return Line(chat.depth * _NESTED, head)

    def format_reply(self, text: str, indent: int = 0) -> Line:
        """Return the text of a model, or a block of it."""
        clean = self._cut(self.clean(text).rstrip())
        return Line(indent + _INSIDE, MarkdownText(clean) if self._markdown else Text(clean))

    def _format(self, event: events.Event, chat: Conversation, streamed: str | None) -> Iterator[Line]:
        match event:
            case events.ChatStarted():
                yield from self._format_start(event, chat)
            case events.ChatEnded(error=None):
                parts = [event.stop_reason or "ended", _count(event.messages, "message"), _format_seconds(event.seconds)]
                yield self._rule(chat, Text(self.join(parts), "dim"))
            case events.ChatEnded(error=error) if error and error.startswith("KeyboardInterrupt"):
                yield self._rule(chat, Text(f"interrupted after {_format_seconds(event.seconds)}", "yellow"))
            case events.ChatEnded():
                error = f"failed after {_format_seconds(event.seconds)}: {self.clean(event.error or '')}"
                yield self._rule(chat, Text(error, "red"))
            case events.ChatWaiting():
                yield self._rule(chat, Text(f"waits for {self.clean(', '.join(event.reasons)) or 'an answer'}", "yellow"))
            case events.MessageSent():
                yield from self._format_message(event, chat, streamed)
            case events.SpeakerSelected():
                why = "  " + self.clean(event.why).removeprefix(f"{self.clean(event.speaker)}: ")
                yield Line(
                    0,
                    Text.assemble(
                        (f"{self.symbols['next']} ", "dim"), self._mark(chat), self._name(event.speaker), (why, "dim")
                    ),
                )
            case events.ModelAnswered():
                self._responses.setdefault(chat, {})[event.agent] = event
            case events.ModelFailed():
                error = f"{event.agent}: {event.error}" if event.agent else event.error
                mark, then = (f"{self.symbols['bad']} ", "red"), (f"  then: {self.clean(event.then)}", "yellow")
                yield Line(_INSIDE, Text.assemble(mark, self._mark(chat), (self.clean(error), "red"), then))
            case events.SteppedDown():
                text = f"the budget has too little left for {event.model}: {event.to} is asked"
                yield Line(_INSIDE, Text.assemble((f"{self.symbols['next']} ", "dim"), (self.clean(text), "yellow")))
            case events.ToolReturned():
                yield self._format_result(chat, event.success, event.name, self._shorten(event.content), event.seconds)
            case events.CodeEnded():
                yield self._format_result(chat, event.exit_code == 0, "code", f"exit code {event.exit_code}", event.seconds)

    def _format_start(self, event: events.ChatStarted, chat: Conversation) -> Iterator[Line]:
        if chat.depth == 0:
            self._are_chats_concurrent |= sum(isinstance(other, Conversation) for other in self.observer.root.inner) > 1
            if chat.number > 1:
                yield Line(0, Text())
        yield self._rule(chat, self._names(event.initiator, event.recipient))

    def _format_message(self, event: events.MessageSent, chat: Conversation, streamed: str | None) -> Iterator[Line]:
        response = self._responses.get(chat, {}).pop(event.sender, None)
        message = event.message if isinstance(event.message, Mapping) else {"content": event.message}
        if message.get("tool_responses") or message.get("role") in ("tool", "function"):
            # The results were shown when the tools returned.
            return
        text = get_text(message.get("content"))
        if streamed is not None and response is not None and streamed.strip() == text.strip():
            yield Line(_INSIDE, Text(self._format_usage(response), "dim"))
        else:
            head = Text.assemble((f"{self.symbols['says']} ", self._colour(event.sender)), self._mark(chat))
            head.append(self._names(event.sender, event.recipient))
            if response is not None:
                head.append("  " + self._format_usage(response), "dim")
            yield Line(0, head)
            if thinking := get_thinking(message):
                yield Line(_INSIDE, Text(self._cut(self.clean(thinking)), "dim"))
            if text:
                is_reply = response is not None
                yield self.format_reply(text) if is_reply else Line(_INSIDE, Text(self._cut(self.clean(text).rstrip())))
        for name, arguments in get_calls(message):
            yield Line(_INSIDE, Text.assemble(("calls ", "dim"), self._format_call(name, arguments)))

    def _format_usage(self, response: events.ModelAnswered) -> str:
        parts = [self.clean(response.model), f"{response.prompt_tokens:,} + {response.completion_tokens:,} tokens"]
        if response.cached:
            parts.append("from the cache")
        elif not response.price_known:
            parts.append("price unknown")
        elif response.cost:
            parts.append(f"{response.cost:.4f} USD")
        return self.join([*parts, _format_seconds(response.seconds)])

    def _format_result(self, chat: Conversation, success: bool, name: str, text: str, seconds: float) -> Line:
        mark, style = (self.symbols["good"], "green") if success else (self.symbols["bad"], "red")
        title = (self.clean(name) or "no name", "bold")
        result = Text.assemble((f" {self.symbols['to']} ", "dim"), (text, "" if success else "red"))
        duration = (f"  {_format_seconds(seconds)}", "dim")
        return Line(_INSIDE, Text.assemble((f"{mark} ", style), self._mark(chat), title, result, duration))

    def _rule(self, chat: Conversation, text: Text) -> Line:
        rule = self.symbols["rule"]
        return Line(0, Text.assemble((f"{rule} ", "dim"), self._mark(chat), text, (f" {rule}", "dim")))

    def _mark(self, chat: Conversation) -> Text:
        """Return the number of a chat, if there are concurrent ones."""
        return Text(f"#{chat.number} ", "dim") if self._are_chats_concurrent and chat.number else Text()

    def _names(self, speaker: str, listener: str) -> Text:
        return Text.assemble(self._name(speaker, "bold "), (f" {self.symbols['to']} ", "dim"), self._name(listener))

    def _name(self, agent: str, style: str = "") -> tuple[str, str]:
        return self.clean(agent), style + self._colour(agent)

    def _colour(self, agent: str) -> str:
        return self._colours.setdefault(agent, COLOURS[len(self._colours) % len(COLOURS)])

    def _format_call(self, name: str, arguments: str) -> str:
        try:
            values = json.loads(arguments)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            pairs = redact(values).items()
            arguments = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in pairs)
        return f"{self._shorten(name or 'no name')}({self._shorten(arguments)})"

    def join(self, parts: Iterable[str]) -> str:
        """Join parts of a line."""
        return f" {self.symbols['dot']} ".join(parts)

    def _shorten(self, text: str) -> str:
        text = " ".join(self.clean(text).split())
        return text if len(text) <= _LONGEST else text[:_LONGEST] + self.symbols["more"]

    def _cut(self, text: str) -> str:
        lines = text.split("\n")
        if self._lines is None or len(lines) <= self._lines:
            return text
        rest = f"{self.symbols['more']} {_count(len(lines) - self._lines, 'more line')}"
        return "\n".join([*lines[: self._lines], rest])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _format_seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
