"""A cache on disk in a file of the package `diskcache`, as JSON text. Nothing is ever unpickled.

`diskcache` by itself stores pickles and loads whatever is in its file: who can write to the directory of the cache can run
code in the program that reads it (CVE-2025-69872). `JSONDisk` stores text alone, and refuses every other row.
"""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from .._extras import require
from ._backend import hash_key
from ._remote import RemoteCache

# Beside the file of `DiskCache`, and apart from the pickles that 0.2 may have left in the directory.
FOLDER = "diskcache"
_NO_LIMIT = 2**62


@cache
def get_disk_class() -> type[Any]:
    """Return the class of stores for `diskcache` that keep JSON text. The package is imported for it."""
    diskcache = require("diskcache", extra="diskcache", feature='The cache backend "diskcache"')
    modes = importlib.import_module("diskcache.core")
    base: Any = diskcache.Disk

    class JSONDisk(base):  # type: ignore[misc]
        """Keeps keys and values as text in the table itself. No file beside it is written, read or removed."""

        def put(self, key: object) -> tuple[str, bool]:
            if not isinstance(key, str):
                raise TypeError(f"A key must be a str, got {type(key).__name__}.")
            return key, True

        def get(self, key: object, raw: bool) -> str:
            if not raw or not isinstance(key, str):
                raise OSError("The key is not text: it was not stored by this cache.")
            return key

        def store(self, value: object, read: bool, key: object = None) -> tuple[int, int, None, str]:
            if not isinstance(value, str):
                raise TypeError(f"A value must be JSON text, got {type(value).__name__}.")
            return 0, modes.MODE_RAW, None, value

        # `diskcache` takes an OSError for an entry that is missing.
        def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> str:
            if mode != modes.MODE_RAW or not isinstance(value, str):
                raise OSError("The value is not text: it was not stored by this cache.")
            return value

        def remove(self, file_path: str) -> None:
            """Do nothing: the name of a file in the table is a stranger's."""

    return JSONDisk


class DiskcacheCache(RemoteCache):
    """A cache in a directory, by the package `diskcache`, which threads and processes may share.

    A file that can't be used is left alone for a minute, with a single warning, and then tried again. The oldest entries are
    deleted first.

    Attributes:
        directory: The directory of the files of `diskcache`.

    Args:
        seed: The path of the directory of the cache.
        size_limit: The limit for the size in bytes; None for no limit.

    Raises:
        ImportError: if `diskcache` is not installed.
    """

    def __init__(self, seed: str | Path, size_limit: int | None) -> None:
        get_disk_class()
        self.directory = Path(seed, FOLDER).absolute()
        super().__init__(f"in {self.directory}", None)
        self._size_limit = _NO_LIMIT if size_limit is None else size_limit
        self._opened: Any = None
        self._lock = threading.Lock()

    def _open(self) -> Any:
        with self._lock:
            if self._opened is None:
                self._opened = self._open_files()
            return self._opened

    def _open_files(self) -> Any:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        diskcache = importlib.import_module("diskcache")
        # In two steps: a constructor that fails leaves its connection open.
        opened: Any = diskcache.Cache.__new__(diskcache.Cache)
        try:
            opened.__init__(str(self.directory), disk=get_disk_class(), size_limit=self._size_limit)
        except BaseException:
            with suppress(AttributeError):
                opened.close()
            raise
        return opened

    def _fetch(self, key: str) -> str | None:
        text: str | None = self._open().get(hash_key(key))
        return text

    def _store(self, key: str, text: str) -> None:
        self._open().set(hash_key(key), text)

    def close(self) -> None:
        """Close the connection of this thread; the next use opens it again."""
        if self._opened is not None:
            self._opened.close()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep the file open in the main thread, because each request enters and leaves its cache twice."""
        # `diskcache` has a connection for each thread, and doesn't close it when the thread ends.
        if threading.current_thread() is not threading.main_thread():
            self.close()
