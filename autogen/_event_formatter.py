"""Events as lines for people: who speaks, what it cost, what failed.

Whatever comes from a model or a tool is shown as it is written: nothing in it is markup, and what would move the cursor or
recolour the terminal stands there as its code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.text import Text

from . import events
from ._secrets import redact
from .code_utils import content_str
from .coding.approval import visible

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta", "bright_green")
SYMBOLS = {"says": "●", "to": "→", "good": "✓", "bad": "✗", "next": "↳", "rule": "──", "dot": "·", "more": "…"}
ASCII = {"says": "*", "to": "->", "good": "+", "bad": "x", "next": ">", "rule": "--", "dot": "-", "more": "..."}

_SPACES = {0xA0: " ", 0x2007: " ", 0x202F: " ", 0x3000: " "}
_NESTED, _INSIDE = 4, 2  # columns: of a chat inside a chat, of what stands under a name
_SHORT = 200  # characters of what a tool was given or gave


class Line(NamedTuple):
    """A line, or a paragraph, and how far it is moved to the right."""

    indent: int
    text: Text


@dataclass
class Totals:
    """The sums of what was seen."""

    chats: int = 0
    messages: int = 0
    requests: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    unpriced: int = 0
    calls: int = 0
    calls_failed: int = 0
    failures: int = 0
    began: float = 0.0

    def brief(self) -> Iterator[str]:
        """What fits beside something else."""
        yield _counted(self.messages, "message")
        if self.requests:
            yield f"{self.tokens_in:,} + {self.tokens_out:,} tokens"
            yield f"{self.cost:.4f} USD"
        yield _seconds(time.monotonic() - self.began)

    def parts(self) -> Iterator[str]:
        """All that is worth telling."""
        yield _counted(self.chats, "chat")
        messages, *of_models, seconds = self.brief()
        yield messages
        if of_models:
            yield _counted(self.requests, "answer") + (f" ({self.cached} from the cache)" if self.cached else "")
            tokens, cost = of_models
            yield tokens
            yield cost + (f" ({self.unpriced} without a known price)" if self.unpriced else "")
        if self.calls:
            yield _counted(self.calls, "call") + (f" ({self.calls_failed} failed)" if self.calls_failed else "")
        if self.failures:
            yield _counted(self.failures, "failed request")
        yield seconds


@dataclass
class _Chat:
    number: int
    depth: int


class EventFormatter:
    """Makes lines of events, and keeps count.

    Args:
        encoding: What the lines must fit into.
        lines: How many lines of a message are shown; None for all.
    """

    def __init__(self, encoding: str = "utf-8", lines: int | None = None) -> None:
        self.totals = Totals(began=time.monotonic())
        self.going_on: dict[tuple[str, str, str], tuple[str, float]] = {}
        """What is waited for: the chat, the agent and the matter; as people read it, and since when."""
        self.symbols = SYMBOLS if encoding.lower().replace("-", "").startswith("utf") else ASCII
        self._encoding = encoding
        self._lines = lines
        self._chats: dict[str, _Chat] = {}
        self._colours: dict[str, str] = {}
        self._answers: dict[tuple[str, str], events.ModelAnswered] = {}
        self._mixed = False  # whether chats went on side by side
        self.handlers: dict[type[events.Event], Callable[[Any], Iterator[Line]]] = {
            events.ChatStarted: self._chat_started,
            events.ChatEnded: self._chat_ended,
            events.MessageSent: self._message_sent,
            events.ModelAsked: self._model_asked,
            events.ModelAnswered: self._model_answered,
            events.ModelFailed: self._model_failed,
            events.ToolCalled: self._tool_called,
            events.ToolReturned: self._tool_returned,
            events.CodeStarted: self._code_started,
            events.CodeEnded: self._code_ended,
            events.SpeakerSelected: self._speaker_selected,
            events.HumanAsked: self._nothing,
            events.HumanAnswered: self._nothing,
        }

    def lines(self, event: events.Event) -> list[Line]:
        """What is to be shown of an event."""
        own = list(self.handlers[type(event)](event))
        chat = self._chats.get(event.chat)
        if type(event) is events.ChatEnded:
            self._forget(event.chat)
        left = chat.depth * _NESTED if chat else 0
        return [Line(left + indent, text) for indent, text in own]

    def _forget(self, chat: str) -> None:
        self._chats.pop(chat, None)
        for key in [key for key in self.going_on if key[0] == chat]:
            del self.going_on[key]
        for asked in [key for key in self._answers if key[0] == chat]:
            del self._answers[asked]

    # Chats and messages.

    def _chat_started(self, event: events.ChatStarted) -> Iterator[Line]:
        parent = self._chats.get(event.parent)
        self.totals.chats += 1
        if any(one.depth == 0 for one in self._chats.values()) and parent is None:
            self._mixed = True
        self._chats[event.chat] = _Chat(self.totals.chats, parent.depth + 1 if parent else 0)
        if self.totals.chats > 1 and parent is None:
            yield Line(0, Text())
        yield self._rule(event, self._names(event.initiator, event.recipient))

    def _chat_ended(self, event: events.ChatEnded) -> Iterator[Line]:
        if event.error is not None:
            yield self._rule(event, Text(f"failed after {_seconds(event.seconds)}: {self.clean(event.error)}", "red"))
            return
        told = [event.stop_reason or "ended", _counted(event.messages, "message"), _seconds(event.seconds)]
        yield self._rule(event, Text(f" {self.symbols['dot']} ".join(told), "dim"))

    def _rule(self, event: events.Event, text: Text) -> Line:
        rule, mark = self.symbols["rule"], self._mark(event.chat)
        return Line(0, Text.assemble((f"{rule} ", "dim"), mark, text, (f" {rule}", "dim")))

    def _message_sent(self, event: events.MessageSent) -> Iterator[Line]:
        self.totals.messages += 1
        answer = self._answers.pop((event.chat, event.sender), None)
        message = event.message if isinstance(event.message, Mapping) else {"content": event.message}
        if message.get("tool_responses") or message.get("role") in ("tool", "function"):
            return  # the results were shown as they came
        head = Text.assemble((f"{self.symbols['says']} ", self._colour(event.sender)), self._mark(event.chat))
        head.append(self._names(event.sender, event.recipient))
        if answer is not None:
            head.append("  " + self._price(answer), "dim")
        yield Line(0, head)
        if (body := self._body(message.get("content"))) is not None:
            yield Line(_INSIDE, body)
        for call in (*(message.get("tool_calls") or ()), message.get("function_call")):
            if call:
                function = call.get("function") or call
                asked = self._call(function.get("name"), function.get("arguments"))
                yield Line(_INSIDE, Text.assemble(("calls ", "dim"), asked))

    def _body(self, content: Any) -> Text | None:
        if content is None or content == "":
            return None
        parts = content if isinstance(content, (str, list)) else str(content)
        try:
            text = content_str(parts)
        except (TypeError, ValueError, AssertionError):  # of a form that is not known
            text = str(parts)
        kept = self.clean(text).rstrip().split("\n")
        if self._lines is not None and len(kept) > self._lines:
            kept = [*kept[: self._lines], f"{self.symbols['more']} {_counted(len(kept) - self._lines, 'more line')}"]
        return Text("\n".join(kept))

    def _price(self, answer: events.ModelAnswered) -> str:
        told = [self.clean(answer.model), f"{answer.prompt_tokens:,} + {answer.completion_tokens:,} tokens"]
        if answer.cached:
            told.append("from the cache")
        elif not answer.price_known:
            told.append("price unknown")
        elif answer.cost:
            told.append(f"{answer.cost:.4f} USD")
        return f" {self.symbols['dot']} ".join([*told, _seconds(answer.seconds)])

    # Requests to models.

    def _model_asked(self, event: events.ModelAsked) -> Iterator[Line]:
        self._begin(event, "model", event.agent, f"{event.agent} asks {event.model}")
        return self._nothing(event)

    def _model_answered(self, event: events.ModelAnswered) -> Iterator[Line]:
        self._end(event, "model", event.agent)
        totals = self.totals
        totals.requests += 1
        totals.cached += event.cached
        totals.tokens_in += event.prompt_tokens
        totals.tokens_out += event.completion_tokens
        if not event.cached:
            totals.cost += event.cost
            totals.unpriced += not event.price_known
        self._answers[event.chat, event.agent] = event
        return self._nothing(event)

    def _model_failed(self, event: events.ModelFailed) -> Iterator[Line]:
        self._end(event, "model", event.agent)
        self.totals.failures += 1
        text = f"{event.agent}: {event.error}" if event.agent else event.error
        mark, then = (f"{self.symbols['bad']} ", "red"), (f"  then: {self.clean(event.then)}", "yellow")
        yield Line(_INSIDE, Text.assemble(mark, self._mark(event.chat), (self.clean(text), "red"), then))

    # Tools, code and turns.

    def _tool_called(self, event: events.ToolCalled) -> Iterator[Line]:
        self._begin(event, "tool", f"{event.agent} {event.name}", f"{event.agent} runs {event.name}")
        return self._nothing(event)

    def _tool_returned(self, event: events.ToolReturned) -> Iterator[Line]:
        self._end(event, "tool", f"{event.agent} {event.name}")
        self.totals.calls += 1
        self.totals.calls_failed += not event.success
        yield self._outcome(event, event.success, event.name, self._short(event.content), event.seconds)

    def _code_started(self, event: events.CodeStarted) -> Iterator[Line]:
        languages = ", ".join(dict.fromkeys(block[0] or "code" for block in event.blocks))
        self._begin(event, "code", event.agent, f"{event.agent} runs {languages}")
        return self._nothing(event)

    def _code_ended(self, event: events.CodeEnded) -> Iterator[Line]:
        self._end(event, "code", event.agent)
        self.totals.calls += 1
        self.totals.calls_failed += event.exit_code != 0
        yield self._outcome(event, event.exit_code == 0, "code", f"exit code {event.exit_code}", event.seconds)

    def _outcome(self, event: events.Event, success: bool, name: str, text: str, seconds: float) -> Line:
        mark, style = (self.symbols["good"], "green") if success else (self.symbols["bad"], "red")
        shown = Text.assemble(
            (f"{mark} ", style),
            self._mark(event.chat),
            (self.clean(name) or "no name", "bold"),
            (f" {self.symbols['to']} ", "dim"),
            (text, "" if success else "red"),
            (f"  {_seconds(seconds)}", "dim"),
        )
        return Line(_INSIDE, shown)

    def _speaker_selected(self, event: events.SpeakerSelected) -> Iterator[Line]:
        why = "  " + self.clean(event.why).removeprefix(f"{self.clean(event.speaker)}: ")
        name = (self.clean(event.speaker), self._colour(event.speaker))
        yield Line(0, Text.assemble((f"{self.symbols['next']} ", "dim"), self._mark(event.chat), name, (why, "dim")))

    def _nothing(self, event: events.Event) -> Iterator[Line]:
        return iter(())

    # Small things.

    def _begin(self, event: events.Event, kind: str, who: str, text: str) -> None:
        self.going_on[event.chat, kind, who] = (self.clean(text).replace("\n", " "), time.monotonic())

    def _end(self, event: events.Event, kind: str, who: str) -> None:
        self.going_on.pop((event.chat, kind, who), None)

    def _mark(self, chat: str) -> Text:
        """Tells chats apart that go on side by side."""
        one = self._chats.get(chat)
        return Text(f"#{one.number} ", "dim") if self._mixed and one is not None else Text()

    def _names(self, speaker: str, listener: str) -> Text:
        arrow = (f" {self.symbols['to']} ", "dim")
        named = [(self.clean(name), self._colour(name)) for name in (speaker, listener)]
        return Text.assemble((named[0][0], f"bold {named[0][1]}"), arrow, named[1])

    def _colour(self, agent: str) -> str:
        return self._colours.setdefault(agent, COLOURS[len(self._colours) % len(COLOURS)])

    def _call(self, name: Any, arguments: Any) -> str:
        try:
            given = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError:
            given = arguments
        if isinstance(given, Mapping):
            given = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in redact(given).items())
        return f"{self._short(name or 'no name')}({self._short(given or '')})"

    def _short(self, value: Any) -> str:
        text = " ".join(self.clean(str(value)).split())
        return text if len(text) <= _SHORT else text[:_SHORT] + self.symbols["more"]

    def clean(self, text: str) -> str:
        """A text that can do a terminal no harm, and that its encoding can carry, without secrets."""
        text = str(redact(str(text)))
        if not text.isprintable():
            text = "\u200d".join(visible(part) for part in text.translate(_SPACES).split("\u200d"))  # emoji are joined by it
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
