"""Resource limits of a program, and their enforcement by the operating system."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

if sys.platform != "win32":
    import resource

MAX_OUTPUT = 1_000_000  # bytes

# The system counts threads as processes; an interpreter with a numeric library starts several.
THREADS_PER_PROCESS = 8


@dataclass(frozen=True)
class Limits:
    """Resources that a program may use. None means no limit but that of the process that starts it, except for memory.

    Attributes:
        seconds: Wall-clock time.
        output: Bytes of output to keep; the rest is read and discarded.
        processes: Number of descendants that run concurrently (Linux). A watchdog kills a program that exceeds it; for all
            users except root the system refuses more processes too.
        file_size: Maximum size of a written file in bytes (POSIX).
        memory: Bytes of memory, by default half of this machine's (2 GB in a container). The system refuses a process more
            data of its own (POSIX); a watchdog kills a program whose processes exceed it together (Linux).
        cpu_seconds: Processor time (POSIX).
        free_disk: Bytes that stay free on the disk of the work directory, at most half of those free at the start. A
            watchdog kills a program that leaves less. Its files stay.
    """

    seconds: float = 60
    output: int = MAX_OUTPUT
    processes: int | None = 256
    file_size: int | None = 10_000_000_000
    memory: int | None = None
    cpu_seconds: int | None = None
    free_disk: int | None = 1_000_000_000

    def get_memory(self) -> int | None:
        """Return the bytes of memory that a program on this machine may use; None if the machine doesn't tell its own."""
        if self.memory is not None:
            return self.memory
        total = read_total_memory()
        return None if total is None else total // 2


def read_total_memory() -> int | None:
    """Return the bytes of memory of this machine, or of the container that this process runs in; None if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):
        # The file is missing outside of a container, or its text is `max`.
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


def make_limit_setter(limits: Limits) -> Callable[[], None] | None:
    """Return a function that sets the limits in a child process before its program starts; None on Windows."""
    if sys.platform == "win32":
        return None
    values = {
        # A core dump would be written to the work directory.
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_size,
        # Address space that is only reserved does no harm, and some runtimes reserve a lot. Others than Linux can't tell.
        resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS: limits.get_memory(),
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_NPROC: _count_allowed_tasks(limits.processes),
    }
    pairs = []
    for kind, value in values.items():
        if value is not None:
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # The hard limit is set too: otherwise the program could raise its soft limit.
            pairs.append((kind, (value, value)))
    return partial(_set_limits, pairs)


def _count_allowed_tasks(processes: int | None) -> int | None:
    """Convert a limit of processes to the system's limit, which counts all processes and threads of the user.

    The current tasks are added; those of all users are the only number that is cheap to get. So the result may be too
    high, which is fine for a backstop.
    """
    try:
        tasks = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, IndexError, ValueError):
        # This is not Linux.
        return None
    return None if processes is None else tasks + THREADS_PER_PROCESS * processes


def _set_limits(pairs: list[tuple[int, tuple[int, int]]]) -> None:
    # Runs in the child between fork and exec: an import or a lock could deadlock there.
    for kind, pair in pairs:
        resource.setrlimit(kind, pair)
