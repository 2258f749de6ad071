"""The checkpoint of a run: the results of items in a SQLite file, and the journals of unfinished chats beside it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .._journal import JournalError
from .._journal.sqlite_store import lock_file
from .._mistakes import trim_stop
from .._sqlite_guard import check_schema, fetch_all, limit_work, open_database
from ..agentchat import ChatResult
from ._items import Entry
from ._results import ChatFailure, Outcome

_VERSION = "1"
_SCHEMA = {
    "run": "CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "results": """
        CREATE TABLE IF NOT EXISTS results (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, attempts INTEGER NOT NULL, seconds REAL NOT NULL,
            cost REAL NOT NULL, tokens INTEGER NOT NULL, at REAL NOT NULL
        )
    """,
}
_CHAT, _VALUE, _FAILURE = "chat", "value", "failure"


class ResultStore:
    """The results of a run in a file, which is locked while it is open. Thread-safe.

    Args:
        path: The file; it is created if it is missing, its folder is not.
        name: Name of the run, which tells it from others.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._name = name
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._folder = path.with_name(f"{path.name}.chats")

    @contextmanager
    def opened(self) -> Iterator[tuple[float, int]]:
        """Open the file for a `with` block.

        Yields:
            The cost (USD) and the tokens of earlier runs.

        Raises:
            JournalError: The file is in use, damaged, or of another run.
        """
        file = self.path.absolute()
        if not file.parent.is_dir():
            raise JournalError(f"{self.path} can't be used as a checkpoint: there is no folder {file.parent}.")
        with lock_file(file, self.path), self._convert_errors():
            with closing(open_database(file, "rwc", timeout=5, check_same_thread=False, isolation_level=None)) as database:
                self._prepare(database, file)
                self._folder.mkdir(mode=0o700, exist_ok=True)
                self._database = database
                [[cost, tokens]] = database.execute("SELECT total(cost), ifnull(sum(tokens), 0) FROM results")
                try:
                    yield float(cost), int(tokens)
                finally:
                    with self._lock:
                        self._database = None
                        # Leaves one file.
                        database.execute("PRAGMA journal_mode = DELETE")
            if not any(self._folder.iterdir()):
                self._folder.rmdir()

    def _prepare(self, database: sqlite3.Connection, file: Path) -> None:
        """Check the file, and create the tables that are missing.

        Raises:
            JournalError: It belongs to another run, or has another version.
            sqlite3.Error: It is damaged, or not a checkpoint of a run.
        """
        limit_work(database, file)
        tables = check_schema(database, file, _SCHEMA)
        known = dict(fetch_all(database, file, "SELECT key, value FROM run")) if "run" in tables else {}
        if known.get("version", _VERSION) != _VERSION:
            raise JournalError(f"{self.path} has version {known['version']}; this program knows version {_VERSION}.")
        if known.get("name", self._name) != self._name:
            raise JournalError(f"{self.path} is the checkpoint of another run: {known['name']}, and not {self._name}.")
        database.set_progress_handler(None, 0)
        database.execute("PRAGMA journal_mode = WAL")
        # The journal of a chat is deleted once its result is durable.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.values():
            database.execute(statement)
        meta = {"version": _VERSION, "name": self._name}
        database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", meta.items())
        database.execute("COMMIT")

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{self.path} can't be used as the checkpoint of a run: {trim_stop(error)}.") from error

    def get_checkpoint(self, item_id: str) -> Path:
        """Return the file for the journal of the chat of an item."""
        # An id may have any characters.
        return self._folder / f"{hashlib.sha256(item_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.db"

    def get(self, entry: Entry) -> Outcome | None:
        """Return the stored outcome of an item; None if it is not finished.

        Raises:
            JournalError: It can't be read.
        """
        with self._lock, self._convert_errors():
            query = "SELECT kind, value, attempts, seconds, cost, tokens FROM results WHERE id = ?"
            row = self._use().execute(query, (_to_text(entry.id),)).fetchone()
        if row is None:
            return None
        kind, text, *numbers = row
        try:
            value = json.loads(text)
            result: Any = value
            if kind == _CHAT:
                result = ChatResult.from_dict(value)
            elif kind == _FAILURE:
                result = ChatFailure(entry.id, str(value["kind"]), str(value["text"]), int(value["attempts"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise JournalError(f"{self.path} is damaged: the result of {entry.id!r:.100}: {trim_stop(error)}.") from error
        return Outcome(entry, result, *numbers)

    def _use(self) -> sqlite3.Connection:
        if self._database is None:
            raise JournalError(f"{self.path} is closed: the run is over.")
        return self._database

    def check_value(self, value: object) -> None:
        """Check that a result can be stored.

        Raises:
            TypeError: It can't.
        """
        if not isinstance(value, ChatResult):
            _encode_value(value)

    def add(self, outcome: Outcome) -> None:
        """Store an outcome, and delete the journal of the chat unless it has failed.

        Raises:
            JournalError: It can't be stored.
        """
        result = outcome.result
        if isinstance(result, ChatFailure):
            kind, text = _FAILURE, json.dumps({"kind": result.kind, "text": result.text, "attempts": result.attempts})
        elif isinstance(result, ChatResult):
            kind, text = _CHAT, json.dumps(result.to_dict())
        else:
            kind, text = _VALUE, _encode_value(result)
        item_id = _to_text(outcome.entry.id)
        row = (item_id, kind, text, outcome.attempts, outcome.seconds, outcome.cost, outcome.tokens, time.time())
        with self._lock, self._convert_errors():
            self._use().execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        if kind != _FAILURE:
            journal = self.get_checkpoint(outcome.entry.id)
            for suffix in ("", "-wal", "-shm"):
                journal.with_name(journal.name + suffix).unlink(missing_ok=True)


def _encode_value(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        text = "With a checkpoint, a chat function must return a ChatResult, or a value that JSON can hold, got "
        raise TypeError(f"{text}{type(value).__name__}: {trim_stop(error)}.") from error


def _to_text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()
