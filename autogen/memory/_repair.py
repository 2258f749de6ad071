"""Repair of a damaged store: what can be read goes into a new file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .._sqlite_guard import limited_work, open_for_reading
from ._memo_file import FILE, MemoFile

_QUERY = "SELECT id, namespace, input, output, said_by, created, updated FROM memos WHERE id > ? ORDER BY id LIMIT 1"
# The pages between two sound ones may be lost: so many numbers without a memo are tried.
_MAX_GAP = 10_000


def repair_store(folder: str | os.PathLike[str]) -> tuple[int, Path]:
    """Move the damaged file of a store away, and put the memos that can be read into a new one.

    Args:
        folder: Folder of the store.

    Returns:
        The number of memos in the new file, and the path that the old file has now.

    Raises:
        FileNotFoundError: if there is no store.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise FileNotFoundError(f"There is no store of memos in {folder}.")
    memos = list(_salvage(path))
    damaged, number = path.with_name(f"{FILE}.damaged"), 1
    while damaged.exists():
        number += 1
        damaged = path.with_name(f"{FILE}.damaged{number}")
    for suffix in ("", "-wal", "-shm"):
        source = Path(f"{path}{suffix}")
        if source.exists():
            os.replace(source, f"{damaged}{suffix}")
    file = MemoFile(Path(folder))
    with file.file.write() as connection:
        for memo in memos:
            file.insert(connection, memo, None)
    file.file.close()
    return len(memos), damaged


def _salvage(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the memos of a file that can be read, one by one."""
    try:
        connection = open_for_reading(path)
    except sqlite3.Error:
        return
    with closing(connection):
        number, last = 0, 0
        while number <= last + _MAX_GAP:
            try:
                with limited_work(connection, path):
                    row = connection.execute(_QUERY, (number,)).fetchone()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return
                number += 1
                continue
            except sqlite3.DatabaseError:
                number += 1
                continue
            if row is None:
                return
            number = last = row[0]
            texts, times = row[1:5], row[5:]
            is_sound = all(isinstance(text, str) for text in texts) and all(isinstance(time, float) for time in times)
            if is_sound and row[2] and row[3]:
                created, updated = (datetime.fromtimestamp(time, timezone.utc) for time in times)
                fields = dict(zip(("namespace", "input", "output", "said_by"), texts, strict=True))
                yield {**fields, "created": created, "updated": updated}
