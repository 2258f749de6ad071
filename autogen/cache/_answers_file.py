"""The SQLite file of a cache on disk: its table, its limit, and what becomes of failures."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

from ._backend import Outage
from ._shared_file import Damaged, SharedFile, is_busy

logger = logging.getLogger(__name__)

_LONGEST = 900_000_000  # characters: SQLite holds a billion bytes in a value
_BESIDES = 200  # bytes that a row takes beside its value, roughly

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL)"
_AGES = "CREATE INDEX IF NOT EXISTS ages ON answers (stored)"
_MERGE = """
INSERT INTO answers (key, value, stored)
SELECT key, value, stored FROM other.answers
WHERE typeof(key) = 'text' AND typeof(value) = 'text' AND typeof(stored) = 'real'
ON CONFLICT (key) DO UPDATE SET value = excluded.value, stored = excluded.stored WHERE excluded.stored > answers.stored
"""


class AnswersFile(SharedFile):
    """Texts under keys, in one file."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._reads = Outage(str(file))
        self._writes = Outage(str(file), "can't be written, nothing new is cached")

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        connection.execute(_TABLE)
        self.check(connection)
        connection.execute(_AGES)

    def check(self, connection: sqlite3.Connection) -> None:
        """Look for the table, and read its texts as bytes: they may be anything."""
        connection.text_factory = bytes
        try:
            connection.execute("SELECT key, value, stored FROM answers LIMIT 0")
        except sqlite3.OperationalError as error:
            if "no such" not in str(error):
                raise
            raise sqlite3.DatabaseError(f"it is not the file of a cache: {error}") from error

    def find(self, key: str) -> Any:
        """The text of a key, as bytes; None if there is none that can be read."""
        if self._reads.lasts:
            return None
        try:
            with self.connection(make=False) as connection:
                if connection is None:
                    return None
                rows = connection.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchall()
        except FileNotFoundError:
            return None
        except (Damaged, OSError, sqlite3.Error) as error:
            self._failed(error, self._reads)
            return None
        return rows[0][0] if rows else None

    def keep(self, key: str, text: str, limit: int | None) -> None:
        """Keep a text, and throw out the oldest ones if the file holds more than `limit` bytes."""
        for again in (True, False):
            if self._reads.lasts or self._writes.lasts:
                return
            try:
                with self.connection(make=True) as connection:
                    assert connection is not None
                    _put(connection, key, text, limit)
                return
            except FileNotFoundError as error:
                if not again:  # else somebody removed the directory in this moment
                    self._failed(error, self._writes)
            except (Damaged, OSError, sqlite3.Error) as error:
                if not self._failed(error, self._writes):
                    return

    def merge(self, other: Path, limit: int | None) -> int:
        """Take over the texts of another file; where both have a key, the one that was stored later stays.

        Returns:
            How many were taken.

        Raises:
            Damaged, OSError, sqlite3.Error: One of the files can't be used.
        """
        with self.connection(make=True) as connection:
            assert connection is not None
            _attach(connection, other)
            try:
                taken = connection.execute(_MERGE).rowcount
            except sqlite3.DatabaseError as error:
                raise OSError(str(error)) from error  # it may be the other file that is damaged: this one stays
            finally:
                connection.execute("DETACH other")
            _evict(connection, limit)
        return taken

    def _failed(self, error: Exception, outage: Outage) -> bool:
        """Say what happened. True: the next use begins a new file."""
        if isinstance(error, Damaged):
            logger.warning("The cache %s is damaged (%s): it was set aside, and begins anew.", self.file, error)
            return True
        if is_busy(error):
            logger.warning("The cache %s is busy: an answer is not cached.", self.file)
            return False
        self.close()
        outage.begin(error)
        return False


def _put(connection: sqlite3.Connection, key: str, text: str, limit: int | None) -> None:
    if len(text) > min(limit or _LONGEST, _LONGEST):
        connection.execute("DELETE FROM answers WHERE key = ?", (key,))  # what it would replace is not true any more
        return
    connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, text, time.time()))
    _evict(connection, limit)


def _evict(connection: sqlite3.Connection, limit: int | None) -> None:
    """Delete from the oldest on, until the file holds no more than the limit."""
    if limit is None or _size(connection) <= limit:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        while (excess := _size(connection) - limit) > 0 and (oldest := _oldest(connection, excess)):
            connection.executemany("DELETE FROM answers WHERE rowid = ?", oldest)


def _oldest(connection: sqlite3.Connection, size: int) -> list[tuple[int]]:
    """The rows that were stored longest ago and hold so many bytes together."""
    found: list[tuple[int]] = []
    rows = connection.execute("SELECT rowid, length(value) FROM answers ORDER BY stored, rowid")
    for row, length in rows:
        found.append((row,))
        size -= length + _BESIDES
        if size <= 0:
            break
    rows.close()
    return found


def _size(connection: sqlite3.Connection) -> int:
    """The bytes in use; what SQLite knows without looking at the table."""
    pages, unused, size = (
        connection.execute(f"PRAGMA main.{name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - unused) * size)


def _attach(connection: sqlite3.Connection, other: Path) -> None:
    """Put another file beside this one, as `other`.

    Raises:
        OSError: It can't be read.
    """
    try:
        _attach_by(connection, other.absolute().as_uri() + "?mode=rw")
    except sqlite3.OperationalError as error:
        try:
            _attach_by(connection, other.absolute().as_uri() + "?mode=ro&immutable=1")  # nobody can write to it
        except sqlite3.DatabaseError:
            raise OSError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise OSError(str(error)) from error


def _attach_by(connection: sqlite3.Connection, uri: str) -> None:
    connection.execute("ATTACH ? AS other", (uri,))
    try:
        connection.execute("SELECT key FROM other.answers LIMIT 1").fetchall()
    except sqlite3.DatabaseError:
        connection.execute("DETACH other")
        raise
