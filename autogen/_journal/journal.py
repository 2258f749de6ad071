"""`Journal`: replays the finished steps of a chat, and records new ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from .. import events
from .._images.pictures import is_picture, make_picture_uri
from .._secrets import redact_distinctly
from .._steps import Steps
from .._threads import reset_variable
from ..control import ChatWaiting
from .questions import Answer, AnswerStore, Pending, QuestionStore, make_digest, make_question_id
from .sqlite_store import SQLiteStore
from .store import ASKED, FINISHED, STARTED, JournalError, JournalStore, Position, Step

T = TypeVar("T")

Unfinished = Callable[["Journal"], Steps["T | None"]]

ON_UNFINISHED = ("report", "rerun", "ask")

# A replay brings these events again, in the same order within each chat.
MILESTONES = ("chat_started", "message_sent", "chat_ended")


class _StoredEvent(NamedTuple):
    """The part of a stored event by which a replay finds its way."""

    number: int
    type: str
    chat: str | None


class Journal:
    """The journal of a chat that is under way.

    A journal with a gap would be worse than none. So after the first write that failed, every further write raises
    `JournalError`: the chat ends, and its journal is complete up to that point.

    Args:
        store: Where it is kept: a `JournalStore`, or the path of a SQLite file.
        chat: Description of the chat, which tells it from others.
        on_unfinished: Handling of tools and code that were under way when the process ended: `report` (to the
            model), `rerun`, or `ask` (the human decides).

    Raises:
        JournalError: The storage can't be used; see `JournalStore.open`.
        TypeError: `store` is neither a store nor a path.
        ValueError: `on_unfinished` has an unknown value.
    """

    def __init__(
        self, store: JournalStore | str | os.PathLike[str], chat: Mapping[str, Any], on_unfinished: str = "report"
    ) -> None:
        if on_unfinished not in ON_UNFINISHED:
            raise ValueError(f"on_unfinished must be 'report', 'rerun' or 'ask', got {on_unfinished!r}.")
        if isinstance(store, (str, os.PathLike)):
            store = SQLiteStore(store)
        elif not isinstance(store, JournalStore):
            raise TypeError(f"checkpoint must be the path of a file or a JournalStore, got {store!r}.")
        self.store = store
        self.on_unfinished = on_unfinished
        self.is_live = False
        """False during a replay."""
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self._ordinals: Counter[tuple[str, str, str]] = Counter()
        # For each `chat_waiting` event: its chat and its operations.
        self._known_waits: set[tuple[str | None, tuple[str, ...]]] = set()
        self._replayed_operations: set[str] = set()
        self._has_deleted_events = False
        # The open questions of steps, by position, as they were first asked.
        self._open_questions: dict[str, Pending] = {}
        self.chat_id = self.store.open(chat)
        try:
            self._stored = list(self._read_index())
        except BaseException:
            self.store.close()
            raise
        self._stored_milestones = self._count_milestones()
        self._replayed_milestones: Counter[tuple[str, str | None]] = Counter()
        self._parent_chats: dict[str | None, str] = {}

    @property
    def name(self) -> str:
        """Name of the storage."""
        return self.store.name

    @property
    def is_replaying(self) -> bool:
        """True in a chat that was started before, until it comes to something new."""
        return not self.is_live and bool(self._stored)

    def _read_index(self) -> Iterator[_StoredEvent]:
        for number, event in self.store.read_events():
            kind, chat = str(event.get("type")), event.get("chat")
            if kind == "chat_waiting":
                self._known_waits.add(_describe_wait(event))
            if not isinstance(chat, (str, type(None))):
                raise JournalError(f"{self.name} is damaged: row {number} of its events is not an event.")
            # A chat that failed or was stopped continues when it is resumed, so this end is not a milestone.
            if kind == "chat_ended" and is_interruption(event):
                kind = "chat_interrupted"
            yield _StoredEvent(number, kind, chat)

    def _count_milestones(self) -> Counter[tuple[str, str | None]]:
        return Counter((event.type, event.chat) for event in self._stored if event.type in MILESTONES)

    def close(self) -> None:
        """Release the storage."""
        self.store.close()

    def next_position(self, kind: str, key: str) -> Position:
        """Return the position of the next step with this kind and key in the current scope."""
        scope = _scope.get()
        with self._lock:
            ordinal = self._ordinals[scope, kind, key]
            self._ordinals[scope, kind, key] += 1
        return Position(scope, kind, key, ordinal)

    def get(self, position: Position) -> Step | None:
        """Return a step; None if it was never started."""
        return self.store.get_step(position)

    @contextmanager
    def _write(self) -> Iterator[None]:
        """Stop all later writes if that of a `with` block fails.

        Raises:
            JournalError: It failed, or an earlier write did.
        """
        if self._failure is not None:
            raise JournalError(
                f"The chat can't continue, because its journal has failed: {self._failure}"
            ) from self._failure
        try:
            yield
        # JSON can't hold the value; the storage works.
        except TypeError:
            raise
        except Exception as error:
            self._failure = error
            if isinstance(error, JournalError):
                raise
            raise JournalError(f"{self.name} can't be written: {type(error).__name__}: {error}") from error

    def mark_started(self, position: Position) -> None:
        """Record that a step is started."""
        self.go_live()
        with self._write():
            self.store.start_step(position)

    def mark_finished(self, position: Position, value: Any) -> None:
        """Record the result of a step.

        Raises:
            TypeError: JSON can't hold the value.
        """
        self.is_live = True
        with self._write():
            self.store.finish_step(position, value)

    def mark_asked(self, position: Position, question: Pending) -> None:
        """Record that a step waits for the answer to a question."""
        store = self.require_questions()
        with self._write():
            store.ask_step(position, question.to_dict())

    def require_questions(self) -> QuestionStore:
        """Return the store, which must be able to hold open questions.

        Raises:
            JournalError: It is not.
        """
        if not isinstance(self.store, QuestionStore):
            raise JournalError(f"{self.name} can't hold open questions: it has no ask_step and read_answer.")
        return self.store

    def restore_question(self, position: Position, stored: Any) -> None:
        """Keep the question for which a step waits, as it was first asked."""
        self.go_live()
        self._open_questions[str(position)] = Pending.from_dict(stored)

    def make_question(self, now: float, **details: Any) -> Pending:
        """Make the question that the step in progress asks, or return it as it was first asked.

        Args:
            now: The time in seconds since 1970.
            **details: Fields of `Pending`; `expires_after` in seconds instead of `expires_at`.
        """
        shown = [details.get(key) for key in ("kind", "agent", "prompt", "tool", "arguments")]
        if details.get("approvers"):
            shown.append(details["approvers"])
        digest, after = make_digest(shown), details.pop("expires_after", None)
        first = self._open_questions.get(_scope.get())
        if first is not None and first.digest == digest:
            return first
        expires_at = None if after is None else now + after
        question_id = make_question_id(self.chat_id, _scope.get())
        return Pending(id=question_id, asked_at=now, digest=digest, expires_at=expires_at, **details)

    def ask(self, question: Pending) -> None:
        """Record that the step in progress waits for the answer to a question."""
        position = _position.get()
        if position is not None:
            self._open_questions[str(position)] = question
            self.mark_asked(position, question)

    def read_answer(self, question: Pending) -> Answer | None:
        """Return the answer that was given to a question while the chat did not run; None if there is none."""
        if not isinstance(self.store, QuestionStore):
            return None
        return self.store.read_answer(question.id, question.digest)

    @property
    def can_settle(self) -> bool:
        """True if a question can be answered here and elsewhere at the same time."""
        return isinstance(self.store, AnswerStore)

    def settle(self, question: Pending, answer: Answer | None) -> Answer:
        """Store the answer to a question unless it has one, and return the answer that counts.

        Args:
            question: The question.
            answer: The answer that was given here; None if somebody has answered elsewhere.

        Raises:
            JournalError: There is none, or the store can't settle it.
        """
        settled = self.read_answer(question)
        if settled is None and answer is not None and isinstance(self.store, AnswerStore):
            with self._write():
                settled = self.store.settle_answer(question.id, question.digest, answer)
        if settled is None:
            raise JournalError(f"{self.name} has lost the answer to the question {question.id}.")
        return settled

    def discard(self, position: Position) -> None:
        """Delete a step that came to nothing: it will be made again."""
        with self._write():
            self.store.discard_step(position)

    def has_steps_within(self, position: Position) -> bool:
        """Return True if steps were made within this one."""
        return self.store.has_steps_within(position)

    def go_live(self) -> None:
        """Switch from replay to live, and delete the recorded events that this run won't reach."""
        if self.is_live:
            return
        self.is_live = True
        chat: str | None = events.get_current_chat()
        while chat:
            self._delete_unreached(chat)
            chat = self._parent_chats.get(chat)

    def _delete_unreached(self, chat: str) -> None:
        """Delete the events after the last replayed message of a chat, if the recording has further messages."""
        starts, messages = (self._replayed_milestones[kind, chat] for kind in ("chat_started", "message_sent"))
        if messages >= self._stored_milestones["message_sent", chat]:
            return
        numbers = [item.number for item in self._stored if item.chat == chat and item.type in MILESTONES[:2]]
        last = numbers[starts + messages - 1]
        following = (
            index
            for index in range(bisect_left(self._stored, (last + 1,)), len(self._stored))
            if self._stored[index].type not in ("reply_started", "reply_ended")
        )
        first = next(following, None)
        if first is not None:
            with self._write():
                self.store.delete_events(self._stored[first].number)
            # Among them may be events of steps that come again.
            self._has_deleted_events = True
            del self._stored[first:]
            self._stored_milestones = self._count_milestones()

    def record_event(self, event: events.Event) -> None:
        """Store an event, unless it is a replayed event that is stored already."""
        # The whole response is recorded as the result of its operation.
        if isinstance(event, events.TokenReceived):
            return
        if isinstance(event, events.ChatStarted):
            self._parent_chats[event.chat] = event.parent
        if event.type in MILESTONES:
            milestone = event.type, event.chat
            self._replayed_milestones[milestone] += 1
            if self._replayed_milestones[milestone] <= self._stored_milestones[milestone]:
                return
            self.is_live = True
        if self.is_live and not self._is_repeated(event):
            with self._write():
                self.store.add_event(event.to_dict())

    def mark_replayed(self, position: Position) -> None:
        """Remember that the result of a step comes from the journal: its events were recorded with it."""
        self._replayed_operations.add(str(position))

    def _is_repeated(self, event: events.Event) -> bool:
        """Return True if the live part of a resumed chat repeats an event: other steps before it were unfinished."""
        if self._has_deleted_events:
            return False
        if isinstance(event, events.ChatWaiting):
            wait = event.chat, tuple(event.operations)
            is_known = wait in self._known_waits
            self._known_waits.add(wait)
            return is_known
        if event.starts and self._is_waiting(event.operation):
            return True
        return event.operation in self._replayed_operations

    def _is_waiting(self, operation: str) -> bool:
        """Return True if an operation was recorded as waiting, or one within it."""
        waiting = (position for _, operations in self._known_waits for position in operations)
        return any(position == operation or position.startswith(f"{operation}/") for position in waiting)


def is_interruption(ended: Mapping[str, Any]) -> bool:
    """Return True if a chat that ended in this way, as a `chat_ended` event has it, continues when it is resumed."""
    return ended.get("error") is not None or ended.get("stop_reason") == "stopped"


def _describe_wait(event: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    operations = event.get("operations")
    return event.get("chat"), tuple(map(str, operations if isinstance(operations, list) else ()))


_journal: ContextVar[Journal | None] = ContextVar("journal", default=None)
_scope: ContextVar[str] = ContextVar("scope in the journal", default="")
# The position that is the scope.
_position: ContextVar[Position | None] = ContextVar("position in the journal", default=None)


# A built-in method, because this runs for every chat and operation.
get_journal: Callable[[], Journal | None] = _journal.get
"""Return the journal of the current chat; None if it has none."""


@contextmanager
def open_journal(
    store: JournalStore | str | os.PathLike[str] | None, chat: Mapping[str, Any], on_unfinished: str
) -> Iterator[None]:
    """Give the chat of a `with` block a journal, if there is a store."""
    if store is None:
        yield
        return
    journal = Journal(store, chat, on_unfinished)
    token, outer_scope = _journal.set(journal), _scope.set("")
    try:
        with events.subscribe(journal.record_event, essential=True):
            yield
    finally:
        _scope.reset(outer_scope)
        reset_variable(_journal, token)
        journal.close()


@contextmanager
def step_scope(position: Position) -> Iterator[None]:
    """Make a position the scope of the steps of a `with` block."""
    token, position_token = _scope.set(str(position)), _position.set(position)
    try:
        yield
    finally:
        reset_variable(_position, position_token)
        reset_variable(_scope, token)


def scope_for(kind: str, key: str) -> contextlib.AbstractContextManager[None]:
    """Return a scope for steps within something that is not a step itself, such as a chat."""
    journal = _journal.get()
    return contextlib.nullcontext() if journal is None else step_scope(journal.next_position(kind, key))


def chat_id_for(*, is_outermost: bool) -> str | None:
    """Return the id of the chat that starts here, the same in every run; None without a journal."""
    journal = _journal.get()
    if journal is None:
        return None
    if is_outermost:
        return journal.chat_id
    return uuid.uuid5(uuid.NAMESPACE_OID, journal.chat_id + _scope.get()).hex


def run_recorded(
    journal: Journal,
    position: Position,
    run: Callable[[], Steps[T]],
    *,
    step: Step | None,
    encode: Callable[[T], Any],
    decode: Callable[[Any], T],
    on_unfinished: Unfinished[T] | None = None,
    holds_chats: bool = False,
) -> Steps[T]:
    """Run a step and record its result, or return the recorded result.

    Args:
        journal: The journal.
        position: Position of the step.
        run: The step.
        step: The stored step.
        encode: Converts the result to JSON.
        decode: Converts JSON to the result.
        on_unfinished: Returns the result of a step that was under way when the process ended; None to run it again.
        holds_chats: True if the step is run again in a replay when there are steps within it, so that agents rebuild the
            histories of its inner chats.
    """
    if step is not None and step.state == FINISHED:
        return _decode(journal, position, step, decode)
    result: T | None = None
    if step is not None and step.state == STARTED and on_unfinished is not None:
        result = yield from on_unfinished(journal)
    if result is None:
        # An open question stays as it was asked, also if the process dies now.
        if step is not None and step.state == ASKED:
            journal.restore_question(position, step.value)
        # While inner steps are replayed, the first new one of them starts the live part.
        elif not (holds_chats and journal.has_steps_within(position)):
            journal.mark_started(position)
        try:
            with step_scope(position):
                result = yield from run()
        except BaseException as error:
            question = None
            if isinstance(error, ChatWaiting) and not error.operations:
                error.operations.append(str(position))
                question = error.pending[0] if error.pending else None
            # A step that was interrupted (Ctrl-C, a stopped chat, a cancelled task) may have taken effect. It stays started
            # if it is a tool, code or a function of the program; otherwise, and after a failure, it runs again.
            if isinstance(error, (Exception, ChatWaiting)) or (on_unfinished is None and not holds_chats):
                # If that fails, this error is still the reason why the chat ends.
                with contextlib.suppress(JournalError):
                    if isinstance(question, Pending):
                        journal.mark_asked(position, question)
                    else:
                        journal.discard(position)
            raise
    if not (holds_chats and journal.has_steps_within(position)):
        journal.mark_finished(position, encode(result))
    return result


def _decode(journal: Journal, position: Position, step: Step, decode: Callable[[Any], T]) -> T:
    try:
        return decode(step.value)
    except JournalError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # The decoder of a response calls functions of the program, and reports damage itself.
        if position.kind == "model":
            raise
        raise JournalError(f"{journal.name} is damaged: the result of {position} can't be read ({error}).") from error


def _describe(value: Any) -> str:
    # The `repr` of a picture has its address in memory.
    return make_picture_uri(value) if is_picture(value) else repr(value)


def fingerprint(value: object, *, named_secrets: bool = False) -> str:
    """Return a short digest that tells values apart, also those that differ only in secrets; it reveals none of them.

    Args:
        value: The value.
        named_secrets: True to tell values apart by what stands under a secret name, such as `token`.
    """
    text = json.dumps(redact_distinctly(value, named=named_secrets), sort_keys=True, default=_describe)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
