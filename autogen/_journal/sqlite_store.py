"""A journal in a SQLite file."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .store import FINISHED, STARTED, JournalError, Position, Step

VERSION = 2

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


class SQLiteStore:
    """A `JournalStore` in a SQLite file, locked while it is open.

    Args:
        path: The file; it is created if it is missing, its folder is not.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._resources = contextlib.ExitStack()

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    def open(self, chat: Mapping[str, Any]) -> str:
        """Open the file, and lock it."""
        with contextlib.ExitStack() as resources:
            resources.enter_context(_lock_file(self.path))
            try:
                self._database = sqlite3.connect(self.path, timeout=5, check_same_thread=False, isolation_level=None)
                resources.callback(self._database.close)
                self._database.execute("PRAGMA journal_mode = WAL")
                # The default of WAL mode may lose the last steps when the machine loses power.
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.executescript(_SCHEMA)
                # Fails if the tables are those of another program.
                self._database.execute("SELECT place, state, value, after FROM steps, events LIMIT 0")
                chat_id = self._identify(chat)
            except sqlite3.Error as error:
                raise JournalError(f"{self.path} can't be used as a checkpoint: {error}") from error
            self._resources = resources.pop_all()
        return chat_id

    def _identify(self, chat: Mapping[str, Any]) -> str:
        """Check that the file belongs to the chat, and return the chat's id."""
        stored = dict(self._database.execute("SELECT key, value FROM meta"))
        if stored.get("version", str(VERSION)) != str(VERSION):
            raise JournalError(f"{self.path} has version {stored['version']}; this program knows version {VERSION}.")
        text = json.dumps(chat, sort_keys=True)
        if stored.get("chat", text) != text:
            raise JournalError(f"{self.path} is the checkpoint of another chat: {stored['chat']}, and not {text}.")
        chat_id: str = stored.get("chat_id") or uuid.uuid4().hex
        meta = {"version": str(VERSION), "chat": text, "chat_id": chat_id}
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
        return chat_id

    def get_step(self, position: Position) -> Step | None:
        """Return a step; None if it was never started."""
        with self._lock:
            query = "SELECT state, value FROM steps WHERE place = ?"
            row = self._database.execute(query, (str(position),)).fetchone()
        if row is None:
            return None
        try:
            return Step(row[0], None if row[1] is None else json.loads(row[1]))
        except ValueError as error:
            raise JournalError(f"{self.path} is damaged: the result of {position} is not JSON ({error}).") from error

    def start_step(self, position: Position) -> None:
        """Store that a step is started."""
        self._write_step(position, STARTED, None)

    def finish_step(self, position: Position, value: Any) -> None:
        """Store the result of a step."""
        self._write_step(position, FINISHED, json.dumps(value))

    def _write_step(self, position: Position, state: str, value: str | None) -> None:
        row = (str(position), position.scope, position.kind, position.key, state, value, time.time())
        with self._lock:
            # `after` is the last event before the step: a fork cuts both at the same point.
            self._database.execute(
                "INSERT INTO steps (place, scope, kind, about, state, value, at, after) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(n), 0) FROM events)) ON CONFLICT (place) DO UPDATE "
                "SET state = excluded.state, value = excluded.value, at = excluded.at, after = excluded.after",
                row,
            )

    def discard_step(self, position: Position) -> None:
        """Delete a step."""
        with self._lock:
            self._database.execute("DELETE FROM steps WHERE place = ?", (str(position),))

    def has_steps_within(self, position: Position) -> bool:
        """Return True if there are steps within this one."""
        with self._lock:
            # The positions of steps within it begin with `{position}/`, and "0" follows "/" in ASCII.
            query = "SELECT 1 FROM steps WHERE place > ? AND place < ? LIMIT 1"
            return self._database.execute(query, (f"{position}/", f"{position}0")).fetchone() is not None

    def read_events(self, after: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the events above a number."""
        with self._lock:
            rows = self._database.execute("SELECT n, data FROM events WHERE n > ? ORDER BY n", (after,)).fetchall()
        for number, data in rows:
            try:
                event = json.loads(data)
            except ValueError as error:
                raise JournalError(f"{self.path} is damaged: row {number} of its events is not JSON: {error}") from error
            if not isinstance(event, dict):
                raise JournalError(f"{self.path} is damaged: row {number} of its events is not an event.")
            yield number, event

    def add_event(self, event: Mapping[str, Any]) -> int:
        """Append an event."""
        row = (event["at"], event["type"], event["chat"], json.dumps(event))
        with self._lock:
            cursor = self._database.execute("INSERT INTO events (at, type, chat, data) VALUES (?, ?, ?, ?)", row)
            return int(cursor.lastrowid or 0)

    def delete_events(self, first: int) -> None:
        """Delete the events from a number on."""
        with self._lock:
            self._database.execute("DELETE FROM events WHERE n >= ?", (first,))

    def close(self) -> None:
        """Close the file, and unlock it."""
        # OperationalError: somebody reads the file at this moment, so it stays in WAL mode.
        with self._lock, self._resources, contextlib.suppress(sqlite3.OperationalError):
            # Leaves one file, which can be read in a folder where nobody may write.
            self._database.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    """Lock a file. The system releases the lock of a process that dies, however it dies.

    Raises:
        JournalError: The file is locked, or its folder is missing.
    """
    # Takes longer to import than all of this package, and most chats have no journal.
    import filelock

    # Checked first, because the lock would create the folder.
    if not path.parent.is_dir():
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
        # Unlinked before the release: a process that waits for this very file sees that it is gone.
        # Windows keeps a file that is open.
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()
