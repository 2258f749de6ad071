"""A cache on disk: JSON in one SQLite file. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

logger = logging.getLogger(__name__)

FILE = "answers.db"
WAIT = 10.0  # seconds for another process's write to end

_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL)"


class DiskCache:
    """A cache in a directory, shared by any number of threads and processes.

    The directory is made by the first `set`. Where it can't be written, or the file in it is damaged beyond use, there is
    one warning, and the cache holds nothing.

    Args:
        seed: The path of the directory.
    """

    def __init__(self, seed: str | int | Path) -> None:
        self._file = Path(str(seed), FILE)
        self._local = threading.local()
        self._open: set[sqlite3.Connection] = set()
        self._given_up = False

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`. An entry that can't be read is not there."""
        if self._given_up or not self._file.exists():
            return default
        try:
            row = self._connection().execute("SELECT value FROM answers WHERE key = ?", (_hashed(key),)).fetchone()
            return default if row is None else json.loads(row[0])
        except json.JSONDecodeError:
            return default
        except sqlite3.Error as error:
            self._recover(error)
            return default

    def set(self, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: JSON can't hold it.
        """
        text = json.dumps(value)
        if self._given_up:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            row = (_hashed(key), text, time.time())
            with self._connection() as connection:
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)
        except (OSError, sqlite3.Error) as error:
            self._recover(error)

    def close(self) -> None:
        """Close this thread's connection; the next use opens it again."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._open.discard(connection)
            connection.close()
            self._local.connection = None

    def __del__(self) -> None:
        for connection in self._open:
            connection.close()

    def __enter__(self) -> DiskCache:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, in this process: SQLite's handles don't survive a fork."""
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is None or self._local.process != os.getpid():
            known = sqlite3.connect(self._file, timeout=WAIT, check_same_thread=False)  # closed by whoever drops the cache
            self._open.add(known)
            self._local.connection, self._local.process = known, os.getpid()
            with suppress(sqlite3.OperationalError):  # another process is just doing it
                known.execute("PRAGMA journal_mode = WAL")
            known.execute("PRAGMA synchronous = NORMAL")
            known.execute(_SCHEMA)
        return known

    def _recover(self, error: Exception) -> None:
        """A damaged file is set aside and begun anew; a busy one is passed over; else the cache stops being used."""
        self.close()
        if "locked" in str(error):
            logger.warning("The cache %s is busy: an answer is not cached.", self._file)
            return
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged and self._set_aside():
            logger.warning("The cache %s is damaged (%s): it was set aside, and begins anew.", self._file, error)
            return
        self._given_up = True
        logger.warning("The cache %s can't be used, nothing is cached: %s", self._file, error)

    def _set_aside(self) -> bool:
        try:
            self._file.replace(self._file.with_name(f"{FILE}.damaged-{time.time_ns()}"))
        except OSError:
            return False
        return True


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
