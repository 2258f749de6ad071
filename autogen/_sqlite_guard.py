"""Protection against SQLite files that are damaged, or made to harm their reader.

A file may hold an endless view where a table is expected, triggers, pages that refer to each other in circles, or cells
that claim to have a gigabyte. So a file is used only if its schema is exactly the expected one, and the work of each query
is limited by the size of the file: no sound file needs more.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The handler is called once for so many instructions of SQLite's virtual machine.
_INTERVAL = 10_000
_FREE_INSTRUCTIONS = 2_000_000
# A row takes about ten instructions to read or to delete, and more than ten bytes.
_INSTRUCTIONS_PER_BYTE = 10
_FREE_BYTES = 2**24
# More tables and indexes than any file of this package has.
_MAX_ENTRIES = 50
# SQLite's files beside a database; the first is the database itself.
_SUFFIXES = ("", "-wal", "-journal")


class UnexpectedSchema(sqlite3.DatabaseError):
    """The tables of a file are not those that are expected."""


class ExcessiveWork(sqlite3.DatabaseError):
    """A query found more data than a file of this size can hold."""


def open_database(path: Path, mode: str, **options: Any) -> sqlite3.Connection:
    """Open a file, so that its schema can't call functions of the program.

    Args:
        path: The file.
        mode: `ro`, `rw` or `rwc`, as in a URI of SQLite.
        **options: Keyword arguments for `sqlite3.connect`.

    Raises:
        sqlite3.Error: The file can't be opened.
    """
    connection: sqlite3.Connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, **options)
    try:
        harden(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that is only read, also if it was left in WAL mode in a folder where nobody may write.

    Raises:
        sqlite3.Error: The file can't be opened.
    """
    connection = open_database(path, "ro")
    try:
        # The file is opened by the first query that reads it.
        connection.execute("PRAGMA schema_version").fetchall()
    except sqlite3.OperationalError:
        connection.close()
        log = Path(f"{path}-wal")
        # Without a log nothing is missing in the file, and nobody can add to it.
        if os.access(path.parent, os.W_OK) or (log.exists() and log.stat().st_size):
            raise
        return open_database(path, "ro&immutable=1")
    except BaseException:
        connection.close()
        raise
    return connection


def harden(connection: sqlite3.Connection) -> None:
    """Switch off everything that a file could misuse and a table of data doesn't need."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def limit_work(connection: sqlite3.Connection, *paths: Path) -> None:
    """Give the following queries of a connection a number of instructions that depends on the sizes of its files.

    A query that needs more is interrupted with a `sqlite3.OperationalError`; `fetch_all` turns it into `ExcessiveWork`.
    """
    size = sum(map(_measure, paths))
    remaining = (_FREE_INSTRUCTIONS + _INSTRUCTIONS_PER_BYTE * size) // _INTERVAL

    def count() -> bool:
        nonlocal remaining
        remaining -= 1
        return remaining < 0

    connection.set_progress_handler(count, _INTERVAL)


@contextmanager
def limited_work(connection: sqlite3.Connection, *paths: Path) -> Iterator[None]:
    """Limit the work of the queries in a `with` block; see `limit_work`."""
    limit_work(connection, *paths)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def check_schema(
    connection: sqlite3.Connection,
    path: Path,
    expected: Mapping[str, str],
    *,
    database: str = "main",
    only: Collection[str] = (),
) -> frozenset[str]:
    """Check that a file has no tables and indexes except the expected ones, exactly as they were created.

    Args:
        connection: The connection, whose work is limited.
        path: The file.
        expected: The `CREATE` statements of tables and indexes, by name. Those that SQLite makes itself are allowed, too.
        database: Name of the attached database.
        only: Names of the tables to check; empty for all.

    Returns:
        The names of the expected tables and indexes that exist.

    Raises:
        UnexpectedSchema: It has others, or these were created in another way.
        ExcessiveWork: The file holds more than its size allows.
        sqlite3.Error: The file can't be read.
    """
    existing = set()
    query = f"SELECT type, name, tbl_name, sql FROM {database}.sqlite_master LIMIT {_MAX_ENTRIES}"
    for row in fetch_all(connection, path, query):
        kind, name, table, sql = map(_decode, row)
        if (only and name not in only) or (kind == "index" and not sql and table in expected):
            continue
        if name not in expected or _normalize(sql) != _normalize(expected[name]):
            raise UnexpectedSchema(f"the {kind} {name!r:.60} is not expected in it")
        existing.add(name)
    [[page_count]] = fetch_all(connection, path, f"PRAGMA {database}.page_count")
    [[page_size]] = fetch_all(connection, path, f"PRAGMA {database}.page_size")
    # A copy would write all of these pages.
    if page_count * page_size > _get_byte_limit(path):
        raise ExcessiveWork("its header claims more pages than it has")
    return frozenset(existing)


def fetch_all(connection: sqlite3.Connection, path: Path, query: str, parameters: Sequence[object] = ()) -> list[Any]:
    """Return the rows of a query, which together are not longer than the file.

    Raises:
        ExcessiveWork: The query finds more than that.
        sqlite3.Error: The file can't be read.
    """
    rows = []
    allowed = _get_byte_limit(path)
    try:
        for row in connection.execute(query, parameters):
            allowed -= sum(len(value) for value in row if isinstance(value, (str, bytes)))
            if allowed < 0:
                raise ExcessiveWork("it claims more data than it holds")
            rows.append(row)
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise ExcessiveWork("it claims more data than it holds") from error
        raise
    return rows


def _decode(value: object) -> str:
    """Return a value of a schema as text, empty for NULL; the connection may read texts as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _normalize(sql: str) -> str:
    return " ".join(sql.replace("IF NOT EXISTS ", "").split())


def _get_byte_limit(path: Path) -> int:
    # Another process may write at the same time.
    return _FREE_BYTES + 4 * _measure(path)


def _measure(path: Path) -> int:
    """Return the size of a database in bytes, with the files beside it."""
    size = 0
    for suffix in _SUFFIXES:
        try:
            size += os.stat(f"{path}{suffix}").st_size
        # The file beside it, or the database itself, is not there.
        except OSError:
            continue
    return size
