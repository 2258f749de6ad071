"""A table of PostgreSQL with documents, vectors by pgvector, and a full-text index.

All names are quoted, and all values are parameters.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ._records import Record, to_array
from .base import ItemID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEATURE = "The vector store pgvector"
OPERATORS = {"euclidean": "<->", "inner-product": "<#>", "cosine": "<=>"}
"""The operators of pgvector by the names of distances. That of the inner product is negative, so that smaller is nearer."""

# pgvector's index takes no longer vectors; without it each question is compared with all of them.
_MAX_INDEXED = 2_000
# The index finds no more documents than this.
_MAX_SEARCHED = 1_000
# PostgreSQL cuts longer names.
_MAX_NAME = 63
_FIELDS = "id, documents, metadatas, embedding::text"


class Connection:
    """A connection that threads share: each uses it for a transaction of its own.

    Args:
        connection: A connection of psycopg 3.
    """

    def __init__(self, connection: Any) -> None:
        self.raw = connection
        self._lock = threading.RLock()

    @contextmanager
    def begin(self) -> Iterator[Any]:
        """Give a `with` block a cursor in a transaction, which is committed at its end."""
        with self._lock, self.raw.transaction(), self.raw.cursor() as cursor:
            yield cursor

    def create_extension(self) -> None:
        """Create the extension `vector` in the database, if it is missing.

        Raises:
            PermissionError: if the user may not.
            RuntimeError: if the server doesn't have it.
        """
        errors = require("psycopg.errors", extra="pgvector", feature=FEATURE)
        with self.begin() as cursor:
            if cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
                return
        try:
            with self.begin() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except errors.InsufficientPrivilege as error:
            raise PermissionError(
                "This user may not create the extension pgvector: a superuser must run CREATE EXTENSION vector in this "
                "database."
            ) from error
        except (errors.UndefinedFile, errors.FeatureNotSupported) as error:
            raise RuntimeError("The server doesn't have the extension pgvector: it must be installed there.") from error


def normalize_name(name: str) -> str:
    """Return the name of the table of a collection: hyphens become underscores.

    Raises:
        ValueError: if PostgreSQL doesn't allow the name.
    """
    if not isinstance(name, str) or not name or "\0" in name or len(name.encode()) > _MAX_NAME:
        raise ValueError(f"The name of a collection of pgvector must have 1 to {_MAX_NAME} bytes, got {name!r:.100}.")
    return name.replace("-", "_")


class Table:
    """A table of documents.

    Args:
        connection: The connection.
        name: Name of the table.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name
        self._sql = require("psycopg.sql", extra="pgvector", feature=FEATURE)

    def exists(self) -> bool:
        """Return True if the table exists."""
        with self._connection.begin() as cursor:
            return bool(cursor.execute("SELECT to_regclass(%s)", (self._quote_name(),)).fetchone()[0])

    def create(self, dimension: int, settings: Mapping[str, Any]) -> None:
        """Create the table, if it is missing."""
        index = "CREATE INDEX ON {table} USING {method}"
        with self._connection.begin() as cursor:
            # Two processes that create the same table at once would fail at its indexes.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.name,))
            if cursor.execute("SELECT to_regclass(%s)", (self._quote_name(),)).fetchone()[0]:
                return
            columns = f"id text PRIMARY KEY, documents text, metadatas jsonb, embedding vector({int(dimension)})"
            cursor.execute(self._format("CREATE TABLE {table} (" + columns + ")"))
            if dimension <= _MAX_INDEXED:
                cursor.execute(self._format(index.replace("{method}", "hnsw (embedding vector_cosine_ops)")))
            cursor.execute(self._format(index.replace("{method}", "gin (to_tsvector('english', documents))")))
            self._write_settings(cursor, settings)

    def drop(self) -> None:
        """Delete the table, if it exists."""
        with self._connection.begin() as cursor:
            cursor.execute(self._format("DROP TABLE IF EXISTS {table}"))

    def read_settings(self) -> dict[str, Any]:
        """Return the settings of the collection: those in the comment of the table."""
        with self._connection.begin() as cursor:
            query = "SELECT obj_description(to_regclass(%s), 'pg_class')"
            comment = cursor.execute(query, (self._quote_name(),)).fetchone()[0]
        try:
            settings = json.loads(comment or "{}")
        # A comment of somebody else.
        except ValueError:
            return {}
        return settings if isinstance(settings, dict) else {}

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Replace the settings of the collection."""
        with self._connection.begin() as cursor:
            self._write_settings(cursor, settings)

    def write(self, records: Sequence[Record], *, replace: bool = True) -> None:
        """Write records, all or none of them.

        Args:
            records: The records.
            replace: True to replace records with the same ids, False to leave them as they are.
        """
        change = "UPDATE SET documents = excluded.documents, metadatas = excluded.metadatas, embedding = excluded.embedding"
        query = (
            "INSERT INTO {table} (id, documents, metadatas, embedding) VALUES (%s, %s, %s::jsonb, %s::vector) "
            f"ON CONFLICT (id) DO {change if replace else 'NOTHING'}"
        )
        rows = [
            (str(record.id), record.content, json.dumps(record.metadata), to_text(record.embedding)) for record in records
        ]
        with self._connection.begin() as cursor:
            cursor.executemany(self._format(query), rows)

    def delete(self, ids: Sequence[ItemID]) -> int:
        """Delete records. Returns their number."""
        with self._connection.begin() as cursor:
            cursor.execute(self._format("DELETE FROM {table} WHERE id = ANY(%s)"), (list(map(str, ids)),))
            count: int = cursor.rowcount
            return count

    def count(self) -> int:
        """Return the number of records."""
        with self._connection.begin() as cursor:
            count: int = cursor.execute(self._format("SELECT count(*) FROM {table}")).fetchone()[0]
            return count

    def read(
        self,
        ids: Sequence[ItemID] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Record]:
        """Return records by their ids or metadata, or all."""
        conditions: list[str] = []
        values: list[object] = []
        if ids is not None:
            conditions.append("id = ANY(%s)")
            values.append(list(map(str, ids)))
        if where:
            conditions.append("metadatas @> %s::jsonb")
            values.append(json.dumps(dict(where)))
        condition = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        return self._fetch(
            f"SELECT {_FIELDS} FROM {{table}} {condition}ORDER BY id LIMIT %s OFFSET %s", (*values, limit, offset)
        )

    def find_nearest(
        self, vector: NDArray[np.float32], n: int, containing: str = "", distance: str = "cosine"
    ) -> list[Record]:
        """Return the records that are nearest to a vector, nearest first."""
        condition, values = ("WHERE strpos(documents, %s) > 0 ", [containing]) if containing else ("", [])
        query = f"SELECT {_FIELDS} FROM {{table}} {condition}ORDER BY embedding {OPERATORS[distance]} %s::vector LIMIT %s"
        # With a condition, the index could leave documents out.
        exact = bool(containing) or n > _MAX_SEARCHED
        setting = ("enable_indexscan", "off") if exact else ("hnsw.ef_search", str(max(40, n)))
        return self._fetch(query, (*values, to_text(vector), n), setting)

    def find_containing(self, text: str, n: int) -> list[Record]:
        """Return records that contain a text."""
        return self._fetch(f"SELECT {_FIELDS} FROM {{table}} WHERE strpos(documents, %s) > 0 LIMIT %s", (text, n))

    def find_words(self, words: Sequence[str], n: int) -> list[Record]:
        """Return the records whose words fit best, by PostgreSQL's full-text search."""
        question = " or ".join('"{}"'.format(word.replace('"', " ")) for word in words)
        document = "to_tsvector('english', documents)"
        query = (
            f"SELECT {_FIELDS} FROM {{table}}, websearch_to_tsquery('english', %s) AS question "
            f"WHERE {document} @@ question ORDER BY ts_rank_cd({document}, question) DESC LIMIT %s"
        )
        return self._fetch(query, (question, n))

    def _fetch(self, query: str, values: Sequence[Any], setting: tuple[str, str] | None = None) -> list[Record]:
        with self._connection.begin() as cursor:
            if setting is not None:
                cursor.execute("SELECT set_config(%s, %s, true)", setting)
            rows = cursor.execute(self._format(query), values).fetchall()
        # The ids of 0.2's tables are padded with spaces.
        return [
            Record(key.rstrip(" "), content or "", metadata or {}, None if vector is None else to_array(json.loads(vector)))
            for key, content, metadata, vector in rows
        ]

    def _write_settings(self, cursor: Any, settings: Mapping[str, Any]) -> None:
        comment = self._sql.Literal(json.dumps(dict(settings)))
        cursor.execute(self._sql.SQL("COMMENT ON TABLE {} IS {}").format(self._sql.Identifier(self.name), comment))

    def _format(self, query: str) -> Any:
        return self._sql.SQL(query).format(table=self._sql.Identifier(self.name))

    def _quote_name(self) -> str:
        return '"{}"'.format(self.name.replace('"', '""'))


def to_text(vector: NDArray[np.float32] | None) -> str | None:
    """Return a vector in pgvector's form."""
    return None if vector is None else json.dumps(vector.tolist())
