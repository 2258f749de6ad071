"""The SQLite file of memos: their texts, a full-text index of them, and their vectors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..retrieval._index_file import IndexFile
from ..retrieval._keywords import TOKENIZER, build_fast_match, quote_word, split_query, to_score
from ..retrieval._matrix import VectorMatrix, build_matrix, to_arrays
from ._records import Memo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "memos.db"
# AUTOINCREMENT: the number of a deleted memo is not given to another.
TABLES = (
    "CREATE TABLE IF NOT EXISTS memos (id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, input TEXT NOT NULL, "
    "output TEXT NOT NULL, said_by TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, vector BLOB)",
    "CREATE INDEX IF NOT EXISTS namespaces ON memos (namespace)",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(input, output, content = 'memos', content_rowid = 'id', "
    f"tokenize = '{TOKENIZER}')",
)
_COLUMNS = "id, namespace, input, output, said_by, created, updated"
# SQLite allows 999 parameters in a query, in old builds.
_BATCH = 500


class MemoFile:
    """The file, whose methods work within a transaction.

    Args:
        folder: Folder of the file; None for memos in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        path = None if folder is None else folder / FILE
        self.file = IndexFile(
            path, TABLES, "a store of memos", f"`autogen memory repair {folder}` moves it away, and keeps what can be read"
        )
        self._matrices: dict[str, VectorMatrix] = {}

    def get_setting(self, connection: sqlite3.Connection, name: str, default: Any = None) -> Any:
        """Return a setting of the file."""
        row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else row[0]

    def set_setting(self, connection: sqlite3.Connection, name: str, value: object) -> None:
        """Store a setting of the file."""
        connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    def insert(self, connection: sqlite3.Connection, fields: dict[str, Any], vector: NDArray[np.float32] | None) -> int:
        """Insert a memo, and return its number."""
        blob = None if vector is None else vector.astype("<f4").tobytes()
        row = (
            fields["namespace"],
            fields["input"],
            fields["output"],
            fields["said_by"],
            fields["created"].timestamp(),
            fields["updated"].timestamp(),
            blob,
        )
        query = (
            "INSERT INTO memos (namespace, input, output, said_by, created, updated, vector) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        number = connection.execute(query, row).lastrowid
        assert number is not None
        query = "INSERT INTO words (rowid, input, output) VALUES (?, ?, ?)"
        connection.execute(query, (number, fields["input"], fields["output"]))
        return number

    def delete(self, connection: sqlite3.Connection, ids: Iterable[int]) -> int:
        """Delete memos, and return how many existed."""
        count = 0
        for number in ids:
            query = (
                "INSERT INTO words (words, rowid, input, output) SELECT 'delete', id, input, output FROM memos WHERE id = ?"
            )
            connection.execute(query, (number,))
            count += connection.execute("DELETE FROM memos WHERE id = ?", (number,)).rowcount
        self._mark_changed(connection)
        return count

    def update(self, connection: sqlite3.Connection, memo: Memo, *, keeps_vector: bool) -> None:
        """Replace the texts and times of a memo. Without its vector, the next search makes it again."""
        query = "INSERT INTO words (words, rowid, input, output) SELECT 'delete', id, input, output FROM memos WHERE id = ?"
        connection.execute(query, (memo.id,))
        vector = "vector" if keeps_vector else "NULL"
        query = f"UPDATE memos SET input = ?, output = ?, said_by = ?, updated = ?, vector = {vector} WHERE id = ?"
        connection.execute(query, (memo.input, memo.output, memo.said_by, memo.updated.timestamp(), memo.id))
        query = "INSERT INTO words (rowid, input, output) VALUES (?, ?, ?)"
        connection.execute(query, (memo.id, memo.input, memo.output))
        if not keeps_vector:
            self._mark_changed(connection)

    def touch(self, connection: sqlite3.Connection, number: int, time: datetime) -> None:
        """Renew the date of a memo."""
        connection.execute("UPDATE memos SET updated = ? WHERE id = ?", (time.timestamp(), number))

    def load(self, connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Memo]:
        """Return memos by their numbers; unknown numbers are left out."""
        memos = {}
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            query = f"SELECT {_COLUMNS} FROM memos WHERE id IN ({','.join('?' * len(batch))})"
            memos.update({row[0]: _make_memo(row) for row in connection.execute(query, batch)})
        return memos

    def iterate(self, connection: sqlite3.Connection, namespace: str | None) -> Iterator[Memo]:
        """Yield the memos of a namespace, or all for None, in the order of their numbers."""
        query = f"SELECT {_COLUMNS} FROM memos WHERE :name IS NULL OR namespace = :name ORDER BY id"
        for row in connection.execute(query, {"name": namespace}):
            yield _make_memo(row)

    def list_namespaces(self, connection: sqlite3.Connection) -> list[str]:
        """Return the namespaces that have memos."""
        return [name for (name,) in connection.execute("SELECT DISTINCT namespace FROM memos ORDER BY namespace")]

    def count(self, connection: sqlite3.Connection, namespace: str) -> int:
        """Return the number of memos of a namespace."""
        count: int = connection.execute("SELECT count(*) FROM memos WHERE namespace = ?", (namespace,)).fetchone()[0]
        return count

    def get_last_id(self, connection: sqlite3.Connection) -> int:
        """Return the highest number that a memo ever had; 0 for none."""
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'memos'").fetchone()
        return 0 if row is None else int(row[0])

    def clear(self, connection: sqlite3.Connection, namespace: str) -> None:
        """Delete the memos of a namespace. In an empty store, numbers begin with 1 again."""
        ids = [row[0] for row in connection.execute("SELECT id FROM memos WHERE namespace = ?", (namespace,))]
        self.delete(connection, ids)
        if connection.execute("SELECT 1 FROM memos LIMIT 1").fetchone() is None:
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'memos'")

    def score_words(self, connection: sqlite3.Connection, text: str, namespace: str) -> dict[int, float]:
        """Return the BM25 scores of the memos of a namespace that have words of a text."""
        match = build_fast_match(connection, text)
        if not match:
            return {}
        # A cross join is not reordered: to look up the words of each memo would take a hundred times longer.
        query = (
            "SELECT words.rowid, bm25(words) FROM words CROSS JOIN memos ON memos.id = words.rowid "
            "WHERE words MATCH ? AND memos.namespace = ?"
        )
        return {number: to_score(rank) for number, rank in connection.execute(query, (match, namespace))}

    def measure_words(self, connection: sqlite3.Connection, text: str, namespace: str) -> dict[int, float]:
        """Return a distance for each memo that has words of a text: twice the part of the words that it lacks."""
        words = [quote_word(word) for word in split_query(text)]
        counts: dict[int, int] = {}
        query = (
            "SELECT words.rowid FROM words CROSS JOIN memos ON memos.id = words.rowid "
            "WHERE words MATCH ? AND memos.namespace = ?"
        )
        for word in words:
            for (number,) in connection.execute(query, (word, namespace)):
                counts[number] = counts.get(number, 0) + 1
        return {number: 2.0 - 2.0 * count / len(words) for number, count in counts.items()}

    def measure_vectors(
        self, connection: sqlite3.Connection, vector: NDArray[np.float32], namespace: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers of the memos of a namespace, and their similarities to a unit vector."""
        generation = self.get_setting(connection, "generation", 0)
        matrix = self._matrices.get(namespace)
        last = 0
        if matrix is not None and matrix.generation == generation:
            last = matrix.last_row
        query = "SELECT id, vector FROM memos WHERE id > ? AND namespace = ? AND vector IS NOT NULL ORDER BY id"
        rows = connection.execute(query, (last, namespace))
        if not last or matrix is None:
            matrix = build_matrix(generation, vector.size, rows)
        else:
            matrix.append(*to_arrays(rows, vector.size))
        self._matrices[namespace] = matrix
        return matrix.measure(vector)

    def find_pairs(self, connection: sqlite3.Connection, ids: Sequence[int], similarity: float) -> set[tuple[int, int]]:
        """Return the pairs of memos whose vectors have at least a similarity."""
        rows: list[tuple[int, bytes]] = []
        for number in ids:
            query = "SELECT id, vector FROM memos WHERE id = ? AND vector IS NOT NULL"
            rows += connection.execute(query, (number,)).fetchall()
        if len(rows) < 2:
            return set()
        numbers, vectors = to_arrays(rows, len(rows[0][1]) // 4)
        similarities = vectors @ vectors.T
        count = len(numbers)
        return {
            (int(numbers[i]), int(numbers[j]))
            for i in range(count)
            for j in range(i + 1, count)
            if similarities[i, j] > similarity
        }

    def list_without_vector(self, connection: sqlite3.Connection) -> list[tuple[int, str]]:
        """Return the numbers and inputs of the memos without a vector."""
        return connection.execute("SELECT id, input FROM memos WHERE vector IS NULL ORDER BY id").fetchall()

    def store_vectors(
        self, connection: sqlite3.Connection, inputs: Sequence[tuple[int, str]], vectors: NDArray[np.float32]
    ) -> None:
        """Store vectors of memos whose inputs are still the same."""
        rows = [
            (vector.astype("<f4").tobytes(), number, text) for (number, text), vector in zip(inputs, vectors, strict=True)
        ]
        connection.executemany("UPDATE memos SET vector = ? WHERE id = ? AND input = ?", rows)
        self._mark_changed(connection)

    def forget_vectors(self, connection: sqlite3.Connection) -> None:
        """Delete all vectors."""
        connection.execute("UPDATE memos SET vector = NULL")
        self._mark_changed(connection)

    def _mark_changed(self, connection: sqlite3.Connection) -> None:
        """Let all processes read the vectors again. New memos alone are read without it."""
        self.set_setting(connection, "generation", self.get_setting(connection, "generation", 0) + 1)


def _make_memo(row: tuple[Any, ...]) -> Memo:
    number, namespace, text, output, said_by, created, updated = row
    times = [datetime.fromtimestamp(time, timezone.utc) for time in (created, updated)]
    return Memo(
        id=number, namespace=namespace, input=text, output=output, said_by=said_by, created=times[0], updated=times[1]
    )
