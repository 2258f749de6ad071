"""Resource limits of a program, and their enforcement by the operating system."""

from __future__ import annotations

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
    """Resources that a program may use. None means the limit of the process that starts it.

    Attributes:
        seconds: Wall-clock time.
        output: Bytes of output to keep; the rest is read and discarded.
        processes: Number of descendants that run concurrently (Linux). A watchdog kills a program that exceeds it; for all
            users except root the system refuses more processes too.
        file_size: Maximum size of a written file in bytes (POSIX).
        memory: Maximum address space in bytes (POSIX).
        cpu_seconds: Processor time (POSIX).
    """

    seconds: float = 60
    output: int = MAX_OUTPUT
    processes: int | None = 256
    file_size: int | None = 10_000_000_000
    memory: int | None = None
    cpu_seconds: int | None = None


def make_limit_setter(limits: Limits) -> Callable[[], None] | None:
    """Return a function that sets the limits in a child process before its program starts; None on Windows."""
    if sys.platform == "win32":
        return None
    values = {
        # A core dump would be written to the work directory.
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_AS: limits.memory,
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
