"""Hosts of runs: threads of the server, or a process for each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .._secrets import redact
from .._threads import GRACE, start_daemon_thread
from ._execution import JSON, Execution, Job, Send

logger = logging.getLogger("autogen.serving")

# A result has the whole history in one line.
_MAX_LINE = 256 * 2**20
_KEPT_LINES = 20


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of the process of a run, where the system has them.

    Attributes:
        memory: Bytes of memory; None for half of that of the machine.
        cpu_seconds: Processor time in seconds; None for no limit.
    """

    memory: int | None = None
    cpu_seconds: int | None = None

    def to_dict(self) -> JSON:
        """Return the limits as JSON."""
        return {"memory": self.memory, "cpu_seconds": self.cpu_seconds}


class Host(Protocol):
    """A thread or a process in which one run is executed."""

    async def execute(self, job: Job, receive: Send) -> None:
        """Execute a job. Its messages come in the event loop; the last is a result or a failure."""
        ...

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command to the execution; see `Execution.handle`."""
        ...

    async def kill(self) -> None:
        """End the execution, however it resists. A thread can only be abandoned."""
        ...


class ThreadHost:
    """A thread of the server, for teams that are trusted.

    Args:
        make_team: Makes the team.
    """

    def __init__(self, make_team: Callable[[], Any]) -> None:
        self._make_team = make_team
        self._execution: Execution | None = None
        self._killed = asyncio.Event()
        self._end: asyncio.Future[None] | None = None

    async def execute(self, job: Job, receive: Send) -> None:
        """Execute a job in a thread."""
        loop = asyncio.get_running_loop()

        def send(message: JSON) -> None:
            # The loop is closed if the server has ended.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(receive, message)

        self._execution = Execution(self._make_team, job, send)
        future, _ = start_daemon_thread(self._execution.run)
        self._end = end = asyncio.wrap_future(future)
        killed = asyncio.ensure_future(self._killed.wait())
        waiting: list[asyncio.Future[Any]] = [end, killed]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            killed.cancel()
        if not end.done():
            receive({"kind": "failure", "type": "stopped", "text": "The run was stopped."})

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command to the execution."""
        if self._execution is not None:
            self._execution.handle(command)

    async def kill(self) -> None:
        """Abandon the thread, a moment after the run was stopped."""
        self.send({"kind": "stop"})
        if self._end is not None:
            await asyncio.wait([self._end], timeout=GRACE)
        self._killed.set()


class WorkerPool:
    """Processes that are started before they are needed, because an interpreter takes a while.

    Args:
        spares: Number of processes that wait for a run.
    """

    def __init__(self, spares: int = 1) -> None:
        self._spares = spares
        self._waiting: deque[asyncio.Task[_Worker]] = deque()
        self._is_closed = False

    def fill(self) -> None:
        """Start the processes that are missing."""
        while not self._is_closed and len(self._waiting) < self._spares:
            self._waiting.append(asyncio.get_running_loop().create_task(_start_worker()))

    async def take(self) -> _Worker:
        """Return a process that is ready, and start another in its stead.

        Raises:
            OSError: No process can be started.
        """
        while self._waiting:
            task = self._waiting.popleft()
            self.fill()
            worker = await task
            if worker.process.returncode is None:
                return worker
        self.fill()
        return await _start_worker()

    async def close(self) -> None:
        """End the processes that wait."""
        self._is_closed = True
        while self._waiting:
            task = self._waiting.popleft()
            with contextlib.suppress(Exception):
                worker = await task
                await worker.kill()


class _Worker:
    """A process that waits for a job, or executes it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        # The last lines that the program printed, which say why it died.
        self.printed: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reader = asyncio.get_running_loop().create_task(self._read_printed())

    async def _read_printed(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError):
            async for line in self.process.stderr:
                text = str(redact(line.decode(errors="replace").rstrip()))
                self.printed.append(text)
                logger.debug("worker %s: %s", self.process.pid, text)

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line to the process; no-op if it has ended."""
        assert self.process.stdin is not None
        if not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(line).encode() + b"\n")

    async def read(self) -> JSON | None:
        """Return the next message; None at the end."""
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError, ConnectionError):
            if line := await self.process.stdout.readline():
                message: JSON = json.loads(line)
                return message
        return None

    async def kill(self) -> None:
        """Kill the process, with all that it has started and that is still in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        await self.wait()

    async def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        code = await self.process.wait()
        # A child that the program left behind may keep the pipe open.
        await asyncio.wait([self._reader], timeout=GRACE)
        self._reader.cancel()
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code


async def _start_worker() -> _Worker:
    """Start a process, and wait until it is ready.

    Raises:
        OSError: It can't be started.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "autogen.serving._worker"),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        limit=_MAX_LINE,
        start_new_session=True,
    )
    worker = _Worker(process)
    if await worker.read() is None:
        code = await worker.wait()
        raise OSError(f"A worker has ended with code {code} before it was ready: {' / '.join(worker.printed)}")
    return worker


class ProcessHost:
    """A process of its own: what the team does ends with it, and concerns nobody else.

    Args:
        reference: Name of the function that makes the team, or its document; see `load_factory`.
        is_trusted: True if a document is trusted like a program.
        pool: Processes that are ready.
        limits: Limits of the process.
    """

    def __init__(
        self, reference: str | Mapping[str, Any], pool: WorkerPool, limits: WorkerLimits, *, is_trusted: bool
    ) -> None:
        self._reference = reference
        self._is_trusted = is_trusted
        self._pool = pool
        self._limits = limits
        self._worker: _Worker | None = None
        self._is_killed = False

    async def execute(self, job: Job, receive: Send) -> None:
        """Execute a job in a process."""
        worker = await self._pool.take()
        if self._is_killed:
            await worker.kill()
            receive({"kind": "failure", "type": "stopped", "text": "The run was stopped."})
            return
        self._worker = worker
        order = {
            "team": self._reference,
            "is_trusted": self._is_trusted,
            "job": job.to_dict(),
            "limits": self._limits.to_dict(),
            "paths": sys.path,
        }
        worker.write(order)
        is_over = False
        try:
            while (message := await worker.read()) is not None:
                is_over = is_over or message["kind"] in ("result", "failure")
                receive(message)
            code = await worker.wait()
        finally:
            # Also what the team has started, and left behind.
            await asyncio.shield(worker.kill())
        if not is_over:
            receive(self._explain_end(worker, code))

    def _explain_end(self, worker: _Worker, code: int) -> JSON:
        """Make the message for a process that ended without a result."""
        if self._is_killed:
            return {"kind": "failure", "type": "stopped", "text": "The run was stopped, and its process killed."}
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        printed = "\n".join(worker.printed)
        text = f"The process of the run has ended ({reason})." + (f" It printed last:\n{printed}" if printed else "")
        return {"kind": "failure", "type": "WorkerEnded", "text": text}

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command to the process."""
        if self._worker is not None:
            self._worker.write(command)

    async def kill(self) -> None:
        """Stop the run, and kill its process a moment later."""
        self._is_killed = True
        worker = self._worker
        if worker is None:
            return
        worker.write({"kind": "stop"})
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(worker.process.wait()), GRACE)
        # Its children may be alive.
        await worker.kill()
