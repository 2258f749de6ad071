"""A cache on disk: JSON in one SQLite file. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ._answers_file import AnswersFile
from ._backend import Backend, from_text, to_text
from ._shared_file import Damaged

FILE = "answers.db"
SIZE_LIMIT = 2**30
_SMALLEST = 2**16


class DiskCache(Backend):
    """A cache in a directory, shared by any number of threads and processes.

    The directory is made by the first `set`, for this user alone. A damaged file is set aside, and an entry that can't be
    read is not there. Where the disk can't be written there is one warning, and what is there already can be read.

    All caches of one directory in a process share one open file. Leaving `with` keeps it open for the next request; it is
    closed by `close`, at the end of the process, and when sixteen other caches were used since.

    >>> cache = DiskCache(".cache/42")  # doctest: +SKIP
    >>> cache.merge("colleague/.cache/42")  # doctest: +SKIP
    17

    Args:
        seed: The path of the directory.
        size_limit: The bytes that answers may take. What was stored longest ago goes first. None for no limit.

    Raises:
        ValueError: There is a null character in the path, or the limit is less than 65,536.
    """

    def __init__(self, seed: str | int | Path, size_limit: int | None = SIZE_LIMIT) -> None:
        if size_limit is not None and size_limit < _SMALLEST:
            raise ValueError(f"The size_limit of a cache is at least {_SMALLEST} bytes, not {size_limit}.")
        if "\0" in str(seed):
            raise ValueError(f"The path of a cache can't have a null character in it: {str(seed)!r}")
        self._size_limit = size_limit
        self._answers = AnswersFile.at(Path(_absolute(str(seed)), FILE))

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`. An entry that can't be read is not there."""
        text = self._answers.find(_hashed(key))
        return default if text is None else from_text(text, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: JSON can't hold it.
        """
        self._answers.keep(_hashed(key), to_text(value), self._size_limit)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._answers.close()

    def export(self, path: str | Path) -> None:
        """Write a copy of the cache into another directory, where `DiskCache(path)` finds it. An empty one leaves no trace.

        Args:
            path: The directory. It is made if it is missing.

        Raises:
            FileExistsError: There is a cache already. Use its `merge`.
            OSError: The copy can't be written.
        """
        target = DiskCache(path, size_limit=None)
        if target._answers.file.exists():
            raise FileExistsError(f"There is a cache in {path} already: merge this one into it, or choose another path.")
        if not self._answers.file.exists():
            return
        try:
            target.merge(self)
        except OSError:
            target.close()
            with suppress(OSError):
                target._answers.file.unlink()
            raise
        target.close()

    def merge(self, other: DiskCache | str | Path) -> int:
        """Take over what another cache holds. Where both have a key, the answer that was stored later stays.

        Args:
            other: The cache, or its directory. It is not changed.

        Returns:
            How many answers were taken over.

        Raises:
            FileNotFoundError: There is no cache.
            OSError: One of the two can't be used.
        """
        source = (other if isinstance(other, DiskCache) else DiskCache(other))._answers.file
        if not source.exists():
            raise FileNotFoundError(f"There is no cache in {source.parent}.")
        if self._answers.file.exists() and source.samefile(self._answers.file):
            return 0
        try:
            return self._answers.merge(source, self._size_limit)
        except (Damaged, OSError, sqlite3.Error) as error:
            raise OSError(f"The cache {source} can't be merged into {self._answers.file}: {error}") from error

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The file stays open: each request enters and leaves its cache twice."""

    def __reduce__(self) -> tuple[Any, ...]:
        return DiskCache, (str(self._answers.file.parent), self._size_limit)


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError:  # the working directory is gone: whoever uses the cache is told
        return path


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
