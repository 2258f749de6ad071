"""Discovery of a program's descendants, including processes that left its group or lost their parent.

Where `/proc` exists, there are two ways: parent ids, and a marker in the environment, which children inherit. Elsewhere
both find nothing, and only the process group is killed. A process escapes only if it leaves the group, drops its
environment and loses its parent.
"""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from collections.abc import Mapping

RUN_ID_VARIABLE = "AUTOGEN_RUN_ID"


def mark_environment(env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a marker unique to this run, and the environment with the marker added."""
    run_id = uuid.uuid4().hex
    return f"{RUN_ID_VARIABLE}={run_id}", {**env, RUN_ID_VARIABLE: run_id}


def find_descendants(pid: int) -> set[int]:
    """Return the ids of a process's children, their children, and so on."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for child in _list_pids():
        children[_read_parent(child)].append(child)
    descendants: set[int] = set()
    pending = [pid]
    while pending:
        for child in children[pending.pop()]:
            # Parents are read one after another, so a reused id may close a cycle.
            if child not in descendants:
                descendants.add(child)
                pending.append(child)
    return descendants


def find_marked(marker: str) -> set[int]:
    """Return the ids of the processes with the marker in their environment, without this process."""
    entry = marker.encode()
    return {pid for pid in _list_pids() if pid != os.getpid() and entry in _read_proc_file(pid, "environ").split(b"\0")}


def _list_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc/self") else []


def _read_parent(pid: int) -> int:
    """Return the parent's id; 0 for a zombie or a process that has ended."""
    # The second field is the program's name, which may itself contain spaces and parentheses.
    fields = _read_proc_file(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[0] != b"Z" else 0


def _read_proc_file(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        # The process has ended, or belongs to another user.
        return b""
