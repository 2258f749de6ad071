"""One SQLite connection for each file of the process, however many caches use it.

Opening and closing a database costs a hundred times what reading an answer does, and a request makes a cache object of its
own. So the connection belongs to the file. A lock keeps threads apart: a connection for each thread was measured to be no
faster. It is closed when it was not among the last that were used, when somebody asks for it, before a fork, and at exit.
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

if TYPE_CHECKING:
    from typing_extensions import Self

if sys.platform != "win32":
    import fcntl

WAIT = 30.0  # seconds for another process to end its write
MOST_OPEN = 16  # files
_LOCK = "answers.lock"


class Damaged(Exception):
    """The file was no database of ours. It was set aside: the next use begins a new one."""


class SharedFile(ABC):
    """A SQLite file. It is opened by the first use, and again by the first after it was closed, moved or removed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # of the file that is, or was last, open
        self._read_only = False

    @classmethod
    def at(cls, file: Path) -> Self:
        """The one object of this process for a path."""
        return _registry.at(cls, file)  # type: ignore[return-value]  # there is one class for each path

    @abstractmethod
    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a file that may be new."""

    @abstractmethod
    def check(self, connection: sqlite3.Connection) -> None:
        """Look whether a file has the tables.

        Raises:
            sqlite3.DatabaseError: It hasn't.
        """

    @contextmanager
    def connection(self, make: bool) -> Iterator[sqlite3.Connection | None]:
        """The connection, for this thread alone; None if there is no file, and none is to be made.

        Args:
            make: Make what is missing, to write.

        Raises:
            Damaged: The file had to be set aside.
            OSError: A directory or the file can't be made.
            sqlite3.Error: The file can't be used.
        """
        _registry.used(self)
        with self._lock:
            try:
                yield self._current(make)
            except sqlite3.DatabaseError as error:
                if type(error) is sqlite3.DatabaseError and self._set_aside():  # the subclasses mean other things
                    raise Damaged(str(error)) from error
                if _identity(self.file) != self._identity:
                    raise FileNotFoundError(f"{self.file} was removed just now") from error
                raise

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _current(self, make: bool) -> sqlite3.Connection | None:
        found = _identity(self.file)
        if found != self._identity or (make and self._read_only):
            self.close()
        if self._connection is None and (make or found is not None):
            self._open(make)
        return self._connection

    def _open(self, make: bool) -> None:
        if make:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(self.file.parent):
            if make:
                with suppress(FileExistsError):  # prompts are nobody else's business
                    os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._identity = _identity(self.file)
            if self._identity is None:
                if make:
                    raise FileNotFoundError(f"{self.file} was removed just now")
                return
            self._read_only = False
            try:
                self._connection = self._connected("?mode=rw")
            except sqlite3.OperationalError as error:
                if is_busy(error) or make or not self._open_read_only():
                    raise

    def _open_read_only(self) -> bool:
        """The other ways to open a file that can't be written: with its users, or as one that nobody changes."""
        self._read_only = True
        for query in ("?mode=ro", "?mode=ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                self._connection = self._connected(query)
                return True
        return False

    def _connected(self, query: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.file.absolute().as_uri() + query, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            if not self._read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_size_limit = 16777216")
                self.prepare(connection)
            self.check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> bool:
        """Rename the file that was open, unless somebody else did; one such file is kept."""
        broken = self._identity
        self.close()
        try:
            with _alone(self.file.parent):
                if _identity(self.file) == broken:
                    for suffix in ("", "-wal", "-shm"):
                        with suppress(FileNotFoundError):
                            os.replace(f"{self.file}{suffix}", f"{self.file}.damaged{suffix}")
        except (OSError, sqlite3.OperationalError):
            return False
        return True


def is_busy(error: Exception) -> bool:
    """Whether another process was writing for too long."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file stands at a path; None for none."""
    try:
        found = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """While a file is made, opened or set aside, no other process does that. Where files have no locks, nobody waits.

    Raises:
        sqlite3.OperationalError: Another process goes on and on.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:  # a disk that can't be written is changed by nobody
        yield
        return
    try:
        deadline = time.monotonic() + WAIT
        while not _locked(handle):
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(f"{directory / _LOCK} is locked by another process")
            time.sleep(0.002)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough: a child that was forked meanwhile has it open too
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return True
    return True


class _Registry:
    """The files of this process. Who holds a file's lock never asks for the registry's."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: WeakValueDictionary[Path, SharedFile] = WeakValueDictionary()
        self._recent: OrderedDict[Path, SharedFile] = OrderedDict()
        self._held: list[SharedFile] = []

    def at(self, kind: type[SharedFile], file: Path) -> SharedFile:
        with self._lock:
            known = self._known.get(file)
            if known is None:
                known = self._known[file] = kind(file)
            return known

    def used(self, file: SharedFile) -> None:
        """Keep the file open, and close the one that was used longest ago if there are too many."""
        with self._lock:
            self._recent[file.file] = file
            self._recent.move_to_end(file.file)
            oldest = self._recent.popitem(last=False)[1] if len(self._recent) > MOST_OPEN else None
        if oldest is not None:
            oldest.close()

    def close_all(self) -> None:
        with self._lock:
            files = list(self._known.values())
        for file in files:
            file.close()

    def before_fork(self) -> None:
        """Wait for all threads, and close: what SQLite knows about an open file is wrong in a child."""
        self._lock.acquire()
        self._held = list(self._known.values())
        for file in self._held:
            file._lock.acquire()
            file.close()

    def after_fork_in_parent(self) -> None:
        held, self._held = self._held, []
        for file in held:
            file._lock.release()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        for file in self._held:
            file._lock = threading.RLock()
        self._held = []
        self._lock = threading.RLock()


_registry = _Registry()
atexit.register(_registry.close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registry.before_fork,
        after_in_parent=_registry.after_fork_in_parent,
        after_in_child=_registry.after_fork_in_child,
    )
