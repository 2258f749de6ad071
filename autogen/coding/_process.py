"""Running a program that may do anything: it can't outlive its time, fill the memory, or read the user's input.

The program leads a process group of its own. When its time is up, when it ends, or when the caller is interrupted, the
whole group is killed, and with it whatever it has started since, also in sessions of its own (these are found in `/proc`
where there is one).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .._threads import is_cancelled
from ._descendants import descendants, marked_environment, running_with
from ._limits import Limits as Limits
from ._limits import setter

TIMEOUT_EXIT_CODE = 124
TIMEOUT = "timeout"
POLL_INTERVAL = 0.25  # seconds between two looks at a program that runs
KILL_GRACE = 5  # seconds in which what was killed is gone


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
    limits: Limits,
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
    output = BoundedOutput(limits.output)
    reader = threading.Thread(target=output.read, args=(process.stdout,), daemon=True)
    killed: str | None = None
    try:
        reader.start()
        killed = _watch(process, reader, limits)
    finally:  # also when the caller is interrupted, and when the program ends but leaves others behind
        _kill_all(process, mark)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it became another user's, and can't be killed
            process.wait(KILL_GRACE)
        output.stop(reader)
    if killed == TIMEOUT:
        return Finished(TIMEOUT_EXIT_CODE, output.text(), True)
    if killed:
        return Finished(process.returncode or 1, f"{output.text()}\n[killed: {killed}]", False)
    return Finished(process.returncode, output.text(), False)


def _own_group(limits: Limits) -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "preexec_fn": setter(limits)}


def _watch(process: subprocess.Popen[bytes], reader: threading.Thread, limits: Limits) -> str | None:
    """Wait for the end of a program; returns why it has to be killed, if it has to be."""
    deadline = time.monotonic() + limits.seconds

    def tick() -> float:
        return max(0.0, min(POLL_INTERVAL, deadline - time.monotonic()))

    while True:
        reader.join(tick())  # most programs close their output by ending: that is noticed at once
        if not reader.is_alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(tick())
        if process.poll() is not None:
            return None
        if time.monotonic() >= deadline:
            return TIMEOUT
        if is_cancelled():
            return "nobody waits for it any more"
        if limits.processes is not None and len(descendants(process.pid)) > limits.processes:
            return f"more than {limits.processes} processes at once"


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
class BoundedOutput:
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

    def stop(self, reader: threading.Thread) -> None:
        """Take what is left in the pipe, and no more. Its other end may be held by a process that got away."""
        if reader.ident is not None:  # it was started
            reader.join(KILL_GRACE)
        self.stopped = True

    def text(self) -> str:
        """The output as text; what is not UTF-8 is replaced."""
        if not self.dropped:
            return (self.head + self.tail).decode("utf-8", "replace")
        notice = f"\n[... {self.dropped} bytes of output cut here ...]\n"
        return self.head.decode("utf-8", "replace") + notice + self.tail.decode("utf-8", "replace")
