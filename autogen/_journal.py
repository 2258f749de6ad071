"""The journal of a chat: each step is on disk before the next one builds on it.

A step is something that happens outside of the framework: an answer of a model, the result of a tool or of code, what a
human typed, what a reply function of the program answers. When a chat is begun again with its journal, the steps that are
finished are not taken again: their results are read, in the order in which they came, and the chat goes on from there.

Everything else is done again, which is quick and comes to the same: so the histories, counters and groups of all agents are
what they were. Steps are told apart by where they are taken (a turn has steps of its own, a chat inside a chat too), their
kind, what they are about, and how often that came before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from . import events
from ._secrets import redact
from ._steps import Steps

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 2
STARTED, FINISHED = "started", "finished"
MILESTONES = ("chat_started", "message_sent", "chat_ended")  # events that a replay brings again, each in its chat

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
    n INTEGER PRIMARY KEY, place TEXT UNIQUE NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
    state TEXT NOT NULL, value TEXT, at REAL NOT NULL, after INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    n INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, chat TEXT, data TEXT NOT NULL
);
"""


class JournalError(ValueError):
    """A file is no journal of this chat, or in use."""


class Place(NamedTuple):
    """Where a step stands in the journal."""

    scope: str
    kind: str
    about: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.scope}/{self.kind}:{self.about}#{self.ordinal}"


class Journal:
    """A journal in a SQLite file.

    Args:
        path: The file; made if it is missing.
        chat: What tells the chat from others. A file of another chat is refused.
        on_unfinished: What becomes of tools and code that were under way when the process ended: `report` (the model is
            told so), `rerun`, or `ask` (the human decides).

    Raises:
        JournalError: The file is no journal, belongs to another chat, has a version that is not known, or another process
            uses it.
        ValueError: There is no such way to deal with what is unfinished.
    """

    def __init__(self, path: str | Path, chat: dict[str, Any], on_unfinished: str = "report") -> None:
        if on_unfinished not in ("report", "rerun", "ask"):
            raise ValueError(f"on_unfinished is {on_unfinished!r}; it must be 'report', 'rerun' or 'ask'.")
        self.path = Path(path)
        self.on_unfinished = on_unfinished
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        with contextlib.ExitStack() as undo:
            undo.enter_context(_owned(self.path))
            try:
                self._database = sqlite3.connect(self.path, timeout=5, check_same_thread=False, isolation_level=None)
                undo.callback(self._database.close)
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.executescript(_SCHEMA)
                self._database.execute("SELECT place, state, value, after FROM steps, events LIMIT 0")  # tables of ours?
                self._open(chat)
            except sqlite3.Error as error:
                raise JournalError(f"{self.path} can't be used as a checkpoint: {error}") from error
            self._release = undo.pop_all()
        self.is_live = False  # whether what happens is new; else it is a replay
        self._kept, self._seen = self._milestones(), Counter[tuple[str, str | None]]()
        self._parents: dict[str | None, str] = {}

    def _open(self, chat: dict[str, Any]) -> None:
        known = dict(self._database.execute("SELECT key, value FROM meta"))
        if known.get("version", str(VERSION)) != str(VERSION):
            raise JournalError(f"{self.path} has version {known['version']}; this program knows version {VERSION}.")
        text = json.dumps(chat, sort_keys=True)
        if known.get("chat", text) != text:
            raise JournalError(f"{self.path} is the checkpoint of another chat: {known['chat']}, and not {text}.")
        self.chat_id: str = known.get("chat_id") or uuid.uuid4().hex  # that of the events, also when it is taken up again
        fresh = {"version": str(VERSION), "chat": text, "chat_id": self.chat_id}
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", fresh.items())

    def _milestones(self) -> Counter[tuple[str, str | None]]:
        """How many of them the file has of each chat. A chat that ended in an error goes on."""
        came_to_an_end = "type <> 'chat_ended' OR data LIKE '%\"error\": null%'"
        query = f"SELECT type, chat, count(*) FROM events WHERE {came_to_an_end} GROUP BY type, chat"
        return Counter({(kind, chat): n for kind, chat, n in self._database.execute(query) if kind in MILESTONES})

    def close(self) -> None:
        """Let others use the file."""
        with self._lock, self._release, contextlib.suppress(sqlite3.OperationalError):  # somebody reads it just now
            self._database.execute("PRAGMA journal_mode = DELETE")  # one file, that can be read where nobody may write

    def place(self, kind: str, about: str) -> Place:
        """The place of the next step of this kind, here."""
        scope = _scope.get()
        with self._lock:
            ordinal = self._counts[scope, kind, about]
            self._counts[scope, kind, about] += 1
        return Place(scope, kind, about, ordinal)

    def look(self, place: Place) -> tuple[str | None, Any]:
        """The state of a step (None: it was never begun), and its result."""
        with self._lock:
            row = self._database.execute("SELECT state, value FROM steps WHERE place = ?", (str(place),)).fetchone()
        if row is None:
            return None, None
        try:
            return row[0], None if row[1] is None else json.loads(row[1])
        except ValueError as error:
            raise JournalError(f"{self.path} is damaged: the result of {place} is no JSON ({error}).") from error

    def go_on(self) -> None:
        """What happens from here on is new. What the file has of later, in this chat and those around it, never comes."""
        if self.is_live:
            return
        self.is_live = True
        chat: str | None = events.current_chat()
        while chat:
            self._drop_unseen(chat)
            chat = self._parents.get(chat)

    def _drop_unseen(self, chat: str) -> None:
        """Drop what happened after the last message that came again, if there were others."""
        began, said = (self._seen[kind, chat] for kind in ("chat_started", "message_sent"))
        if said >= self._kept["message_sent", chat]:
            return
        last = "SELECT n FROM events WHERE chat = ? AND type IN ('chat_started', 'message_sent') ORDER BY n LIMIT 1 OFFSET ?"
        next_step = f"SELECT min(n) FROM events WHERE n > ({last}) AND type NOT IN ('reply_started', 'reply_ended')"
        with self._lock:
            self._database.execute(f"DELETE FROM events WHERE n >= ({next_step})", (chat, began + said - 1))
            self._kept = self._milestones()

    def begin(self, place: Place) -> None:
        """A step is being taken."""
        self.go_on()
        self._write(place, STARTED, None)

    def finish(self, place: Place, value: Any) -> None:
        """A step has this result.

        Raises:
            TypeError: JSON can't hold it.
        """
        self._write(place, FINISHED, json.dumps(value))

    def _write(self, place: Place, state: str, value: str | None) -> None:
        self.is_live = True
        row = (str(place), place.scope, place.kind, place.about, state, value, time.time())
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO steps (place, scope, kind, about, state, value, at, after) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(n), 0) FROM events))",
                row,
            )

    def has_steps_within(self, place: Place) -> bool:
        """Whether steps were taken within this one."""
        with self._lock:
            query = "SELECT 1 FROM steps WHERE place > ? AND place < ? LIMIT 1"  # '0' is what comes after '/'
            return self._database.execute(query, (f"{place}/", f"{place}0")).fetchone() is not None

    def forget(self, place: Place) -> None:
        """A step came to nothing: it will be taken again."""
        with self._lock:
            self._database.execute("DELETE FROM steps WHERE place = ?", (str(place),))

    def note(self, event: events.Event) -> None:
        """Keep an event, for people who want to know what happened. Those of a replay are known already."""
        if isinstance(event, events.ChatStarted):
            self._parents[event.chat] = event.parent
        if event.type in MILESTONES:
            milestone = event.type, event.chat
            self._seen[milestone] += 1
            if self._seen[milestone] <= self._kept[milestone]:
                return
            self.is_live = True
        if self.is_live:
            data = json.dumps(event.to_dict())
            with self._lock:
                row = (event.at, event.type, event.chat, data)
                self._database.execute("INSERT INTO events (at, type, chat, data) VALUES (?, ?, ?, ?)", row)


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)
_scope: ContextVar[str] = ContextVar("scope in the journal", default="")


def current() -> Journal | None:
    """The journal of the chat that goes on here; None if it has none."""
    return _current.get()


@contextmanager
def journaling(path: str | Path | None, chat: dict[str, Any], on_unfinished: str) -> Iterator[None]:
    """The chat that is held within has a journal, if there is a path."""
    if path is None:
        yield
        return
    journal = Journal(path, chat, on_unfinished)
    token, outer = _current.set(journal), _scope.set("")
    try:
        with events.subscribe(journal.note):
            yield
    finally:
        _scope.reset(outer)
        _current.reset(token)
        journal.close()


@contextmanager
def within(place: Place) -> Iterator[None]:
    """The steps that are taken within belong to this one."""
    token = _scope.set(str(place))
    try:
        yield
    finally:
        _scope.reset(token)


def recorded(
    kind: str,
    about: Callable[[], str],
    take: Callable[[], Steps[T]],
    *,
    write: Callable[[T], Any],
    read: Callable[[Any], T],
    unfinished: Callable[[Journal], Steps[T | None]] | None = None,
    holds_chats: bool = False,
) -> Steps[T]:
    """Take a step, or read its result if it was taken before.

    Args:
        kind: Its kind.
        about: Tells it from others of its kind that are taken in the same place; asked only where there is a journal.
        take: Takes it.
        write: Its result as JSON has it.
        read: The result from JSON.
        unfinished: What its result is if it was under way when the process ended; None: it is taken again.
        holds_chats: Whether it is taken again in any case if there are steps within it, which are then looked up: agents
            are to remember the chats that it held.
    """
    journal = _current.get()
    if journal is None:
        return (yield from take())
    place = journal.place(kind, about())
    state, value = journal.look(place)
    if state == FINISHED:
        return read(value)
    result: T | None = None
    if state == STARTED and unfinished is not None:
        result = yield from unfinished(journal)
    if result is None:
        if not (holds_chats and journal.has_steps_within(place)):  # else what is new begins after those
            journal.begin(place)
        try:
            with within(place):
                result = yield from take()
        except BaseException:
            journal.forget(place)
            raise
    if not (holds_chats and journal.has_steps_within(place)):
        journal.finish(place, write(result))
    return result


def id_of_chat(is_outermost: bool) -> str | None:
    """The id of the chat that begins here, the same each time it is taken up; None if there is no journal."""
    journal = _current.get()
    if journal is None:
        return None
    if is_outermost:
        return journal.chat_id
    return uuid.uuid5(uuid.NAMESPACE_OID, journal.chat_id + _scope.get()).hex


def scoped(kind: str, about: str) -> contextlib.AbstractContextManager[None]:
    """The steps that are taken within belong to something that is no step itself."""
    journal = _current.get()
    return contextlib.nullcontext() if journal is None else within(journal.place(kind, about))


def repeated(function: Callable[P, T]) -> Callable[P, T]:
    """A reply function of the framework's own: it is asked again, and only the steps within it are read."""
    function._is_repeated = True  # type: ignore[attr-defined]
    return function


def is_repeated(function: Any) -> bool:
    """Whether `repeated` has marked it."""
    return getattr(function, "_is_repeated", False) is True


UNKNOWN = "It was under way when the process ended, and it is not known whether it took effect."


def decided(journal: Journal, what: str, ask_human: Callable[[str], Steps[str]]) -> Steps[str | None]:
    """What is taken for the result of something that was under way when the process ended; None: it is done again."""
    if journal.on_unfinished == "rerun":
        return None
    if journal.on_unfinished == "report":
        return UNKNOWN
    typed = yield from ask_human(f"{what} {UNKNOWN} Its result? (Enter: do it again) ")
    return typed or None


def fingerprint(value: Any) -> str:
    """A short text that tells values apart; secrets leave no trace in it."""
    return hashlib.sha256(json.dumps(redact(value), sort_keys=True, default=repr).encode()).hexdigest()[:16]


@contextmanager
def _owned(path: Path) -> Iterator[None]:
    """Nobody else works on the file. The system takes the lock back from a process that dies, however it dies."""
    import filelock  # takes longer to import than all of this package, and most chats have no journal

    if not path.parent.is_dir():  # the lock would make it
        raise JournalError(f"{path} can't be used as a checkpoint: there is no folder {path.parent}.")
    lock = filelock.FileLock(f"{path}.lock", blocking=False, is_singleton=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise JournalError(f"{path} is in use by another chat, of this process or of another.") from None
    except OSError as error:
        raise JournalError(f"{path} can't be used as a checkpoint: {error}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            os.unlink(lock.lock_file)  # before it is released: who waits for this very file sees that it is gone
        lock.release()
