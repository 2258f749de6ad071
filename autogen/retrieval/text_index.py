"""`TextIndex`: collections of texts in an SQLite file, searched by meaning and by words."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ._collection import CollectionInfo, IndexCollection, get_matrix_path
from ._errors import check_embedder
from ._index_file import IndexFile

if TYPE_CHECKING:
    from typing_extensions import Self

FILE = "index.db"


class TextIndex:
    """Collections of texts with metadata and vectors, in a folder.

    The SQLite file in the folder is the truth. Beside it there is a file for each collection with its vectors, which is
    mapped into memory, and is made again if it is missing. Threads and processes may share an index. The folder appears with
    the first write, readable for its owner only.

    Attributes:
        path: The folder; None for an index in memory.

    Args:
        path: The folder; None for an index in memory.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self._file = IndexFile(None if self.path is None else self.path / FILE)
        self._lock = threading.Lock()
        self._collections: dict[str, IndexCollection] = {}

    @property
    def file(self) -> Path | None:
        """The path of the SQLite file, which may not exist yet; None for an index in memory."""
        return self._file.path

    def list_collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        with self._file.read() as connection:
            if connection is None:
                return []
            return [name for (name,) in connection.execute("SELECT name FROM collections ORDER BY name")]

    def create_collection(
        self, name: str, *, embedder: str | None = None, metadata: Mapping[str, object] | None = None
    ) -> IndexCollection:
        """Create a collection.

        Args:
            name: Any text but an empty one.
            embedder: Identity of the embedder that makes its vectors.
            metadata: Any JSON values about the collection.

        Raises:
            ValueError: if the name is empty or in use.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(f"The name of a collection must be a text that is not empty, got {name!r}.")
        scope = f"{secrets.randbelow(10**18):018d}"
        row = (scope, name, embedder, json.dumps(dict(metadata or {})))
        try:
            with self._file.write() as connection:
                connection.execute(
                    "INSERT INTO collections (scope, name, embedder, metadata, generation) VALUES (?, ?, ?, ?, 0)", row
                )
        except sqlite3.IntegrityError as error:
            raise ValueError(f"There is a collection {name!r} already.") from error
        return self.get_collection(name)

    def get_collection(self, name: str, *, embedder: str | None = None) -> IndexCollection:
        """Return a collection.

        Args:
            name: Its name.
            embedder: Identity of the embedder that it is going to be used with.

        Raises:
            ValueError: if there is no such collection.
            EmbedderMismatch: if its vectors come from another embedder.
        """
        info = self._find(name)
        if info is None:
            others = ", ".join(map(repr, self.list_collections())) or "none"
            raise ValueError(f"There is no collection {name!r}. Collections: {others}.")
        check_embedder(name, info.embedder, embedder)
        with self._lock:
            return self._collections.setdefault(info.scope, IndexCollection(self._file, info))

    def open_collection(
        self, name: str, *, embedder: str | None = None, metadata: Mapping[str, object] | None = None
    ) -> IndexCollection:
        """Return a collection, which is created if it is missing.

        Args:
            name: Any text but an empty one.
            embedder: Identity of the embedder that makes its vectors.
            metadata: Any JSON values about the collection, if it is created.

        Raises:
            EmbedderMismatch: if its vectors come from another embedder.
        """
        if self._find(name) is None:
            # Another process may create it at this moment.
            with suppress(ValueError):
                self.create_collection(name, embedder=embedder, metadata=metadata)
        return self.get_collection(name, embedder=embedder)

    def delete_collection(self, name: str) -> None:
        """Delete a collection with all its entries.

        Raises:
            ValueError: if there is no such collection.
        """
        collection = self.get_collection(name)
        scope = collection.info.scope
        with self._file.write() as connection:
            connection.execute(
                "INSERT INTO words (words, rowid, text, scope) "
                "SELECT 'delete', row, text, scope FROM entries WHERE scope = ?",
                (scope,),
            )
            connection.execute("DELETE FROM parts WHERE row IN (SELECT row FROM entries WHERE scope = ?)", (scope,))
            connection.execute("DELETE FROM entries WHERE scope = ?", (scope,))
            connection.execute("DELETE FROM collections WHERE scope = ?", (scope,))
        with self._lock:
            self._collections.pop(scope, None)
        if self.path is not None:
            with suppress(OSError):
                get_matrix_path(self.path, scope).unlink()

    def close(self) -> None:
        """Close the file; the next use opens it again. An index in memory is lost."""
        with self._lock:
            self._collections.clear()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, name: str) -> CollectionInfo | None:
        with self._file.read() as connection:
            if connection is None:
                return None
            query = "SELECT scope, name, embedder, metadata FROM collections WHERE name = ?"
            row = connection.execute(query, (name,)).fetchone()
        if row is None:
            return None
        scope, name, embedder, metadata = row
        return CollectionInfo(scope, name, embedder, json.loads(metadata))
