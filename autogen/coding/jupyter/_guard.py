"""A watch between this process and a kernel or a server: that ends when this process ends, in whatever way that is.

A process that is killed can't clean up. So a small process stands in between, which does nothing but wait: for the end of
the program, or for the end of the pipe that only this process holds the other end of. Then it kills the program and all that
came of it. The program may kill its watch: that is seen as its own end.
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
from typing import Any

from .._descendants import descendants, marked_environment, running_with
from .._process import BoundedOutput, Limits, _kill_all, _own_group

LAST_WORDS = 20_000  # bytes
POLITE = 1.0  # seconds in which a program that is asked to end has ended

_ROOT = str(Path(__file__).parents[3])
_BOOT = "import sys; sys.path.append(sys.argv[1]); from autogen.coding.jupyter._guard import watch; watch()"


class SupervisedProcess:
    """A program that runs until it is stopped, this object is dropped, or this process ends."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits, folder: Path) -> None:
        """
        Args:
            command: The program.
            cwd: Where it runs.
            env: Its environment.
            limits: What it may use.
            folder: Its private folder, which the watch removes if this process can't.

        Raises:
            OSError: There is no such folder, or no more processes.
        """
        mark, env = marked_environment(env)
        self._limits = limits
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, _ROOT, mark, str(folder), *command],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **_own_group(limits),
        )
        self._output = BoundedOutput(LAST_WORDS)
        reader = threading.Thread(target=self._output.read, args=(self._process.stdout,), daemon=True)
        reader.start()
        self.kill = when_dropped(self, _end, self._process, mark, self._output, reader)

    def trouble(self) -> str | None:
        """Why the program does not run any more; None while it does."""
        code = self._process.poll()
        if code is not None:
            return f"it ended with exit code {code if code >= 0 else 128 - code}"
        most = self._limits.processes
        if most is not None and len(descendants(self._process.pid)) > most + 1:
            self.kill()
            return f"it was killed for having more than {most} processes at once"
        return None

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._signal(signal.SIGINT)

    def stop(self) -> None:
        """Ask the program to end, and see to it."""
        self._signal(signal.SIGTERM)
        self.wait(POLITE)
        self.kill()

    def wait(self, seconds: float) -> None:
        """Wait for the program's own end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def last_words(self) -> str:
        """What it printed."""
        return self._output.text().strip()

    def _signal(self, number: int) -> None:
        if sys.platform != "win32" and self._process.poll() is None:  # there, no signal reaches a process of another group
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def when_dropped(thing: object, function: Callable[..., Any], *args: Any) -> weakref.finalize[Any, Any]:
    """Call a function when a thing is dropped, at the end of the process, or when the result is called: once.

    Not in a fork of this process: the thing is not its own.
    """
    return weakref.finalize(thing, _in_process, os.getpid(), function, *args)


def _in_process(pid: int, function: Callable[..., Any], *args: Any) -> None:
    if os.getpid() == pid:
        function(*args)


def _end(process: subprocess.Popen[bytes], mark: str, output: BoundedOutput, reader: threading.Thread) -> None:
    _kill_all(process, mark)
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        process.wait(POLITE)
    if process.stdin:
        process.stdin.close()
    output.stop(reader)


def watch() -> None:
    """What the watch does. It runs in a process of its own."""
    _, _, mark, folder, *command = sys.argv
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the program, which is in the same group
        signal.signal(number, lambda *_: None)
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f"{command[0]} can't be run: {error}")
    threading.Thread(target=_await_the_parents_end, args=(mark, folder), daemon=True).start()
    while program.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(1)
        if os.getppid() != parent and sys.platform != "win32":  # a fork of the parent may still hold the pipe
            _kill_everything(mark, folder)
    os._exit(program.returncode if program.returncode >= 0 else 128 - program.returncode)


def _await_the_parents_end(mark: str, folder: str) -> None:
    os.read(0, 1)
    _kill_everything(mark, folder)


def _kill_everything(mark: str, folder: str) -> None:
    for _ in range(20):
        victims = {*descendants(os.getpid()), *running_with(mark)}
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
