"""Guardrails as they are registered: what is checked, by which check, and the consequence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from ..._mistakes import suggest
from ..._steps import Steps, get_callable_name, invoke, sync_and_async

STAGES = {
    "input": ("replace", "ask", "end", "raise"),
    "output": ("replace", "ask", "retry", "end", "raise"),
    "tool": ("replace", "ask", "end", "raise"),
    "tool_result": ("replace", "ask", "end", "raise"),
    "code": ("replace", "ask", "end", "raise"),
    "final": ("replace", "ask", "raise"),
}
"""The stages of a chat at which guardrails check, and the consequences that each allows."""

ON_ERROR = ("trip", "pass")


class GuardrailStop(BaseException):
    """Raised inside a chat that a guardrail ends. No `Exception`, so that tools and reply functions don't swallow it.

    Attributes:
        guardrail: Name of the guardrail.
        why: Its reason; empty if the last message has it.
    """

    def __init__(self, guardrail: str, why: str = "") -> None:
        self.guardrail, self.why = guardrail, why
        super().__init__(f"{guardrail}: {why}" if why else guardrail)


class Tripped(NamedTuple):
    """Result of a check that objects.

    Attributes:
        why: The reason, in a few words. It is shown to agents: a text that must not spread does not belong here.
        replacement: Value that takes the checked value's position: a text, or a dict of arguments for a tool call. None
            blocks the value.
    """

    why: str
    replacement: Any = None


@dataclass(frozen=True)
class GuardedCall:
    """A tool call, as a check sees it before the call is made.

    Attributes:
        agent: Name of the agent that executes it.
        name: Name of the function.
        arguments: Its arguments. A copy: changes have no effect, a check returns `Tripped(..., replacement=arguments)`.
        history: For an approval, the conversation that led to the call, with the message that has it at the end.
        chat: For an approval, the id of the chat, as in its events.
    """

    agent: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    # No part of the call: verdicts are kept by the call.
    history: tuple[dict[str, Any], ...] = field(default=(), repr=False, compare=False)
    chat: str = field(default="", repr=False, compare=False)

    @property
    def message(self) -> dict[str, Any]:
        """The message that has the call; an empty dict if it is not known."""
        return self.history[-1] if self.history else {}

    @property
    def labels(self) -> dict[str, list[str]]:
        """The sources in view when the call was written, by label: `untrusted`, `private`."""
        labels = self.message.get("labels")
        return dict(labels) if isinstance(labels, dict) else {}

    @property
    def text(self) -> str:
        """The arguments as JSON: the text that patterns and detectors search."""
        return json.dumps(self.arguments, ensure_ascii=False, default=str)


Subject: TypeAlias = Any
"""The checked value: a text, a `GuardedCall`, or a list of messages."""


@dataclass(frozen=True, eq=False)
class Guard:
    """A registered guardrail.

    Attributes:
        name: Name in events and notices.
        on: A stage of STAGES.
        then: Consequence if it trips.
        on_error: `trip` or `pass`: the consequence of a check that raises an exception.
        evaluate: Runs the check on a subject.
        source: The check, as the program gave it.
        is_pure: True if the check has the same result each time, so that a checkpoint need not keep it.
        beside: True to run beside the request to the model.
        stream: Handling of a reply that arrives as a stream: `hold`, `through`, or a number of characters to hold back.
        sees_messages: True if the check gets whole messages instead of their texts.
        target: Target of a hand-off that follows, in AG2's form; None for none.
    """

    name: str
    on: str
    then: str
    on_error: str
    evaluate: Callable[[Subject], Steps[object]]
    source: Any
    is_pure: bool = False
    sees_messages: bool = False
    target: Any = None
    beside: bool = False
    stream: str | int = "hold"


def make_guard(
    check: Any,
    *,
    on: str,
    then: str = "replace",
    name: str | None = None,
    on_error: str = "trip",
    beside: bool = False,
    stream: str | int = "hold",
) -> Guard:
    """Make a guardrail.

    Args:
        check: A function, a compiled pattern, a detector, or a guardrail in AG2's form.
        on: Stage.
        then: Consequence.
        name: Name; that of the check if None.
        on_error: `trip` or `pass`.
        beside: True to run beside the request to the model.
        stream: `hold`, `through`, or a number of characters.

    Raises:
        TypeError: if `check` is of another type.
        ValueError: if another argument has an unknown value.
    """
    if on not in STAGES:
        raise ValueError(f"on must be one of {', '.join(map(repr, STAGES))}, got {on!r}.{suggest(str(on), STAGES)}")
    if then not in STAGES[on]:
        allowed = ", ".join(map(repr, STAGES[on]))
        raise ValueError(f"then must be one of {allowed} for {on!r}, got {then!r}.{suggest(str(then), STAGES[on])}")
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error must be 'trip' or 'pass', got {on_error!r}.")
    if beside and on != "input":
        raise ValueError(f"beside=True is for 'input' alone: nothing else comes before a request, got {on!r}.")
    guard = _make_plain_guard(check, on, then, name, on_error, blocks=beside)
    _check_stream(guard, stream)
    return replace(guard, beside=beside, stream=stream)


def _check_stream(guard: Guard, stream: str | int) -> None:
    is_window = isinstance(stream, int) and not isinstance(stream, bool) and stream > 0
    if stream not in ("hold", "through") and not is_window:
        raise ValueError(f"stream must be 'hold', 'through' or a positive number of characters, got {stream!r}.")
    if stream != "hold" and guard.on != "output":
        raise ValueError(f"stream is for 'output' alone, got {guard.on!r}.")
    if is_window and (not guard.is_pure or guard.sees_messages):
        raise ValueError(f"stream={stream} needs a pattern or a detector, got {guard.source!r}.")


def _make_plain_guard(check: Any, on: str, then: str, name: str | None, on_error: str, blocks: bool) -> Guard:
    if isinstance(check, re.Pattern):
        pattern = check.pattern
        label = name or f"pattern {pattern!r:.40}"
        return Guard(label, on, then, on_error, partial(invoke, partial(_search, check), None), check, is_pure=True)
    if callable(getattr(check, "check", None)):
        label = name or getattr(check, "name", None) or type(check).__name__
        steps = getattr(check, "_check_step", None) or partial(invoke, *sync_and_async(check.check, blocks=blocks))
        target = getattr(check, "target", None)
        return Guard(label, on, then, on_error, steps, check, True, sees_messages=True, target=target)
    if not callable(check):
        hint = " Compile a text with re.compile to search for it." if isinstance(check, str) else ""
        raise TypeError(f"A guardrail's check must be a function, a compiled pattern or a guardrail, got {check!r}.{hint}")
    label = name or get_callable_name(check)
    steps = partial(invoke, *sync_and_async(check, blocks=blocks))
    return Guard(label, on, then, on_error, steps, check, is_pure=getattr(check, "is_pure", False))


def _search(pattern: re.Pattern[str], subject: Subject) -> Tripped | None:
    text = subject.text if isinstance(subject, GuardedCall) else subject
    return Tripped("the text matches its pattern") if pattern.search(text) else None
