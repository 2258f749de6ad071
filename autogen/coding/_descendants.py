"""Finding the processes that came of a program, also those that left its group or lost their parent.

Two ways, where there is a `/proc`: by parents, and by a mark in the environment, which children inherit. Elsewhere both
find nothing, and the process group is all that is killed. A process that leaves the group, drops its environment and
loses its parent, all three, is not found.
"""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from collections.abc import Mapping

RUN_ID_VARIABLE = "AUTOGEN_RUN_ID"


def marked_environment(env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The environment with a mark in it that no other run has, and the mark."""
    run_id = uuid.uuid4().hex
    return f"{RUN_ID_VARIABLE}={run_id}", {**env, RUN_ID_VARIABLE: run_id}


def descendants(pid: int) -> set[int]:
    """The children of a process, their children, and so on."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for child in _pids():
        children[_parent(child)].append(child)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children[waiting.pop()]:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def running_with(mark: str) -> set[int]:
    """The processes that bear the mark."""
    sought = mark.encode()
    return {pid for pid in _pids() if pid != os.getpid() and sought in _read(pid, "environ").split(b"\0")}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc/self") else []


def _parent(pid: int) -> int:
    """The parent's id; 0 for a zombie or a process that has ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[0] != b"Z" else 0


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except OSError:  # it has ended, or belongs to somebody else
        return b""
