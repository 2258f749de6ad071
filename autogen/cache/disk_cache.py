"""`DiskCache`: a cache on disk, as JSON text in an SQLite file. Nothing is ever unpickled."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ._backend import Backend, from_text, hash_key, to_text
from ._cache_file import CacheFile
from ._shared_file import DamagedFile

FILE = "answers.db"
SIZE_LIMIT = 2**30
_MIN_SIZE_LIMIT = 2**16


class DiskCache(Backend):
    """A cache in a directory, which threads and processes may share.

    The first `set` creates the directory, with access for its owner only. A damaged file is renamed, and an unreadable
    entry counts as missing. Without write access there is a single warning, and existing entries can be read.

    All caches of one directory in a process share an open file. It stays open after a `with` block, for the next request,
    until `close`, the end of the process, or the use of sixteen other caches.

    >>> cache = DiskCache(".cache/42")  # doctest: +SKIP
    >>> cache.merge("colleague/.cache/42")  # doctest: +SKIP
    17

    Args:
        seed: The path of the directory.
        size_limit: The limit for the size in bytes; the oldest entries are deleted first. None for no limit.

    Raises:
        ValueError: if the path contains a null character, or the limit is less than 65,536.
    """

    def __init__(self, seed: str | int | Path, size_limit: int | None = SIZE_LIMIT) -> None:
        if size_limit is not None and size_limit < _MIN_SIZE_LIMIT:
            raise ValueError(f"The size_limit of a cache must be at least {_MIN_SIZE_LIMIT} bytes, got {size_limit}.")
        if "\0" in str(seed):
            raise ValueError(f"The path of a cache must not contain a null character, got {str(seed)!r}.")
        self._size_limit = size_limit
        self._file = CacheFile.get_shared(_to_absolute(os.path.join(str(seed), FILE)))

    @property
    def file(self) -> Path:
        """The path of the SQLite file, which may not exist yet."""
        return self._file.file

    def get(self, key: str, default: object = None) -> Any:
        """Return the value of a key, or `default` if there is none, or an unreadable one."""
        text = self._file.get(hash_key(key))
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: object) -> None:
        """Store a value.

        Raises:
            TypeError: if the value has no JSON form.
        """
        self._file.set(hash_key(key), to_text(value), self._size_limit)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def export(self, path: str | Path) -> None:
        """Copy the cache into another directory, for `DiskCache(path)`; no-op for an empty cache.

        Args:
            path: The directory; it is created if it is missing.

        Raises:
            FileExistsError: if the directory has a cache already. Use its `merge`.
            OSError: if the copy can't be written.
        """
        target = DiskCache(path, size_limit=None)
        if target.file.exists():
            raise FileExistsError(f"There is a cache in {path} already: merge this one into it, or choose another path.")
        if not self.file.exists():
            return
        try:
            target.merge(self)
        except OSError:
            target.close()
            with suppress(OSError):
                target.file.unlink()
            raise
        target.close()

    def merge(self, other: DiskCache | str | Path) -> int:
        """Copy the entries of another cache. For keys in both caches, the entry that was stored later is kept.

        Args:
            other: The cache, or its directory. It is not changed.

        Returns:
            The number of copied entries.

        Raises:
            FileNotFoundError: if the directory has no cache.
            OSError: if either cache can't be used.
        """
        source = (other if isinstance(other, DiskCache) else DiskCache(other)).file
        if not source.exists():
            raise FileNotFoundError(f"There is no cache in {source.parent}.")
        if self.file.exists() and source.samefile(self.file):
            return 0
        try:
            return self._file.merge(source, self._size_limit)
        except (DamagedFile, OSError, sqlite3.Error) as error:
            raise OSError(f"The cache {source} can't be merged into {self.file}: {error}") from error

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep the file open, because each request enters and leaves its cache twice."""

    def __reduce__(self) -> tuple[type[DiskCache], tuple[str, int | None]]:
        return DiskCache, (str(self.file.parent), self._size_limit)


def _to_absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    # The working directory was removed. The first use of the cache reports that.
    except FileNotFoundError:
        return path
