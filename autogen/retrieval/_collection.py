"""`IndexCollection`: the entries of a collection, and the search in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .._extras import require
from ._index_file import IndexFile
from ._keywords import count_words, estimate_full_score, quote_word, select_words, to_score
from ._matrix import VectorMatrix, build_matrix, read_matrix, to_arrays, to_parts, to_unit
from ._ranking import choose_keyword_weight, rank_hybrid
from ._records import IndexEntry, IndexHit, SearchMode, check_search_mode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A hybrid search ranks so many of the best by meaning and of the best by words, and more if more results are asked for.
_POOL = 100
# SQLite allows 999 parameters in a query, in old builds.
_BATCH = 500


@dataclass(frozen=True)
class CollectionInfo:
    """The properties that a collection was created with."""

    scope: str
    name: str
    embedder: str | None
    metadata: Mapping[str, object]


def get_matrix_path(folder: Path, scope: str) -> Path:
    """Return the path of the file with the vectors of a collection."""
    return folder / f"vectors-{scope}.f32"


class IndexCollection:
    """A collection of a `TextIndex`, which creates it.

    Attributes:
        info: The properties that it was created with.
    """

    def __init__(self, file: IndexFile, info: CollectionInfo) -> None:
        self.info = info
        self._file = file
        self._matrix: VectorMatrix | None = None

    @property
    def name(self) -> str:
        """The name."""
        return self.info.name

    @property
    def embedder(self) -> str | None:
        """Identity of the embedder that made the vectors; None if it is unknown."""
        return self.info.embedder

    @property
    def metadata(self) -> Mapping[str, object]:
        """The metadata that it was created with."""
        return self.info.metadata

    @property
    def dimension(self) -> int | None:
        """The dimension of the vectors; None as long as there are none."""
        with self._file.read() as connection:
            return self._get_state(connection)[1]

    def count(self) -> int:
        """Return the number of entries."""
        with self._file.read() as connection:
            self._get_state(connection)
            assert connection is not None
            query = "SELECT count(*) FROM entries WHERE scope = ?"
            count: int = connection.execute(query, (self.info.scope,)).fetchone()[0]
            return count

    def add(self, entries: Iterable[IndexEntry], *, replace: bool = False) -> list[str | int]:
        """Add entries, all or none of them.

        Args:
            entries: The entries. Of two with the same id, the later counts.
            replace: True to replace existing entries, False to leave them as they are.

        Returns:
            The ids of the entries that were added or replaced.

        Raises:
            ValueError: if a vector is not finite, or has another dimension than those of the collection.
            TypeError: if the metadata have no JSON form.
        """
        by_id = {entry.id: entry for entry in entries}
        if not by_id:
            return []
        with self._file.write() as connection:
            dimension = self._get_state(connection)[1]
            existing = self._find_rows(connection, list(by_id))
            if replace:
                self._remove(connection, existing)
            else:
                by_id = {key: entry for key, entry in by_id.items() if key not in existing}
            for entry in by_id.values():
                dimension = self._insert(connection, entry, dimension)
        return list(by_id)

    def list_without_vectors(self, n: int | None = None) -> list[IndexEntry]:
        """Return entries that have no vector, in the order in which they were added.

        Args:
            n: The maximum number of entries; None for no limit.
        """
        with self._file.read() as connection:
            self._get_state(connection)
            assert connection is not None
            query = "SELECT row FROM entries WHERE scope = ? AND vector IS NULL ORDER BY row LIMIT ?"
            rows = [row for (row,) in connection.execute(query, (self.info.scope, -1 if n is None else n))]
            entries = self._load(connection, rows)
        return [entries[row] for row in rows]

    def count_without_vectors(self) -> int:
        """Return the number of entries that have no vector."""
        with self._file.read() as connection:
            self._get_state(connection)
            assert connection is not None
            query = "SELECT count(*) FROM entries WHERE scope = ? AND vector IS NULL"
            count: int = connection.execute(query, (self.info.scope,)).fetchone()[0]
            return count

    def set_vectors(self, vectors: Mapping[str | int, object], parts: Mapping[str | int, object] | None = None) -> None:
        """Give entries their vectors, all or none of them. Ids that are not there are ignored.

        Args:
            vectors: The vectors by the ids of the entries.
            parts: Further vectors of entries, as the rows of a matrix, by the same ids.

        Raises:
            ValueError: if a vector is not finite, or has another dimension than those of the collection.
        """
        if not vectors:
            return
        with self._file.write() as connection:
            dimension = self._get_state(connection)[1]
            rows = self._find_rows(connection, list(vectors))
            for key, row in rows.items():
                unit = to_unit(vectors[key], dimension)
                dimension = unit.size
                connection.execute("UPDATE entries SET vector = ? WHERE row = ?", (unit.astype("<f4").tobytes(), row))
                _write_parts(connection, row, (parts or {}).get(key), dimension)
            # A matrix in memory has the rows before it, and would not look at this one again.
            query = "UPDATE collections SET dimension = ?, generation = generation + 1 WHERE scope = ?"
            connection.execute(query, (dimension, self.info.scope))

    def delete(self, ids: Iterable[str | int]) -> int:
        """Delete entries by their ids; unknown ids are ignored. Returns the number of deleted entries."""
        with self._file.write() as connection:
            self._get_state(connection)
            rows = self._find_rows(connection, list(dict.fromkeys(ids)))
            self._remove(connection, rows)
        return len(rows)

    def get(self, ids: Iterable[str | int] | None = None, *, n: int | None = None, containing: str = "") -> list[IndexEntry]:
        """Return entries, in the order of their ids or, without ids, in the order in which they were added.

        Args:
            ids: The ids; unknown ids are left out. None for all entries.
            n: The maximum number of entries; None for no limit.
            containing: Text that is exactly in the entries.
        """
        with self._file.read() as connection:
            self._get_state(connection)
            assert connection is not None
            if ids is None:
                query = "SELECT row FROM entries WHERE scope = ? ORDER BY row"
                rows = [row for (row,) in connection.execute(query, (self.info.scope,))]
            else:
                by_id = self._find_rows(connection, list(dict.fromkeys(ids)))
                rows = list(by_id.values())
            if containing:
                allowed = self._find_containing(connection, containing)
                rows = [row for row in rows if row in allowed]
            entries = self._load(connection, rows[:n])
        return [entries[row] for row in rows[:n]]

    def search(
        self,
        question: str = "",
        *,
        vector: object = None,
        n: int = 10,
        mode: SearchMode = "hybrid",
        keyword_weight: float | None = None,
        containing: str = "",
    ) -> list[IndexHit]:
        """Search for entries, best first.

        Args:
            question: The question, whose words are searched for. Empty for a search by the vector alone.
            vector: The embedding of the question. None for a search by words alone.
            n: The maximum number of results.
            mode: `hybrid` for the weighted sum of both scores, `vector` for the nearest vectors, `keyword` for BM25. A
                hybrid search without a vector is a search by words; without a question, by the vector.
            keyword_weight: The part of the keyword score in the sum, 0 to 1. None for 0.15, 0.2 if the question contains an
                identifier, or 0.45 if hardly any entry contains that.
            containing: Text that is exactly in the entries.

        Raises:
            ValueError: if an argument is out of range, or the mode needs a vector that is missing.
        """
        check_search_mode(mode)
        choose_keyword_weight("", keyword_weight)
        if mode == "vector" and vector is None:
            raise ValueError("A search by vectors needs the vector of the question.")
        pool = max(_POOL, 2 * n)
        with self._file.read() as connection:
            _, dimension = self._get_state(connection)
            assert connection is not None
            weight = choose_keyword_weight(question, keyword_weight, partial(self._count_texts, connection))
            if mode == "vector" or not question:
                weight = 0.0
            elif mode == "keyword" or vector is None:
                weight = 1.0
            allowed = self._find_containing(connection, containing) if containing else None
            scores, full_score = self._match(connection, question, pool, allowed) if weight else ({}, 0.0)
            distances: dict[int, float] = {}
            if vector is not None and dimension is not None:
                unit = to_unit(vector, dimension)
                distances = self._measure(connection, unit, 0 if weight == 1 else pool, scores, allowed)
                self._measure_parts(connection, unit, distances)
            ranking = rank_hybrid(distances, scores, weight, full_score)[:n]
            entries = self._load(connection, [row for row, _ in ranking])
        return [
            IndexHit(entries[row], distances.get(row), scores.get(row, 0.0), score)
            for row, score in ranking
            if row in entries
        ]

    def _get_state(self, connection: sqlite3.Connection | None) -> tuple[int, int | None]:
        """Return the generation and the dimension.

        Raises:
            ValueError: if the collection was deleted.
        """
        row = None
        if connection is not None:
            query = "SELECT generation, dimension FROM collections WHERE scope = ?"
            row = connection.execute(query, (self.info.scope,)).fetchone()
        if row is None:
            raise ValueError(f"The collection {self.name!r} was deleted.")
        return row[0], row[1]

    def _find_rows(self, connection: sqlite3.Connection, ids: Sequence[str | int]) -> dict[str | int, int]:
        """Return the row numbers of the ids that exist."""
        rows: dict[str | int, int] = {}
        for batch in _split(ids):
            marks = ",".join("?" * len(batch))
            query = f"SELECT id, row FROM entries WHERE scope = ? AND id IN ({marks})"
            rows.update(connection.execute(query, (self.info.scope, *batch)).fetchall())
        return {key: rows[key] for key in ids if key in rows}

    def _find_containing(self, connection: sqlite3.Connection, text: str) -> set[int]:
        query = "SELECT row FROM entries WHERE scope = ? AND instr(text, ?) > 0"
        return {row for (row,) in connection.execute(query, (self.info.scope, text))}

    def _insert(self, connection: sqlite3.Connection, entry: IndexEntry, dimension: int | None) -> int | None:
        """Insert an entry, and return the dimension of the collection."""
        blob = None
        if entry.vector is not None:
            unit = to_unit(entry.vector, dimension)
            blob = unit.astype("<f4").tobytes()
            if dimension is None:
                dimension = unit.size
                query = "UPDATE collections SET dimension = ? WHERE scope = ?"
                connection.execute(query, (dimension, self.info.scope))
        row = (self.info.scope, entry.id, entry.text, json.dumps(dict(entry.metadata)), blob)
        query = "INSERT INTO entries (scope, id, text, metadata, vector) VALUES (?, ?, ?, ?, ?)"
        number = connection.execute(query, row).lastrowid
        query = "INSERT INTO words (rowid, text, scope) VALUES (?, ?, ?)"
        connection.execute(query, (number, entry.text, self.info.scope))
        _write_parts(connection, number, entry.parts, dimension)
        return dimension

    def _remove(self, connection: sqlite3.Connection, rows: Mapping[str | int, int]) -> None:
        if not rows:
            return
        for batch in _split(list(rows.values())):
            marks = ",".join("?" * len(batch))
            connection.execute(
                "INSERT INTO words (words, rowid, text, scope) "
                f"SELECT 'delete', row, text, scope FROM entries WHERE row IN ({marks})",
                batch,
            )
            connection.execute(f"DELETE FROM parts WHERE row IN ({marks})", batch)
            connection.execute(f"DELETE FROM entries WHERE row IN ({marks})", batch)
        # Row numbers may be used again, so a matrix of the former generation can't be added to.
        query = "UPDATE collections SET generation = generation + 1 WHERE scope = ?"
        connection.execute(query, (self.info.scope,))

    def _load(self, connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, IndexEntry]:
        entries = {}
        for batch in _split(rows):
            marks = ",".join("?" * len(batch))
            query = (
                "SELECT row, id, text, metadata, vector, vectors FROM entries LEFT JOIN parts USING (row) "
                f"WHERE row IN ({marks})"
            )
            for row, key, text, metadata, blob, parts in connection.execute(query, batch):
                entry = IndexEntry(key, text, json.loads(metadata))
                if blob is not None:
                    _, vectors = to_arrays([(row, blob)], len(blob) // 4)
                    entry = replace(entry, vector=vectors[0], parts=to_parts(parts, vectors.shape[1]))
                entries[row] = entry
        return entries

    def _match(
        self, connection: sqlite3.Connection, question: str, n: int, allowed: set[int] | None
    ) -> tuple[dict[int, float], float]:
        """Return the BM25 scores of the best entries by row number, and the score of a text with all the words."""
        counts = count_words(connection, question)
        match = select_words(counts)
        if not match:
            return {}, 0.0
        match = self._restrict(connection, match)
        # The words of the scope don't count.
        query = "SELECT rowid, bm25(words, 1.0, 0.0) AS score FROM words WHERE words MATCH ? ORDER BY score"
        if allowed is None:
            query += f" LIMIT {n}"
        found = connection.execute(query, (match,))
        scores = {row: to_score(rank) for row, rank in found if allowed is None or row in allowed}
        total = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        return dict(list(scores.items())[:n]), estimate_full_score(counts, total)

    def _count_texts(self, connection: sqlite3.Connection, word: str) -> int:
        """Return the number of entries that contain a word, at most 3."""
        match = self._restrict(connection, quote_word(word))
        query = "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT 3)"
        count: int = connection.execute(query, (match,)).fetchone()[0]
        return count

    def _restrict(self, connection: sqlite3.Connection, match: str) -> str:
        """Restrict an FTS5 query to this collection, if there are others."""
        if connection.execute("SELECT count(*) FROM collections").fetchone()[0] > 1:
            return f'scope : "{self.info.scope}" AND text : ({match})'
        return match

    def _measure(
        self,
        connection: sqlite3.Connection,
        vector: NDArray[np.float32],
        n: int,
        others: Iterable[int],
        allowed: set[int] | None,
    ) -> dict[int, float]:
        """Return the distances of the nearest `n` rows, and of other rows, by row number."""
        numpy = require("numpy", extra="rag", feature="Search by vectors")
        rows, similarities = self._get_matrix(connection, vector.size).measure(vector)
        if allowed is not None:
            mask = numpy.isin(rows, numpy.fromiter(allowed, dtype=numpy.int64, count=len(allowed)))
            rows, similarities = rows[mask], similarities[mask]
        best = numpy.arange(len(rows))
        if n < len(rows):
            best = numpy.argpartition(-similarities, n)[:n] if n else best[:0]
        best = best[numpy.argsort(-similarities[best], kind="stable")]
        positions = numpy.searchsorted(rows, numpy.fromiter(others, dtype=numpy.int64))
        # A row without a vector has no position of its own.
        positions = positions[positions < len(rows)]
        wanted = set(others)
        more = [position for position in positions.tolist() if int(rows[position]) in wanted]
        return {int(rows[position]): 1.0 - float(similarities[position]) for position in [*best.tolist(), *more]}

    def _measure_parts(
        self, connection: sqlite3.Connection, vector: NDArray[np.float32], distances: dict[int, float]
    ) -> None:
        """Lower the distances of the rows that have a part nearer than their own vector."""
        for batch in _split(list(distances)):
            query = f"SELECT row, vectors FROM parts WHERE row IN ({','.join('?' * len(batch))})"
            for row, blob in connection.execute(query, batch):
                parts = to_parts(blob, vector.size)
                if parts is not None:
                    distances[row] = min(distances[row], 1.0 - float((parts @ vector).max()))

    def _get_matrix(self, connection: sqlite3.Connection, dimension: int) -> VectorMatrix:
        """Return the matrix as of the transaction of the connection."""
        generation, _ = self._get_state(connection)
        path = None if self._file.path is None else get_matrix_path(self._file.path.parent, self.info.scope)
        matrix = self._matrix
        if matrix is None or matrix.generation != generation:
            matrix = None if path is None else read_matrix(path, generation, dimension)
        if matrix is None:
            matrix = build_matrix(generation, dimension, self._read_vectors(connection, 0))
            if path is not None:
                matrix.write(path)
        else:
            matrix.append(*to_arrays(self._read_vectors(connection, matrix.last_row), dimension))
            if path is not None and matrix.needs_writing:
                matrix.write(path)
                matrix = read_matrix(path, generation, dimension) or matrix
        self._matrix = matrix
        return matrix

    def _read_vectors(self, connection: sqlite3.Connection, after: int) -> Iterator[tuple[int, bytes]]:
        query = "SELECT row, vector FROM entries WHERE row > ? AND scope = ? AND vector IS NOT NULL ORDER BY row"
        return connection.execute(query, (after, self.info.scope))


def _write_parts(connection: sqlite3.Connection, row: int | None, parts: object, dimension: int | None) -> None:
    """Write the further vectors of an entry, in half precision."""
    connection.execute("DELETE FROM parts WHERE row = ?", (row,))
    if parts is not None:
        blob = b"".join(to_unit(part, dimension).astype("<f2").tobytes() for part in cast("Iterable[object]", parts))
        if blob:
            connection.execute("INSERT INTO parts (row, vectors) VALUES (?, ?)", (row, blob))


def _split(values: Sequence[int | str] | Sequence[int]) -> Iterator[list[int | str]]:
    for start in range(0, len(values), _BATCH):
        yield list(values[start : start + _BATCH])
