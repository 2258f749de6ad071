"""Limits that the operating system doesn't enforce: on the memory of all processes of a program, and on its disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .descendants import find_descendants
from .limits import Limits


class ProgramWatch:
    """Looks for limits that a running program exceeds.

    Args:
        limits: The limits.
        folder: The folder that it writes to.
        helpers: Number of descendants that don't count, since they belong to the framework.
    """

    def __init__(self, limits: Limits, folder: str | Path, helpers: int = 0) -> None:
        self._limits = limits
        self._helpers = helpers
        self._disk = DiskWatch(limits, folder)

    def find_excess(self, pid: int) -> str | None:
        """Return the limit that a process and its descendants exceed, in words; None if there is none."""
        descendants = find_descendants(pid)
        processes, memory = self._limits.processes, self._limits.get_memory()
        if processes is not None and len(descendants) > processes + self._helpers:
            return f"more than {processes} processes at once"
        if memory is not None and _uses_more_than(memory, {pid, *descendants}):
            return f"more than {memory:,} bytes of memory"
        return self._disk.find_excess()


class DiskWatch:
    """Looks whether a program fills the disk of a folder.

    Args:
        limits: The limits.
        folder: The folder.
    """

    def __init__(self, limits: Limits, folder: str | Path) -> None:
        self._folder = folder
        free = _get_free_space(folder)
        wanted = limits.free_disk
        # On a disk that is nearly full a program may use half of the rest.
        self._reserve = None if wanted is None or free is None else min(wanted, free // 2)

    def find_excess(self) -> str | None:
        """Return in words that too little space is left; None if there is enough."""
        if self._reserve is None:
            return None
        free = _get_free_space(self._folder)
        return f"less than {self._reserve:,} bytes left on the disk" if free is not None and free < self._reserve else None


def _get_free_space(folder: str | Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        # Code may remove its work directory.
        return None


def _uses_more_than(limit: int, pids: Iterable[int]) -> bool:
    """Return True if processes have more bytes in memory than a limit; False where `/proc` does not exist."""
    pids = [*pids]
    # The first measure is quick, and counts memory that processes share once for each.
    return sum(map(_read_resident, pids)) > limit and sum(map(_read_proportional, pids)) > limit


def _read_resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _get_page_size()
    except (OSError, IndexError, ValueError):
        # The process has ended.
        return 0


def _read_proportional(pid: int) -> int:
    """Return the bytes of a process, where memory that is shared counts in parts; all of it if the parts are unknown."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        # The process has ended, or may not be read.
        return _read_resident(pid)
    return _read_resident(pid)


@cache
def _get_page_size() -> int:
    return os.sysconf("SC_PAGE_SIZE")
