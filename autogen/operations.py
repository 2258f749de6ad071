"""Operations: everything that leaves the framework, in one form.

A request to a model, a tool call, a code run, a question to a human, a reply function of the program: each is an
`Operation`, made by `perform`. Its events carry its id; `ChatControl` can stop the chat before it; the journal of a
checkpoint keeps its result; the runtime log has it.

An extension performs its own operations in the same way:

>>> register_kind("page", "A page was opened.")
>>> fetch = Operation(kind="page", key=lambda: url, run=lambda: invoke(get, a_get, url))  # doctest: +SKIP
>>> text = run_sync(perform(fetch))  # doctest: +SKIP
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from . import events, runtime_logging
from ._journal import (
    FINISHED,
    Journal,
    JournalError,
    JournalStore,
    Position,
    SQLiteStore,
    Step,
    fingerprint,
    get_journal,
    run_recorded,
)
from ._steps import Steps, hide_from_tracebacks
from .control import get_control, yield_point
from .events._event import current_operation_id, parent_operation_id

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

__all__ = [
    "KINDS",
    "UNKNOWN_OUTCOME",
    "Journal",
    "JournalError",
    "JournalStore",
    "Operation",
    "OperationKind",
    "Position",
    "SQLiteStore",
    "Step",
    "fingerprint",
    "get_journal",
    "perform",
    "register_kind",
    "replay_safe",
    "resolve_unfinished",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

UNKNOWN_OUTCOME = "It was under way when the process ended, and it is not known whether it took effect."


@dataclass(frozen=True)
class OperationKind:
    """A kind of operation, as the journal and `autogen inspect` know it.

    Attributes:
        name: Name in the journal.
        description: Sentence that says what was under way, such as "This code was started."
        has_events: False if no event announces it; events within it belong to the operation around it.
    """

    name: str
    description: str = ""
    has_events: bool = True


KINDS: dict[str, OperationKind] = {
    kind.name: kind
    for kind in (
        OperationKind("approval", "An approval was requested."),
        OperationKind("background", "A model's vendor was asked to work in the background.", has_events=False),
        OperationKind("builtin_reply", "A built-in reply function was called."),
        OperationKind("code", "This code was started."),
        OperationKind("draw", "The target of a hand-off was drawn.", has_events=False),
        OperationKind("guardrail", "A guardrail was checking.", has_events=False),
        OperationKind("human", "A human was asked."),
        OperationKind("memory", "Memories were recalled and learned.", has_events=False),
        OperationKind("model", "A model was requested."),
        OperationKind("opening", "The first message was made.", has_events=False),
        OperationKind("pick", "A speaker was picked by chance or by a human.", has_events=False),
        OperationKind("remote", "A remote agent was asked.", has_events=False),
        OperationKind("reply", "A reply function was called."),
        OperationKind("speaker", "A speaker was selected.", has_events=False),
        OperationKind("tool", "A tool was called."),
    )
}
"""The kinds of the core and of registered extensions, by name."""


def register_kind(name: str, description: str = "") -> OperationKind:
    """Register a kind of operation of an extension. Registering it again replaces it.

    Args:
        name: Name in the journal: an identifier.
        description: Sentence that says what was under way.

    Raises:
        ValueError: The name is not an identifier.
    """
    if not name.isidentifier():
        raise ValueError(f"The name of a kind of operation must be an identifier, got {name!r}.")
    KINDS[name] = OperationKind(name, description)
    return KINDS[name]


def _encode_as_is(value: Any) -> Any:
    return value


@dataclass(slots=True, kw_only=True)
class Operation(Generic[T]):
    """Something that leaves the framework.

    Attributes:
        kind: Name of a registered kind.
        key: Returns a text that tells it from other operations of its kind in the same chat or operation; called only if
            there is a journal.
        run: Makes the step that does it.
        started: Makes the event that announces it.
        finished: Makes the event for its result, given the result and the duration in seconds.
        log: Writes the result to the runtime log; called only if that is on.
        encode: Converts the result to JSON, for the journal.
        decode: Converts JSON to the result.
        on_unfinished: Returns the result if the operation was under way when an earlier process ended; None to run it
            again. See `resolve_unfinished`.
        holds_chats: True if it may hold chats: it runs again in a replay, so that agents rebuild their histories.
        is_journaled: False if a replay always runs it again.
        is_silent_in_replay: True if it has no events when its result comes from the journal.
    """

    kind: str
    key: Callable[[], str]
    run: Callable[[], Steps[T]]
    started: Callable[[], events.Event] | None = None
    finished: Callable[[T, float], events.Event] | None = None
    log: Callable[[T], None] | None = None
    encode: Callable[[T], Any] = _encode_as_is
    decode: Callable[[Any], T] = _encode_as_is
    on_unfinished: Callable[[Journal], Steps[T | None]] | None = None
    holds_chats: bool = False
    is_journaled: bool = True
    is_silent_in_replay: bool = False


@hide_from_tracebacks
def perform(operation: Operation[T]) -> Steps[T]:
    """Perform an operation: emit its events, respect `ChatControl`, and use the journal and the runtime log.

    Raises:
        ValueError: Its kind is not registered.
    """
    kind = KINDS.get(operation.kind)
    if kind is None:
        raise ValueError(f"Unknown kind of operation: {operation.kind!r}. Call autogen.operations.register_kind first.")
    # A journal listens to events, so without listeners there is no journal either.
    if not events.has_listeners:
        result = yield from operation.run()
    elif (journal := get_journal()) is not None:
        result = yield from _perform_recorded(operation, journal)
    elif kind.has_events:
        # As `events.enter_operation` does it, without an object: this runs several times for each message.
        outer_parent = parent_operation_id.set(current_operation_id.get())
        outer = current_operation_id.set(make_id())
        try:
            result = yield from _run_with_events(operation, operation.run)
        finally:
            current_operation_id.reset(outer)
            parent_operation_id.reset(outer_parent)
    else:
        result = yield from _run_with_events(operation, operation.run)
    if operation.log is not None and runtime_logging.is_logging:
        operation.log(result)
    return result


@hide_from_tracebacks
def _perform_recorded(operation: Operation[T], journal: Journal) -> Steps[T]:
    position = journal.next_position(operation.kind, operation.key())
    has_events = KINDS[operation.kind].has_events
    with events.enter_operation(str(position)) if has_events else nullcontext():
        if not operation.is_journaled:
            return (yield from _run_with_events(operation, operation.run))
        step = journal.get(position)
        if step is not None and step.state == FINISHED:
            journal.mark_replayed(position)
        record = partial(
            run_recorded,
            journal,
            position,
            step=step,
            encode=operation.encode,
            decode=operation.decode,
            on_unfinished=operation.on_unfinished,
            holds_chats=operation.holds_chats,
        )
        if operation.is_silent_in_replay:
            return (yield from record(partial(_run_with_events, operation, operation.run)))
        return (yield from _run_with_events(operation, partial(record, operation.run)))


@hide_from_tracebacks
def _run_with_events(operation: Operation[T], run: Callable[[], Steps[T]]) -> Steps[T]:
    if operation.started is not None:
        events.emit(operation.started())
        # A listener may have stopped or paused the chat.
        if get_control() is not None:
            yield from yield_point()
    started_at = time.monotonic()
    result = yield from run()
    if operation.finished is not None:
        events.emit(operation.finished(result, time.monotonic() - started_at))
    return result


_prefix, _counter = "", itertools.count()


def make_id() -> str:
    """Return an id that no other operation has, in this process and its forks."""
    return f"{_prefix}{next(_counter)}"


def _start_ids() -> None:
    """Give this process a prefix of its own, as a fork would go on with the numbers of its parent."""
    global _prefix
    _prefix = f"{os.getpid():x}-{os.urandom(6).hex()}-"


_start_ids()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_ids)


def resolve_unfinished(journal: Journal, description: str, ask_human: Callable[[str], Steps[str]]) -> Steps[str | None]:
    """Decide about an operation that was under way when the process ended, as the chat's `on_unfinished` says.

    Args:
        journal: The journal of the chat.
        description: Sentence that says what was under way.
        ask_human: Asks the human for a text.

    Returns:
        The text that stands for the result; None to run the operation again.
    """
    if journal.on_unfinished == "rerun":
        return None
    if journal.on_unfinished == "report":
        return UNKNOWN_OUTCOME
    answer = yield from ask_human(f"{description} {UNKNOWN_OUTCOME} Its result? (Enter: run it again) ")
    return answer or None


def replay_safe(function: F) -> F:
    """Mark a reply function as replay-safe: a resumed chat calls it again, and its inner operations are replayed."""
    function._is_replay_safe = True  # type: ignore[attr-defined]
    return function


def is_replay_safe(function: object) -> bool:
    """Return True if a function is marked by `replay_safe`."""
    return getattr(function, "_is_replay_safe", False) is True
