"""Supervised processes: a kernel or server that can't outlive this process, however this process ends.

A killed process can't clean up. So a small watchdog process runs the program as its child, and waits for the end of the
program or of a pipe whose other end is open in this process only. When the pipe closes, the watchdog kills the program and
all its descendants. A program that kills its watchdog is treated as ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec

from .._processes.descendants import find_descendants, find_marked, mark_environment
from .._processes.runner import BoundedOutput, Limits, kill_tree, make_group_options
from .._processes.watch import ProgramWatch

P = ParamSpec("P")

MAX_TAIL = 20_000  # bytes
TERMINATE_GRACE = 1.0  # seconds

_ROOT = str(Path(__file__).parents[3])
_BOOT = "import sys; sys.path.append(sys.argv[1]); from autogen.coding.jupyter._watchdog import run_watchdog; run_watchdog()"


class SupervisedProcess:
    """A program that runs until it is stopped, this object is dropped, or this process ends."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits, folder: Path) -> None:
        """Start the program.

        Args:
            command: The program and its arguments.
            cwd: Its working directory.
            env: Its environment.
            limits: The resources it may use.
            folder: Its private folder. The watchdog removes it if this process can't.

        Raises:
            OSError: if `cwd` does not exist, or no process can be started.
        """
        mark, env = mark_environment(env)
        # The program itself is a descendant of the watchdog, and doesn't count.
        self._watch = ProgramWatch(limits, cwd, helpers=1)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, _ROOT, mark, str(folder), *command],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **make_group_options(limits),
        )
        self._output = BoundedOutput(MAX_TAIL)
        reader = threading.Thread(target=self._output.read, args=(self._process.stdout,), daemon=True)
        reader.start()
        self.kill = call_when_dropped(self, _kill_process, self._process, mark, self._output, reader)

    def find_failure(self) -> str | None:
        """Return why the program has ended, or None while it runs.

        A program that exceeds a limit is killed here.
        """
        code = self._process.poll()
        if code is not None:
            return f"it ended with exit code {code if code >= 0 else 128 - code}"
        if excess := self._watch.find_excess(self._process.pid):
            self.kill()
            return f"it was killed: {excess}"
        return None

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self._send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Terminate the program, and kill it if it does not end within `TERMINATE_GRACE`."""
        self._send_signal(signal.SIGTERM)
        self.wait(TERMINATE_GRACE)
        self.kill()

    def wait(self, seconds: float) -> None:
        """Wait until the program ends, for a limited time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def read_tail(self) -> str:
        """Return the last output of the program."""
        return self._output.decode().strip()

    def _send_signal(self, number: int) -> None:
        # Windows delivers no signal to a process of another group.
        if sys.platform != "win32" and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def call_when_dropped(
    owner: object, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> weakref.finalize[..., object]:
    """Call a function once: when its owner is dropped, at exit, or when the returned callable is called.

    A fork of this process does not call it, since the resource isn't the fork's own.

    Returns:
        The finalizer: calling it calls the function now, `detach` gives it up, `alive` tells if the call is still to come.
    """
    return weakref.finalize(owner, _call_in_process, os.getpid(), function, *args, **kwargs)


def _call_in_process(pid: int, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    if os.getpid() == pid:
        function(*args, **kwargs)


def _kill_process(process: subprocess.Popen[bytes], mark: str, output: BoundedOutput, reader: threading.Thread) -> None:
    kill_tree(process, mark)
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        process.wait(TERMINATE_GRACE)
    if process.stdin:
        process.stdin.close()
    output.stop(reader)


def run_watchdog() -> None:
    """Run the program of the command line, and kill it when the parent ends. The entry point of the watchdog process."""
    _, _, mark, folder, *command = sys.argv
    parent = os.getppid()
    # These signals are sent to the whole group. They are meant for the program.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f"can't run {command[0]}: {error}")
    threading.Thread(target=_wait_for_parent, args=(mark, folder), daemon=True).start()
    while program.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(1)
        # A fork of the parent may hold the pipe open after the parent has ended.
        if os.getppid() != parent and sys.platform != "win32":
            _kill_everything(mark, folder)
    os._exit(program.returncode if program.returncode >= 0 else 128 - program.returncode)


def _wait_for_parent(mark: str, folder: str) -> None:
    # Nothing is ever written to the pipe, so that the read returns when its other end closes.
    os.read(0, 1)
    _kill_everything(mark, folder)


def _kill_everything(mark: str, folder: str) -> None:
    # A process may fork while the others are killed, so that one pass isn't enough.
    for _ in range(20):
        victims = {*find_descendants(os.getpid()), *find_marked(mark)}
        for pid in victims:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        if not victims:
            break
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
