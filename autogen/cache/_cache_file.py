"""The SQLite file of a cache on disk: its table, its size limit, and its failures."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from .._sqlite_guard import ExcessiveWork, UnexpectedSchema, check_schema, limited_work
from ._backend import Outage
from ._shared_file import DamagedFile, SharedFile, is_busy

logger = logging.getLogger(__name__)

# SQLite holds a billion bytes in a value.
_MAX_LENGTH = 900_000_000  # characters
# The space that a row takes beside its value, roughly.
_ROW_OVERHEAD = 200  # bytes

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL)"
_INDEX = "CREATE INDEX IF NOT EXISTS ages ON answers (stored)"
_SCHEMA = {"answers": _TABLE, "ages": _INDEX}
_MERGE = """
INSERT INTO answers (key, value, stored)
SELECT key, value, stored FROM other.answers
WHERE typeof(key) = 'text' AND typeof(value) = 'text' AND typeof(stored) = 'real'
ON CONFLICT (key) DO UPDATE SET value = excluded.value, stored = excluded.stored WHERE excluded.stored > answers.stored
"""


class CacheFile(SharedFile):
    """Texts under keys, in one file.

    Args:
        file: The path of the file.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._read_outage = Outage(str(file))
        self._write_outage = Outage(str(file), "can't be written, nothing new is cached")

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Create the table."""
        # The directory may come from somebody else, so the tables are checked before the first write.
        self._check(connection)
        connection.execute(_TABLE)
        connection.execute(_INDEX)
        self.validate(connection)

    def validate(self, connection: sqlite3.Connection) -> None:
        """Check that the table exists.

        Raises:
            sqlite3.DatabaseError: If it doesn't.
        """
        # A damaged text may be no valid UTF-8, and the driver would raise while it fetches the row.
        connection.text_factory = bytes
        if "answers" not in self._check(connection):
            raise sqlite3.DatabaseError("it is not the file of a cache: it has no answers")

    def _check(self, connection: sqlite3.Connection) -> frozenset[str]:
        try:
            with limited_work(connection, self.file):
                return check_schema(connection, self.file, _SCHEMA)
        except (UnexpectedSchema, ExcessiveWork) as error:
            raise sqlite3.DatabaseError(f"it is not the file of a cache: {error}") from error

    def get(self, key: str) -> bytes | None:
        """Return the text of a key, None if there is none, or an unreadable one."""
        if self._read_outage.is_active:
            return None
        try:
            with self.connect(create=False) as connection:
                if connection is None:
                    return None
                rows = connection.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchall()
        except FileNotFoundError:
            return None
        except (DamagedFile, OSError, sqlite3.Error) as error:
            self._handle_failure(error, self._read_outage)
            return None
        return rows[0][0] if rows else None

    def set(self, key: str, text: str, limit: int | None) -> None:
        """Store a text, and delete the oldest texts if the file exceeds its limit.

        Args:
            key: The key.
            text: The text.
            limit: The size limit in bytes; None for no limit.
        """
        for is_retry in (False, True):
            if self._read_outage.is_active or self._write_outage.is_active:
                return
            try:
                with self.connect(create=True) as connection:
                    assert connection is not None
                    _put(connection, self.file, key, text, limit)
                return
            except FileNotFoundError as error:
                # The first time, somebody may have removed the directory at that moment.
                if is_retry:
                    self._handle_failure(error, self._write_outage)
            except (DamagedFile, OSError, sqlite3.Error) as error:
                if not self._handle_failure(error, self._write_outage):
                    return

    def merge(self, other: Path, limit: int | None) -> int:
        """Copy the texts of another file. For keys in both files, the text that was stored later is kept.

        Args:
            other: The path of the other file.
            limit: The size limit of this file in bytes; None for no limit.

        Returns:
            The number of copied texts.

        Raises:
            DamagedFile: if this file is damaged.
            OSError: if the other file can't be used.
            sqlite3.Error: If this file can't be used.
        """
        with self.connect(create=True) as connection:
            assert connection is not None
            _attach(connection, other)
            try:
                with limited_work(connection, self.file, other):
                    count = connection.execute(_MERGE).rowcount
            # Not passed on as it is: the other file may be the damaged one, and this one must not be renamed.
            except sqlite3.DatabaseError as error:
                raise OSError(str(error)) from error
            finally:
                connection.execute("DETACH other")
            _evict(connection, self.file, limit)
        return count

    def _handle_failure(self, error: Exception, outage: Outage) -> bool:
        """Log a failure and start an outage if it will last. Return True if the next use starts a new file."""
        if isinstance(error, DamagedFile):
            logger.warning("The cache %s is damaged (%s): it was renamed, and a new cache is started.", self.file, error)
            return True
        if is_busy(error):
            logger.warning("The cache %s is busy: a response is not cached.", self.file)
            return False
        # The file may be replaced or repaired in the meantime, so it is opened again afterwards.
        self.close()
        outage.begin(error)
        return False


def _put(connection: sqlite3.Connection, file: Path, key: str, text: str, limit: int | None) -> None:
    if len(text) > min(limit or _MAX_LENGTH, _MAX_LENGTH):
        # The text is too long to store, but the text that it replaces is outdated.
        connection.execute("DELETE FROM answers WHERE key = ?", (key,))
        return
    connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, text, time.time()))
    _evict(connection, file, limit)


def _evict(connection: sqlite3.Connection, file: Path, limit: int | None) -> None:
    """Delete the oldest texts until the file is within its limit."""
    if limit is None or _get_size(connection) <= limit:
        return
    # One transaction: two processes that evict at the same time would delete twice as much.
    with limited_work(connection, file), connection:
        connection.execute("BEGIN IMMEDIATE")
        while (excess := _get_size(connection) - limit) > 0 and (rows := _find_oldest(connection, excess)):
            connection.executemany("DELETE FROM answers WHERE rowid = ?", rows)


def _find_oldest(connection: sqlite3.Connection, size: int) -> list[tuple[int]]:
    """Return the ids of the oldest rows that together hold `size` bytes."""
    ids: list[tuple[int]] = []
    rows = connection.execute("SELECT rowid, length(value) FROM answers ORDER BY stored, rowid")
    for row_id, length in rows:
        ids.append((row_id,))
        size -= length + _ROW_OVERHEAD
        if size <= 0:
            break
    rows.close()
    return ids


def _get_size(connection: sqlite3.Connection) -> int:
    """Return the bytes in use, from SQLite's page counters; the table is not read."""
    pages, unused, size = (
        connection.execute(f"PRAGMA main.{name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - unused) * size)


def _attach(connection: sqlite3.Connection, other: Path) -> None:
    """Attach another file as the schema `other`.

    Raises:
        OSError: if the file can't be read.
    """
    try:
        _attach_uri(connection, other, "rw")
    except sqlite3.OperationalError as error:
        # Without write access, the file can only be read as immutable.
        try:
            _attach_uri(connection, other, "ro&immutable=1")
        except sqlite3.DatabaseError:
            raise OSError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise OSError(str(error)) from error


def _attach_uri(connection: sqlite3.Connection, other: Path, mode: str) -> None:
    connection.execute("ATTACH ? AS other", (f"{other.absolute().as_uri()}?mode={mode}",))
    try:
        with limited_work(connection, other):
            if "answers" not in check_schema(connection, other, _SCHEMA, database="other"):
                raise sqlite3.DatabaseError("it is not the file of a cache: it has no answers")
    except sqlite3.DatabaseError:
        connection.execute("DETACH other")
        raise
