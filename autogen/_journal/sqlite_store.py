"""A journal in a SQLite file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import stat
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._images.storage import attach_pictures, detach_pictures, encode_picture_value
from .._mistakes import trim_stop
from .._sqlite_guard import check_schema, fetch_all, limit_work, open_database
from .questions import AlreadyAnswered, Answer
from .store import ASKED, FINISHED, STARTED, JournalError, Position, Step

VERSION = 2

_SCHEMA = {
    "meta": "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "steps": """
        CREATE TABLE IF NOT EXISTS steps (
            n INTEGER PRIMARY KEY, place TEXT UNIQUE NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
            state TEXT NOT NULL, value TEXT, at REAL NOT NULL, after INTEGER NOT NULL
        )
    """,
    "events": """
        CREATE TABLE IF NOT EXISTS events (
            n INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, chat TEXT, data TEXT NOT NULL
        )
    """,
    # Missing in the files of earlier versions.
    "answers": """
        CREATE TABLE IF NOT EXISTS answers (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL,
            at REAL NOT NULL
        )
    """,
    # A record of the answers to which rows are only added, each with the hash of the one before.
    "decisions": "CREATE TABLE IF NOT EXISTS decisions (n INTEGER PRIMARY KEY, data TEXT NOT NULL, hash TEXT NOT NULL)",
}

# Missing in the files of earlier versions, too. Each message is in the events of all its receivers.
_SCHEMA["pictures"] = "CREATE TABLE IF NOT EXISTS pictures (digest TEXT PRIMARY KEY, content BLOB NOT NULL)"

_LOCK, _WAL = ".lock", "-wal"
# Endings of the names of the files beside a checkpoint.
_RESERVED = (_LOCK, _WAL, "-shm", "-journal")


def read_meta(database: sqlite3.Connection, file: Path, name: str) -> dict[str, str]:
    """Check that a file is a checkpoint, and return its metadata: `version`, `chat` (JSON), and `chat_id`.

    Args:
        database: The connection.
        file: The file.
        name: Name of the file in messages.

    Returns:
        The metadata; empty if the file is new, or its first chat was interrupted before it began.

    Raises:
        JournalError: It has an unknown version.
        sqlite3.Error: It is not a checkpoint, or damaged.
    """
    limit_work(database, file)
    meta: dict[str, str] = {}
    # Checked first: another version may have other tables.
    if check_schema(database, file, _SCHEMA, only=["meta"]):
        meta = dict(fetch_all(database, file, "SELECT key, value FROM meta"))
        if not all(isinstance(text, str) for text in (*meta, *meta.values())):
            raise sqlite3.DatabaseError("its metadata are not text")
        if meta and meta.get("version") != str(VERSION):
            raise JournalError(f"{name} has version {meta.get('version')}; this program knows version {VERSION}.")
    check_schema(database, file, _SCHEMA)
    return meta


def load_picture(database: sqlite3.Connection, digest: str) -> bytes | None:
    """Return the bytes of a picture; None if it is not there."""
    row = database.execute("SELECT content FROM pictures WHERE digest = ?", (digest,)).fetchone()
    return None if row is None or not isinstance(row[0], bytes) else row[0]


def find_answer(database: sqlite3.Connection, question_id: str, digest: str | None = None) -> Answer | None:
    """Return the answer to a question; None if there is none.

    Args:
        database: The connection.
        question_id: Id of the question.
        digest: Digest of what is shown with it; None for any.
    """
    query = "SELECT text, author, note, at FROM answers WHERE id = ? AND digest = ifnull(?, digest)"
    row = database.execute(query, (question_id, digest)).fetchone()
    return None if row is None else Answer(str(row[0]), str(row[1]), str(row[2]), float(row[3]))


def store_answer(database: sqlite3.Connection, question_id: str, digest: str, answer: Answer) -> None:
    """Store the answer to a question in one transaction.

    Raises:
        AlreadyAnswered: It has an answer.
    """
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    try:
        if (first := find_answer(database, question_id, digest)) is not None:
            raise AlreadyAnswered(first)
        row = (question_id, digest, *map(_to_text, answer[:3]), answer.at)
        query = "INSERT OR REPLACE INTO answers (id, digest, text, author, note, at) VALUES (?, ?, ?, ?, ?, ?)"
        database.execute(query, row)
        # Missing in the files of earlier versions.
        database.execute(_SCHEMA["decisions"])
        number, before = database.execute("SELECT n, hash FROM decisions ORDER BY n DESC LIMIT 1").fetchone() or (0, "")
        data = json.dumps(row)
        database.execute("INSERT INTO decisions VALUES (?, ?, ?)", (number + 1, data, _hash_row(before, data)))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _hash_row(before: str, data: str) -> str:
    return hashlib.sha256(f"{before}\n{data}".encode()).hexdigest()


def find_changed_answers(database: sqlite3.Connection, file: Path) -> list[str]:
    """Compare the answers with the record of them, and return a sentence for each difference."""
    problems: list[str] = []
    latest: dict[Any, list[Any]] = {}
    before = ""
    rows = fetch_all(database, file, "SELECT n, data, hash FROM decisions ORDER BY n")
    for expected, (number, data, stored) in enumerate(rows, 1):
        if number != expected:
            problems.append(f"Row {expected} of the record is missing.")
            break
        if stored != _hash_row(before, data):
            problems.append(f"Row {number} of the record was changed, or one before it.")
        before = stored
        with contextlib.suppress(ValueError):
            row = json.loads(data)
            if isinstance(row, list) and row:
                latest[row[0]] = row
    answers = {
        row[0]: list(row) for row in fetch_all(database, file, "SELECT id, digest, text, author, note, at FROM answers")
    }
    for question_id in sorted(answers.keys() | latest.keys(), key=str):
        if answers.get(question_id) != latest.get(question_id):
            problems.append(f"The answer to {question_id} is not that of the record.")
    return problems


class SQLiteStore:
    """A `JournalStore` in a SQLite file, locked while it is open.

    A file is the same by whatever path it is reached: relative, absolute, or through symbolic links. If it is removed or
    replaced while it is open, the next access raises `JournalError`.

    Args:
        path: The file; it is created if it is missing, its folder is not.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._resources = contextlib.ExitStack()
        self._identity: list[tuple[int, int]] = []

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    def open(self, chat: Mapping[str, Any]) -> str:
        """Open the file, and lock it."""
        # Resolved now, because the program may change its working directory, or a link, while the file is open.
        self._file = _resolve(self.path)
        with contextlib.ExitStack() as resources:
            resources.enter_context(lock_file(self._file, self.path))
            try:
                self._database = open_database(self._file, "rwc", timeout=5, check_same_thread=False, isolation_level=None)
                resources.callback(self._close_database)
                # Read before anything is written: it may be the file of another program.
                meta = read_meta(self._database, self._file, self.name)
                text = json.dumps(chat, sort_keys=True)
                if meta.get("chat", text) != text:
                    raise JournalError(f"{self.path} is the checkpoint of another chat: {meta['chat']}, and not {text}.")
                chat_id = meta.get("chat_id") or uuid.uuid4().hex
                self._prepare({"version": str(VERSION), "chat": text, "chat_id": chat_id})
            except (sqlite3.Error, OSError) as error:
                raise JournalError(f"{self.path} can't be used as a checkpoint: {trim_stop(error)}.") from error
            self._resources = resources.pop_all()
        return chat_id

    def _prepare(self, meta: Mapping[str, str]) -> None:
        """Create the tables that are missing, and write the metadata."""
        self._database.execute("PRAGMA journal_mode = WAL")
        # The default of WAL mode may lose the last steps when the machine loses power.
        self._database.execute("PRAGMA synchronous = FULL")
        # One transaction: a process that dies here leaves no table, or all of them.
        self._database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.values():
            self._database.execute(statement)
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
        self._database.execute("COMMIT")
        self._identity = self._read_identity()

    def _read_identity(self) -> list[tuple[int, int]]:
        """Return device and inode of the file, of its log, which has the last steps, and of its lock."""
        return [_read_inode(f"{self._file}{suffix}") for suffix in ("", _WAL, _LOCK)]

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """Give a `with` block exclusive use of the database.

        Raises:
            JournalError: It can't be used, or is another file by now.
        """
        with self._lock:
            try:
                is_same = self._read_identity() == self._identity
            except OSError:
                is_same = False
            # SQLite would not notice, and the steps would go to a file without a name.
            if not is_same:
                raise JournalError(f"{self.path}, or a file beside it, was removed or replaced while a chat used it.")
            limit_work(self._database, self._file)
            try:
                yield self._database
            except sqlite3.Error as error:
                raise JournalError(f"{self.path} can't be used any more: {trim_stop(error)}.") from error

    def get_step(self, position: Position) -> Step | None:
        """Return a step; None if it was never started."""
        with self._use() as database:
            query = "SELECT state, value FROM steps WHERE place = ?"
            row = database.execute(query, (_to_text(position),)).fetchone()
        if row is None:
            return None
        state, value = row
        value = self._attach(value)
        if state not in (STARTED, ASKED, FINISHED):
            raise JournalError(f"{self.path} is damaged: the state of {position} is {state!r}.")
        return Step(state, None if value is None else self._parse(value, f"the result of {position}"))

    def _parse(self, text: str | bytes, subject: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise JournalError(f"{self.path} is damaged: {subject} is not JSON ({error}).") from error

    def _detach(self, text: str) -> str:
        """Return JSON with references to its large pictures, which are stored once."""

        def store(digest: str, media_type: str, content: bytes) -> None:
            with self._use() as database:
                database.execute("INSERT OR IGNORE INTO pictures (digest, content) VALUES (?, ?)", (digest, content))

        return detach_pictures(text, store)

    def _attach(self, text: Any) -> Any:
        def load(digest: str) -> bytes | None:
            with self._use() as database:
                return load_picture(database, digest)

        return attach_pictures(text, load) if isinstance(text, str) else text

    def start_step(self, position: Position) -> None:
        """Store that a step is started."""
        self._write_step(position, STARTED, None)

    def ask_step(self, position: Position, question: Mapping[str, Any]) -> None:
        """Store that a step waits for the answer to a question."""
        self._write_step(position, ASKED, json.dumps(question))

    def read_answer(self, question_id: str, digest: str) -> Answer | None:
        """Return the answer to a question; None if there is none."""
        with self._use() as database:
            return find_answer(database, question_id, digest)

    def settle_answer(self, question_id: str, digest: str, answer: Answer) -> Answer:
        """Store the answer to a question, unless it has one, and return the answer that counts.

        Args:
            question_id: Id of the question.
            digest: Digest of what is shown with it.
            answer: The answer.
        """
        with self._use() as database:
            try:
                store_answer(database, question_id, digest, answer)
            except AlreadyAnswered as error:
                return error.answer
        return answer

    def finish_step(self, position: Position, value: Any) -> None:
        """Store the result of a step."""
        self._write_step(position, FINISHED, self._detach(json.dumps(value, default=encode_picture_value)))

    def _write_step(self, position: Position, state: str, value: str | None) -> None:
        texts = map(_to_text, (position, position.scope, position.kind, position.key))
        row = (*texts, state, value, time.time())
        with self._use() as database:
            # `after` is the last event before the step: a fork cuts both at the same point.
            database.execute(
                "INSERT INTO steps (place, scope, kind, about, state, value, at, after) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(n), 0) FROM events)) ON CONFLICT (place) DO UPDATE "
                "SET state = excluded.state, value = excluded.value, at = excluded.at, after = excluded.after",
                row,
            )

    def discard_step(self, position: Position) -> None:
        """Delete a step."""
        with self._use() as database:
            database.execute("DELETE FROM steps WHERE place = ?", (_to_text(position),))

    def has_steps_within(self, position: Position) -> bool:
        """Return True if there are steps within this one."""
        text = _to_text(position)
        with self._use() as database:
            # The positions of steps within it begin with `{position}/`, and "0" follows "/" in ASCII.
            query = "SELECT 1 FROM steps WHERE place > ? AND place < ? LIMIT 1"
            return database.execute(query, (f"{text}/", f"{text}0")).fetchone() is not None

    def read_events(self, after: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the events above a number."""
        query = "SELECT n, data FROM events WHERE n > ? ORDER BY n"
        with self._use() as database:
            rows = fetch_all(database, self._file, query, (after,))
        for number, data in rows:
            event = self._parse(self._attach(data), f"row {number} of its events")
            if not isinstance(event, dict):
                raise JournalError(f"{self.path} is damaged: row {number} of its events is not an event.")
            yield number, event

    def add_event(self, event: Mapping[str, Any]) -> int:
        """Append an event."""
        row = (event["at"], event["type"], _to_text(event["chat"]), self._detach(json.dumps(event)))
        with self._use() as database:
            cursor = database.execute("INSERT INTO events (at, type, chat, data) VALUES (?, ?, ?, ?)", row)
            return int(cursor.lastrowid or 0)

    def delete_events(self, first: int) -> None:
        """Delete the events from a number on."""
        with self._use() as database:
            database.execute("DELETE FROM events WHERE n >= ?", (first,))

    def close(self) -> None:
        """Close the file, and unlock it."""
        with self._lock:
            self._resources.close()

    def _close_database(self) -> None:
        # Fails if somebody reads the file at this moment, or the disk is full. Then the file stays in WAL mode.
        with contextlib.suppress(sqlite3.Error, OSError):
            # By its name SQLite would remove the log of a file that has replaced this one.
            if self._read_identity() == self._identity:
                # Leaves one file, which can be read in a folder where nobody may write.
                self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()


def _read_inode(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _to_text(value: object) -> str:
    """Return a text that SQLite can store: a model may have put half of a character into the name of a tool."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _resolve(path: Path) -> Path:
    """Return the file that a path leads to.

    Raises:
        JournalError: A checkpoint can't have this path.
    """
    problem = ""
    try:
        file = Path(os.path.realpath(path))
        # Checked first, because the lock would create the folder.
        if not file.parent.is_dir():
            problem = f"there is no folder {file.parent}"
        elif file.name.endswith(_RESERVED):
            problem = f"a name that ends in {', '.join(_RESERVED[:-1])} or {_RESERVED[-1]} is that of a file beside another"
        elif file.exists():
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                problem = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
            # SQLite names the file with the last steps by the path, so that they would be lost under the other name.
            elif status.st_nlink > 1:
                problem = f"it has {status.st_nlink} names (hard links); copy it, and use the copy"
    # ValueError: a null character.
    except (OSError, ValueError) as error:
        raise JournalError(f"{str(path)!r} can't be used as a checkpoint: {trim_stop(error)}.") from error
    if problem:
        raise JournalError(f"{path} can't be used as a checkpoint: {problem}.")
    return file


@contextmanager
def lock_file(file: Path, path: Path) -> Iterator[None]:
    """Lock a file. The system releases the lock of a process that dies, however it dies.

    Args:
        file: The file.
        path: Its path in messages.

    Raises:
        JournalError: The file is locked, or the lock can't be created.
    """
    # Takes longer to import than all of this package, and most chats have no journal.
    import filelock

    lock = filelock.FileLock(f"{file}{_LOCK}", blocking=False, is_singleton=False)
    try:
        lock.acquire()
        inode = _read_inode(lock.lock_file)
    except filelock.Timeout:
        raise JournalError(f"{path} is in use by another chat, of this process or of another.") from None
    # NotImplementedError: the file system has no locks.
    except (OSError, NotImplementedError) as error:
        lock.release()
        raise JournalError(f"{path} can't be used as a checkpoint: {trim_stop(error)}.") from error
    try:
        yield
    finally:
        # Unlinked before the release: a process that waits for this very file sees that it is gone.
        # Windows keeps a file that is open.
        with contextlib.suppress(OSError):
            # Somebody may have removed it, so that this is the lock of another chat.
            if _read_inode(lock.lock_file) == inode:
                os.unlink(lock.lock_file)
        lock.release()
