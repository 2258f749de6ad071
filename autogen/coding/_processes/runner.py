"""Execution of untrusted programs: bounded time and output, and no access to the user's input.

The program leads a process group of its own. The group is killed on a timeout, when the program ends, and when the caller
is interrupted; with it all descendants, including those in other sessions (found in `/proc`, where it exists).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TypedDict

from ..._threads import is_cancelled
from .descendants import find_descendants, find_marked, mark_environment
from .limits import Limits as Limits
from .limits import make_limit_setter
from .watch import ProgramWatch

TIMEOUT_EXIT_CODE = 124
TIMEOUT = "timeout"
POLL_INTERVAL = 0.25  # seconds
KILL_GRACE = 5  # seconds for killed processes to disappear


@dataclass(frozen=True)
class ProgramResult:
    """Result of a program.

    Attributes:
        exit_code: Its exit code.
        output: Its output; with its errors, in the order of printing, unless they are kept apart.
        timed_out: True if it exceeded its time limit.
        errors: The text that it wrote to stderr, if errors are kept apart.
    """

    exit_code: int
    output: str
    timed_out: bool
    errors: str = ""


def run_program(
    command: Sequence[str],
    *,
    cwd: str | Path,
    env: Mapping[str, str],
    limits: Limits,
    descriptors: Collection[int] = (),
    prepare: Callable[[], None] | None = None,
    split: bool = False,
) -> ProgramResult:
    """Run a program until it ends or exceeds its limits.

    Args:
        command: The program and its arguments.
        cwd: Its working directory.
        env: Its environment.
        limits: The resources it may use.
        descriptors: Open file descriptors that it inherits (POSIX).
        prepare: A function that is called in the child process before the program starts (POSIX). It must not import
            anything or wait for a lock.
        split: Whether stdout and stderr are kept apart, instead of merged in the order of printing.

    Raises:
        OSError: if the program can't be started.
    """
    marker, env = mark_environment(env)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if split else subprocess.STDOUT,
        pass_fds=descriptors,
        **make_group_options(limits, prepare),
    )
    output, errors = BoundedOutput(limits.output), BoundedOutput(limits.output)
    reader = threading.Thread(target=output.read, args=(process.stdout,), daemon=True)
    error_reader = threading.Thread(target=errors.read, args=(process.stderr,), daemon=True)
    kill_reason: str | None = None
    try:
        reader.start()
        if split:
            error_reader.start()
        kill_reason = _wait_for_exit(process, reader, limits, ProgramWatch(limits, cwd))
    finally:
        # Also when the caller is interrupted, and when the program ends but leaves descendants behind.
        kill_tree(process, marker)
        # A program that changed to another user can't be killed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_GRACE)
        output.stop(reader)
        errors.stop(error_reader)
    if kill_reason == TIMEOUT:
        return ProgramResult(TIMEOUT_EXIT_CODE, output.decode(), True, errors.decode())
    if kill_reason:
        text = f"{output.decode()}\n[killed: {kill_reason}]"
        return ProgramResult(process.returncode or 1, text, False, errors.decode())
    return ProgramResult(process.returncode, output.decode(), False, errors.decode())


class GroupOptions(TypedDict, total=False):
    """Arguments of `subprocess.Popen` for a process group of its own."""

    creationflags: int
    start_new_session: bool
    preexec_fn: Callable[[], None] | None


def make_group_options(limits: Limits, prepare: Callable[[], None] | None = None) -> GroupOptions:
    """Return `Popen` arguments that start a program in a process group of its own, with its limits set.

    Args:
        limits: The limits.
        prepare: A function to call before they are set; ignored on Windows.
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    steps = [step for step in (prepare, make_limit_setter(limits)) if step is not None]
    return {"start_new_session": True, "preexec_fn": partial(_call_all, steps)}


def _call_all(steps: Iterable[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _wait_for_exit(
    process: subprocess.Popen[bytes], reader: threading.Thread, limits: Limits, watch: ProgramWatch
) -> str | None:
    """Wait until a program ends, or must be killed; then return the reason."""
    deadline = time.monotonic() + limits.seconds

    def get_wait_time() -> float:
        return max(0.0, min(POLL_INTERVAL, deadline - time.monotonic()))

    while True:
        # Most programs close their output by ending, so the reader notices the end without polling.
        reader.join(get_wait_time())
        if not reader.is_alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(get_wait_time())
        if process.poll() is not None:
            return None
        if time.monotonic() >= deadline:
            return TIMEOUT
        if is_cancelled():
            return "the caller was cancelled"
        if excess := watch.find_excess(process.pid):
            return excess


def kill_tree(process: subprocess.Popen[bytes], marker: str) -> None:
    """Kill a program and all its descendants, found by their parents and by the marker."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    # Several rounds: a process may fork while a round is in progress.
    for _ in range(20):
        victims = {*find_descendants(process.pid), *find_marked(marker)}
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for pid in victims:
            # The process may have ended, or changed to another user.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not victims:
            return
        time.sleep(0.01)


@dataclass
class BoundedOutput:
    """The head and the tail of a program's output; bytes in between are only counted."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    dropped: int = 0
    stopped: bool = False

    def read(self, pipe: IO[bytes]) -> None:
        """Read a pipe until it is closed, or `stop` is called."""
        with pipe:
            # Reading never pauses at the limit: a full pipe would block the program instead of its time limit ending it.
            while not self.stopped and (chunk := os.read(pipe.fileno(), 65536)):
                self.append(chunk)

    def append(self, chunk: bytes) -> None:
        """Add a piece of output, within the limit."""
        free = max(self.limit // 2 - len(self.head), 0)
        self.head += chunk[:free]
        self.tail += chunk[free:]
        excess = len(self.tail) - self.limit // 2
        if excess > 0:
            del self.tail[:excess]
            self.dropped += excess

    def stop(self, reader: threading.Thread) -> None:
        """Read the rest of the pipe and stop, even if a process that escaped keeps it open."""
        # An unstarted thread has no ident and can't be joined.
        if reader.ident is not None:
            reader.join(KILL_GRACE)
        self.stopped = True

    def decode(self) -> str:
        """Return the output as text; bytes that are not UTF-8 are replaced."""
        if not self.dropped:
            return (self.head + self.tail).decode("utf-8", "replace")
        notice = f"\n[... {self.dropped} bytes of output cut here ...]\n"
        return self.head.decode("utf-8", "replace") + notice + self.tail.decode("utf-8", "replace")
