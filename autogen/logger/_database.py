"""An SQLite file that threads and processes write to concurrently; every statement is committed at once."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from weakref import WeakSet

# Waits for another process's write to end.
WAIT = 10.0  # seconds
IN_MEMORY = ":memory:"

_databases: WeakSet[Database] = WeakSet()


class Database:
    """A connection to an SQLite file that may be used from any thread, and after a fork.

    Args:
        path: The path of the file; `:memory:` for none.
        schema: The statements that create the tables; no-ops for existing tables.
    """

    def __init__(self, path: str, schema: tuple[str, ...]) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._is_open = False
        # Kept alive after a fork: closing them here would release the parent's file locks.
        self._parent_connections: list[sqlite3.Connection] = []
        _databases.add(self)

    def get_connection(self) -> sqlite3.Connection | None:
        """Return the connection, which is closed after `close`; None before the first `open`."""
        with self._lock:
            if self._is_open and self._connection is None:
                self._connect()
            return self._connection

    def open(self) -> None:
        """Open the file, and close an earlier connection. A new file is readable for its owner only.

        Raises:
            OSError: if the file can't be opened.
            sqlite3.Error: If the file is not a database.
        """
        self.close()
        with self._lock:
            self._connect()
            self._is_open = True

    def execute(self, statement: str, values: tuple[object, ...]) -> None:
        """Execute and commit a statement.

        Args:
            statement: The SQL statement.
            values: The values of its parameters.

        Raises:
            sqlite3.Error: If the statement fails, or the database is closed.
        """
        with self._lock:
            if not self._is_open:
                raise sqlite3.ProgrammingError("the logger is not started")
            with self._connection or self._connect() as connection:
                connection.execute(statement, values)

    def close(self) -> None:
        """Close the connection; `get_connection` still returns it."""
        with self._lock:
            self._is_open = False
            if self._connection is not None:
                self._connection.close()

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self.path != IN_MEMORY:
            # SQLite would create the file readable for others.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=WAIT, check_same_thread=False)
        try:
            # Fails while another process does the same, and on file systems without shared memory.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            for statement in self._schema:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def reset_after_fork(self) -> None:
        """Replace lock and connection in a child process; the next statement connects again.

        SQLite's handles don't survive a fork, and the lock may be held by a thread that exists in the parent only.
        """
        self._lock = threading.Lock()
        if self._connection is not None and self.path != IN_MEMORY:
            self._parent_connections.append(self._connection)
            self._connection = None


def _reset_databases() -> None:
    for database in _databases:
        database.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_databases)
