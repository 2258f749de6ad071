"""What a program may use, and how the system is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

if sys.platform != "win32":
    import resource

KEPT_OUTPUT = 1_000_000  # bytes
THREADS = 8  # per process, as the system's limit counts threads


@dataclass(frozen=True)
class Limits:
    """What a program may use. None: as much as the process that starts it.

    Attributes:
        seconds: Wall-clock time.
        output: Bytes of output that are kept; more is read, and thrown away.
        processes: How many processes it may have started that run at once (Linux). A watch ends a program with more;
            for all users but root the system refuses them, too.
        file_size: Bytes of the largest file it may write (POSIX).
        memory: Bytes of address space (POSIX).
        cpu_seconds: Processor time (POSIX).
    """

    seconds: float = 60
    output: int = KEPT_OUTPUT
    processes: int | None = 256
    file_size: int | None = 10_000_000_000
    memory: int | None = None
    cpu_seconds: int | None = None


def setter(limits: Limits) -> Callable[[], None] | None:
    """What sets the limits in a child, before its program starts; None where the system has no such limits."""
    if sys.platform == "win32":
        return None
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_NPROC: _most_tasks(limits.processes),
    }
    pairs = []
    for kind, value in wanted.items():
        if value is not None:
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            pairs.append((kind, (value, value)))  # the hard limit too: else the program could lift it
    return partial(_set, pairs)


def _most_tasks(processes: int | None) -> int | None:
    """The system counts all processes and threads of the user, so those there are now come on top.

    Those of all users are what can be found out with one look. The limit is a backstop, and may be too high.
    """
    try:
        tasks = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, IndexError, ValueError):  # not Linux
        return None
    return None if processes is None else tasks + THREADS * processes


def _set(pairs: list[tuple[int, tuple[int, int]]]) -> None:
    """Runs in the child: it must not import or lock anything."""
    for kind, pair in pairs:
        resource.setrlimit(kind, pair)
