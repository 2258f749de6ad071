"""One SQLite connection for each file in the process, however many caches use the file.

Opening and closing a database takes a hundred times longer than reading an entry, and each request creates a cache object
of its own. So the connection belongs to the file, and a lock serialises the threads: measurements showed no gain from one
connection per thread. A connection is closed on request, before a fork, at exit, and when many other files were used since.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from .._sqlite_guard import harden

if TYPE_CHECKING:
    from typing_extensions import Self

if sys.platform != "win32":
    import fcntl

# Waits for another process to end its write.
WAIT = 30.0  # seconds
MAX_OPEN_FILES = 16
_LOCK = "answers.lock"


class DamagedFile(Exception):
    """Raised when a file was not a valid database and has been renamed. The next use starts a new file."""


class SharedFile(ABC):
    """An SQLite file, opened on first use, and again after it was closed, moved or removed.

    Args:
        file: The path of the file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        # The device and inode of the file that was opened last.
        self._identity: tuple[int, int] | None = None
        self._read_only = False

    @classmethod
    def get_shared(cls, file: str) -> Self:
        """Return the object of this process for an absolute path, as text: each request looks up its cache."""
        # The registry holds one class of files only.
        return _registry.get(cls, file)  # type: ignore[return-value]

    @abstractmethod
    def prepare(self, connection: sqlite3.Connection) -> None:
        """Create the tables in a file that may be new."""

    @abstractmethod
    def validate(self, connection: sqlite3.Connection) -> None:
        """Check that a file has the tables.

        Raises:
            sqlite3.DatabaseError: If it doesn't.
        """

    @contextmanager
    def connect(self, create: bool) -> Iterator[sqlite3.Connection | None]:
        """Give a `with` block exclusive use of the connection.

        Args:
            create: True to create a missing directory and file, and to require write access. With False the connection is
                None if there is no file.

        Raises:
            DamagedFile: if the file was not a valid database and has been renamed.
            OSError: if the directory or the file can't be created.
            sqlite3.Error: If the file can't be used.
        """
        _registry.touch(self)
        with self._lock:
            try:
                yield self._get_connection(create)
            except sqlite3.DatabaseError as error:
                # The subclasses of this error mean something else than damage.
                if type(error) is sqlite3.DatabaseError and self._set_aside():
                    raise DamagedFile(str(error)) from error
                if _get_identity(self.file) != self._identity:
                    raise FileNotFoundError(f"{self.file} was removed just now") from error
                raise

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def lock_for_fork(self) -> None:
        """Wait for other threads to end their use, and close the connection: SQLite can't share it with a child."""
        self._lock.acquire()
        self.close()

    def unlock_after_fork(self) -> None:
        """Allow use again, in the parent process."""
        self._lock.release()

    def reset_after_fork(self) -> None:
        """Allow use again, in the child process, where the lock's owner doesn't exist."""
        self._lock = threading.RLock()

    def _get_connection(self, create: bool) -> sqlite3.Connection | None:
        identity = _get_identity(self.file)
        if identity != self._identity or (create and self._read_only):
            self.close()
        if self._connection is None and (create or identity is not None):
            self._open(create)
        return self._connection

    def _open(self, create: bool) -> None:
        if create:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock_directory(self.file.parent):
            if create:
                # Readable for the owner only, because prompts are private.
                with suppress(FileExistsError):
                    os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            # Read under the lock, so that no other process renames the file before it is opened.
            self._identity = _get_identity(self.file)
            if self._identity is None:
                if create:
                    raise FileNotFoundError(f"{self.file} was removed just now")
                return
            self._read_only = False
            try:
                self._connection = self._connect("?mode=rw")
            except sqlite3.OperationalError as error:
                if is_busy(error) or create or not self._open_read_only():
                    raise

    def _open_read_only(self) -> bool:
        """Try to open a file without write access; return False if that fails, too.

        The second mode assumes that nobody writes to the file: SQLite then needs no files beside it.
        """
        self._read_only = True
        for query in ("?mode=ro", "?mode=ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                self._connection = self._connect(query)
                return True
        return False

    def _connect(self, query: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.file.absolute().as_uri() + query, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            harden(connection)
            if not self._read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_size_limit = 16777216")
                self.prepare(connection)
            self.validate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> bool:
        """Rename the damaged file, replacing an earlier one; no-op if another process did. Return False on failure."""
        damaged = self._identity
        self.close()
        try:
            with _lock_directory(self.file.parent):
                if _get_identity(self.file) == damaged:
                    for suffix in ("", "-wal", "-shm"):
                        with suppress(FileNotFoundError):
                            os.replace(f"{self.file}{suffix}", f"{self.file}.damaged{suffix}")
        except (OSError, sqlite3.OperationalError):
            return False
        return True


def is_busy(error: Exception) -> bool:
    """Return True if an error means that another process was writing for too long."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _get_identity(file: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at a path; None if there is no file."""
    try:
        status = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _lock_directory(directory: Path) -> Iterator[None]:
    """Keep other processes from creating, opening or renaming the file during a `with` block.

    No-op on file systems without locks.

    Raises:
        sqlite3.OperationalError: If another process holds the lock for too long.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    # A directory without write access is changed by nobody.
    except OSError:
        yield
        return
    try:
        deadline = time.monotonic() + WAIT
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(f"{directory / _LOCK} is locked by another process")
            time.sleep(0.002)
        yield
    finally:
        # Closing is not enough: a child that was forked meanwhile has the file open, too.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # The file system has no locks.
    except OSError:
        return True
    return True


class _Registry:
    """The files of this process, and the order of their last use.

    Lock order: a thread that holds a file's lock never acquires the registry's.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._files: WeakValueDictionary[str, SharedFile] = WeakValueDictionary()
        self._recent: OrderedDict[SharedFile, None] = OrderedDict()
        self._forking: list[SharedFile] = []

    def get(self, file_class: type[SharedFile], path: str) -> SharedFile:
        """Return the object for a path."""
        with self._lock:
            file = self._files.get(path)
            if file is None:
                file = self._files[path] = file_class(Path(path))
            return file

    def touch(self, file: SharedFile) -> None:
        """Keep a file open, and close the least recently used file if there are too many."""
        with self._lock:
            self._recent[file] = None
            self._recent.move_to_end(file)
            oldest = self._recent.popitem(last=False)[0] if len(self._recent) > MAX_OPEN_FILES else None
        # Outside of the registry's lock, which must not be held while waiting for a file's lock.
        if oldest is not None:
            oldest.close()

    def close_all(self) -> None:
        """Close all files."""
        with self._lock:
            files = list(self._files.values())
        for file in files:
            file.close()

    def lock_for_fork(self) -> None:
        """Lock and close all files before a fork."""
        self._lock.acquire()
        self._forking = list(self._files.values())
        for file in self._forking:
            file.lock_for_fork()

    def unlock_after_fork(self) -> None:
        """Unlock all files after a fork, in the parent process."""
        files, self._forking = self._forking, []
        for file in files:
            file.unlock_after_fork()
        self._lock.release()

    def reset_after_fork(self) -> None:
        """Unlock all files after a fork, in the child process."""
        for file in self._forking:
            file.reset_after_fork()
        self._forking = []
        self._lock = threading.RLock()


_registry = _Registry()
# SQLite removes the files beside the database when its last connection is closed.
atexit.register(_registry.close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registry.lock_for_fork,
        after_in_parent=_registry.unlock_after_fork,
        after_in_child=_registry.reset_after_fork,
    )
