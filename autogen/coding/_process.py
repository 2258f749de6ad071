"""Running a program that may do anything: it can't outlive its time, fill the memory, or read the user's input.

The program leads a process group of its own. When its time is up, when it ends, or when the caller is interrupted, the
whole group is killed, and with it whatever it has started since, also in sessions of its own (these are found in `/proc`
where there is one).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":
    import resource

from ._descendants import descendants, marked_environment, running_with

TIMEOUT_EXIT_CODE = 124
KEPT_OUTPUT = 1_000_000  # bytes
TIMEOUT = "timeout"
QUARTER = 0.25  # seconds between two looks at a program that runs


@dataclass(frozen=True)
class Limits:
    """What a program may use. None: as much as the process that starts it.

    Attributes:
        seconds: Wall-clock time.
        output: Bytes of output that are kept; more is read, and thrown away.
        processes: How many processes it may have started that run at once (Linux).
        file_size: Bytes of the largest file it may write (POSIX).
        memory: Bytes of address space (POSIX).
        cpu_seconds: Processor time (POSIX).
    """

    seconds: float = 60
    output: int = KEPT_OUTPUT
    processes: int | None = 256
    file_size: int | None = 1_000_000_000
    memory: int | None = None
    cpu_seconds: int | None = None


@dataclass(frozen=True)
class Finished:
    """What became of a program."""

    exit_code: int
    output: str
    timed_out: bool


def run(
    command: Sequence[str],
    *,
    cwd: str | Path,
    env: Mapping[str, str],
    limits: Limits = Limits(),
) -> Finished:
    """Run a program to its end, or to the end of its time. Output and errors come back in the order they were printed.

    Raises:
        OSError: The program can't be started.
    """
    mark, env = marked_environment(env)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **_own_group(limits),
    )
    output = _Output(limits.output)
    reader = threading.Thread(target=output.read, args=(process.stdout,), daemon=True)
    reader.start()
    killed: str | None = None
    try:
        killed = _watch(process, limits)
    finally:  # also when the caller is interrupted, and when the program ends but leaves others behind
        _kill_all(process, mark)
        process.wait()
        reader.join(timeout=5)
        output.stop()
    if killed == TIMEOUT:
        return Finished(TIMEOUT_EXIT_CODE, output.text(), True)
    notice = f"\n[killed: {killed}]" if killed else ""
    return Finished(process.returncode, output.text() + notice, False)


def _own_group(limits: Limits) -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "preexec_fn": partial(_set_limits, _resource_limits(limits))}


def _resource_limits(limits: Limits) -> list[tuple[int, tuple[int, int]]]:
    """The limits as the system takes them: no higher than they are for this process."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CPU: limits.cpu_seconds,
    }
    pairs = []
    for kind, value in wanted.items():
        if value is not None:
            _, hard = resource.getrlimit(kind)
            pairs.append((kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard)))
    return pairs


def _set_limits(pairs: list[tuple[int, tuple[int, int]]]) -> None:
    """Runs in the child, before the program: it must not import or lock anything."""
    for kind, pair in pairs:
        resource.setrlimit(kind, pair)


def _watch(process: subprocess.Popen[bytes], limits: Limits) -> str | None:
    """Wait for the end of a program; returns why it has to be killed, if it has to be."""
    deadline = time.monotonic() + limits.seconds
    pause = min(QUARTER, limits.seconds)
    while True:
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                return TIMEOUT
            if limits.processes is not None and len(descendants(process.pid)) > limits.processes:
                return f"more than {limits.processes} processes at once"
            pause = max(0.0, min(QUARTER, deadline - time.monotonic()))
        else:
            return None


def _kill_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the program and all that came of it. Twice: a process may fork while the first round goes on."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    for _ in range(20):
        victims = {*descendants(process.pid), *running_with(mark)}
        _kill(lambda: os.killpg(process.pid, signal.SIGKILL))
        for pid in victims:
            _kill(lambda pid=pid: os.kill(pid, signal.SIGKILL))
        if not victims:
            return
        time.sleep(0.01)


def _kill(send: Any) -> None:
    try:
        send()
    except (ProcessLookupError, PermissionError):
        return  # it is gone, or it is not ours any more


@dataclass
class _Output:
    """The beginning and the end of what a program prints; the middle is counted only."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    dropped: int = 0
    stopped: bool = False

    def read(self, pipe: IO[bytes]) -> None:
        """Take all that comes. A program that prints without end must not be blocked: its time limit ends it."""
        with pipe:
            while not self.stopped and (chunk := os.read(pipe.fileno(), 65536)):
                self.take(chunk)

    def take(self, chunk: bytes) -> None:
        """Keep a piece of output, within the limit."""
        room = self.limit // 2 - len(self.head)
        self.head += chunk[: max(room, 0)]
        self.tail += chunk[max(room, 0) :]
        excess = len(self.tail) - self.limit // 2
        if excess > 0:
            del self.tail[:excess]
            self.dropped += excess

    def stop(self) -> None:
        """Take no more."""
        self.stopped = True

    def text(self) -> str:
        """The output as text; what is not UTF-8 is replaced."""
        if not self.dropped:
            return (self.head + self.tail).decode("utf-8", "replace")
        notice = f"\n[... {self.dropped} bytes of output cut here ...]\n"
        return self.head.decode("utf-8", "replace") + notice + self.tail.decode("utf-8", "replace")
