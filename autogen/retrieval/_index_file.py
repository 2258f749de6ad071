"""The SQLite file of an index: its tables, its connection, and its transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

from .._mistakes import trim_stop
from .._sqlite_guard import ExcessiveWork, UnexpectedSchema, check_schema, harden, limited_work
from ._errors import IndexFileError
from ._keywords import TOKENIZER

# Waits for another process to end its write.
WAIT = 30.0  # seconds

# `scope` is a random number that no other collection ever had. It is a word of the full-text index as well, so that a
# search can be restricted to a collection. An id may be text or a number, so its column has no type.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS collections (scope TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, embedder TEXT, "
    "dimension INTEGER, metadata TEXT NOT NULL, generation INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS entries (row INTEGER PRIMARY KEY, scope TEXT NOT NULL, id NOT NULL, text TEXT NOT NULL, "
    "metadata TEXT NOT NULL, vector BLOB, UNIQUE (scope, id))",
    "CREATE INDEX IF NOT EXISTS scopes ON entries (scope)",
    "CREATE TABLE IF NOT EXISTS parts (row INTEGER PRIMARY KEY, vectors BLOB NOT NULL)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, scope, content = 'entries', content_rowid = 'row', "
    f"tokenize = '{TOKENIZER}')",
)


class IndexFile:
    """An SQLite file that threads and processes may share. It is opened on first use, and created by the first write.

    Args:
        path: The path of the file; None for a database in memory.
        tables: The statements that create its tables.
        purpose: What it is, with an article, for errors.
        advice: How to go on with a damaged file, for errors.
    """

    def __init__(
        self,
        path: Path | None,
        tables: tuple[str, ...] = _TABLES,
        purpose: str = "an index",
        advice: str = "move it away, or choose another path, to start a new index",
    ) -> None:
        self.path = path
        self._tables = tables
        self._purpose = purpose
        self._advice = advice
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        # The process, device and inode of the open file: a forked child must not use the connection of its parent, and
        # the file may be removed at any time.
        self._identity: tuple[int, ...] | None = None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection | None]:
        """Give a `with` block a snapshot of the data; None if there is no file.

        Raises:
            IndexFileError: if the file is damaged, or the file of another program.
            sqlite3.OperationalError: if the file can't be used.
        """
        with self._lock, self._name_file():
            connection = self._get_connection(create=False)
            if connection is None:
                yield None
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a `with` block a transaction, which is committed at its end. An exception undoes it.

        Raises:
            IndexFileError: if the file is damaged, or the file of another program.
            sqlite3.OperationalError: if the file can't be written.
        """
        with self._lock, self._name_file():
            connection = self._get_connection(create=True)
            assert connection is not None
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            finally:
                if connection.in_transaction:
                    connection.rollback()

    def close(self) -> None:
        """Close the file; the next use opens it again. A database in memory is lost."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._identity is not None and self._identity[0] == os.getpid():
                connection.close()

    def __del__(self) -> None:
        # Python 3.13 warns of databases that nobody has closed.
        self.close()

    @contextmanager
    def _name_file(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            # The subclasses of this error mean something else than damage.
            if type(error) is not sqlite3.DatabaseError and not isinstance(error, (UnexpectedSchema, ExcessiveWork)):
                raise
            self.close()
            raise IndexFileError(
                f"{self.path} can't be used as {self._purpose}: {trim_stop(error)}. It was left as it is: {self._advice}."
            ) from error

    def _get_connection(self, create: bool) -> sqlite3.Connection | None:
        identity = self._identify()
        if self._connection is not None and identity != self._identity:
            self.close()
        if self._connection is None and (create or len(identity) > 1):
            self._connection = self._open(create)
            self._identity = self._identify()
        return self._connection

    def _identify(self) -> tuple[int, ...]:
        """Return the process, and the device and inode of the file; the process alone if there is no file."""
        if self.path is None:
            return os.getpid(), 0
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return (os.getpid(),)
        return os.getpid(), status.st_dev, status.st_ino

    def _open(self, create: bool) -> sqlite3.Connection:
        target = ":memory:"
        if self.path is not None:
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # Readable for the owner only, because documents are private.
                with suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            target = self.path.absolute().as_uri() + ("?mode=rw" if os.access(self.path, os.W_OK) else "?mode=ro")
        connection = sqlite3.connect(target, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection, target.endswith("=ro"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, read_only: bool) -> None:
        harden(connection)
        if self.path is not None:
            # The file may come from somebody else, so its tables are checked before the first write.
            with limited_work(connection, self.path):
                check_schema(connection, self.path, _get_schema(self._tables))
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            for table in self._tables:
                connection.execute(table)


@cache
def _get_schema(tables: tuple[str, ...]) -> dict[str, str]:
    """Return the statements that create the tables, by name, with the tables that FTS5 adds."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for table in tables:
            connection.execute(table)
        return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
