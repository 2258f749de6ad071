"""The tables of a graph: entities, relations between them, and the texts that say so."""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...._mistakes import trim_stop
from ...._sqlite_guard import check_schema, harden, limited_work

TABLES: Final = {
    "chunks": "CREATE TABLE chunks (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL, "
    "source TEXT NOT NULL)",
    "entities": "CREATE TABLE entities (id INTEGER PRIMARY KEY, name_key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, "
    "kind TEXT NOT NULL)",
    "relations": "CREATE TABLE relations (id INTEGER PRIMARY KEY, subject INTEGER NOT NULL REFERENCES entities (id), "
    "label TEXT NOT NULL, object INTEGER NOT NULL REFERENCES entities (id), chunk INTEGER NOT NULL REFERENCES chunks (id), "
    "UNIQUE (subject, label, object, chunk))",
}
WAIT: Final = 30.0  # seconds


@dataclass(frozen=True)
class Fact:
    """A relation, with the text that it was read in.

    Attributes:
        subject: Name of an entity.
        label: How it is related to the object: "is the capital of".
        object: Name of the other entity.
        evidence: The text.
        source: Path or address of the document; empty if it is unknown.
        hops: Number of relations between the question's entities and this one: 1 or 2.
    """

    subject: str
    label: str
    object: str
    evidence: str
    source: str
    hops: int

    def __str__(self) -> str:
        return f"{self.subject} - {self.label} - {self.object}"


@dataclass(frozen=True)
class Relation:
    """A relation that a model has read in a text: names and kinds of two entities, and how they are related."""

    subject: str
    subject_kind: str
    label: str
    object: str
    object_kind: str


def normalise_name(name: str) -> str:
    """Return the key of a name: the same for different spellings of it.

    >>> normalise_name("The  Café-Bar's") == normalise_name("cafe bar's")
    True
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(letter))
    key = " ".join(re.sub(r"[^\w']+", " ", plain).split())
    return re.sub(r"^(?:the|a|an) (?=.)", "", key)


class GraphStore:
    """A graph in an SQLite file. Threads may share it.

    Args:
        path: The file; None for a graph in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._memory = sqlite3.connect(":memory:", check_same_thread=False) if path is None else None
        if self._memory is not None:
            self._create(self._memory)

    def __del__(self) -> None:
        if self._memory is not None:
            self._memory.close()

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Give a `with` block a transaction.

        Raises:
            ValueError: if the file is not a graph.
        """
        with self._lock:
            if self._memory is not None:
                with self._memory:
                    yield self._memory
                return
            assert self._path is not None
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=WAIT)) as connection:
                try:
                    harden(connection)
                    with limited_work(connection, self._path):
                        check_schema(connection, self._path, TABLES)
                    self._create(connection)
                except sqlite3.DatabaseError as error:
                    raise ValueError(f"{self._path} is not a graph: {trim_stop(error)}. Choose another path.") from error
                with connection:
                    yield connection

    @staticmethod
    def _create(connection: sqlite3.Connection) -> None:
        for statement in TABLES.values():
            connection.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))

    def has_chunk(self, digest: str) -> bool:
        """Return True if a text is in the graph."""
        with self.open() as connection:
            return connection.execute("SELECT 1 FROM chunks WHERE digest = ?", (digest,)).fetchone() is not None

    def add(self, digest: str, text: str, source: str, relations: Collection[Relation]) -> None:
        """Add a text and its relations, all or nothing."""
        with self.open() as connection:
            query = "INSERT OR IGNORE INTO chunks (digest, text, source) VALUES (?, ?, ?)"
            connection.execute(query, (digest, text, source))
            chunk = connection.execute("SELECT id FROM chunks WHERE digest = ?", (digest,)).fetchone()[0]
            for relation in relations:
                subject = self._merge(connection, relation.subject, relation.subject_kind)
                other = self._merge(connection, relation.object, relation.object_kind)
                if subject is not None and other is not None:
                    query = "INSERT OR IGNORE INTO relations (subject, label, object, chunk) VALUES (?, ?, ?, ?)"
                    connection.execute(query, (subject, relation.label, other, chunk))

    @staticmethod
    def _merge(connection: sqlite3.Connection, name: str, kind: str) -> int | None:
        """Return the id of an entity, which is added if no spelling of its name is there; None for an empty name."""
        key = normalise_name(name)
        if not key:
            return None
        query = "INSERT OR IGNORE INTO entities (name_key, name, kind) VALUES (?, ?, ?)"
        connection.execute(query, (key, " ".join(name.split()), kind))
        entity: int = connection.execute("SELECT id FROM entities WHERE name_key = ?", (key,)).fetchone()[0]
        return entity

    def list_entities(self) -> list[tuple[int, str, str]]:
        """Return the id, the key and the name of each entity."""
        with self.open() as connection:
            return list(connection.execute("SELECT id, name_key, name FROM entities ORDER BY id"))

    def list_facts(self, entities: Collection[int], hops: int, limit: int) -> list[Fact]:
        """Return the facts around entities, the nearest first."""
        facts: dict[int, Fact] = {}
        frontier, seen = list(entities), set(entities)
        query = (
            "SELECT relations.id, subject, one.name, label, object, other.name, text, source FROM relations "
            "JOIN entities AS one ON one.id = subject JOIN entities AS other ON other.id = object "
            "JOIN chunks ON chunks.id = chunk WHERE subject = ? OR object = ? ORDER BY relations.id"
        )
        with self.open() as connection:
            for hop in range(1, hops + 1):
                following: list[int] = []
                for entity in frontier:
                    for row in connection.execute(query, (entity, entity)):
                        key, subject, name, label, other, other_name, text, source = row
                        facts.setdefault(key, Fact(name, label, other_name, text, source, hop))
                        following += [item for item in (subject, other) if item not in seen]
                        seen.update((subject, other))
                        if len(facts) >= limit:
                            return list(facts.values())
                frontier = following
        return list(facts.values())
