"""One SQLite file that threads and processes write to at the same time: every statement is committed at once."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

WAIT = 10.0  # seconds for another process's write to end
IN_MEMORY = ":memory:"

_all: WeakSet[Database] = WeakSet()


class Database:
    """A connection that survives threads and forks.

    Args:
        path: The file; `:memory:` for none.
        schema: The statements that make the tables, each of which does nothing where its table is.
    """

    def __init__(self, path: str, schema: tuple[str, ...]) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._is_open = False
        self._of_parents: list[sqlite3.Connection] = []  # not to be closed in this process
        _all.add(self)

    def connection(self) -> sqlite3.Connection | None:
        """The connection, closed after `close`; None if there never was one."""
        with self._lock:
            if self._is_open and self._connection is None:
                self._connect()
            return self._connection

    def open(self) -> None:
        """Open the file, which only its owner can read if it is new. An earlier connection is closed.

        Raises:
            OSError, sqlite3.Error: It can't be opened, or is no database.
        """
        self.close()
        with self._lock:
            self._connect()
            self._is_open = True

    def execute(self, statement: str, values: tuple[Any, ...]) -> None:
        """Execute and commit a statement.

        Raises:
            sqlite3.Error: It failed, or the database is closed.
        """
        with self._lock:
            if not self._is_open:
                raise sqlite3.ProgrammingError("the logger is not started")
            with self._connection or self._connect() as connection:
                connection.execute(statement, values)

    def close(self) -> None:
        """Close the connection, which is kept as it is then."""
        with self._lock:
            self._is_open = False
            if self._connection is not None:
                self._connection.close()

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self.path != IN_MEMORY:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # as SQLite would, but for its owner alone
        connection = sqlite3.connect(self.path, timeout=WAIT, check_same_thread=False)
        try:
            with suppress(sqlite3.OperationalError):  # another process is just doing it, or the file system can't
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            for statement in self._schema:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _leave_to_parent(self) -> None:
        """After a fork: SQLite's handles don't survive it, and the lock may be held by a thread that is not here."""
        self._lock = threading.Lock()
        if self._connection is not None and self.path != IN_MEMORY:
            self._of_parents.append(self._connection)  # to close it here would end the parent's locks
            self._connection = None  # the next statement opens one


def _after_fork() -> None:
    for database in _all:
        database._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
