"""Execution of a program in a container, with a time limit and without leftover processes.

A shell starts the program, and kills leftover processes when it ends. After a timeout, or if the shell itself was killed,
they are killed from outside; if that fails too, the container is restarted. Its files are kept.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..._threads import is_cancelled
from .._processes.descendants import RUN_ID_VARIABLE
from .._processes.limits import Limits
from .._processes.runner import KILL_GRACE, POLL_INTERVAL, TIMEOUT, TIMEOUT_EXIT_CODE, BoundedOutput, ProgramResult
from .._processes.watch import DiskWatch
from .containers import KILL_ALL, WORKSPACE, restart_container

if TYPE_CHECKING:
    from docker import APIClient
    from docker.models.containers import Container

# One stream for output and errors keeps their order.
_MERGE = "2>&1"
# The number of the stream of errors in the engine's protocol.
_STDERR = 2
# The exit code that a shell reports for SIGKILL.
KILLED_EXIT_CODE = 137

# Kills the processes with the marker of this run, in a container shared with other executors.
_KILL_MARKED = f"""
again=20
while [ $again -gt 0 ]; do
  again=$((again - 1)); found=
  for process in /proc/[0-9]*; do
    [ "${{process#/proc/}}" = $$ ] && continue
    if grep -qs "{RUN_ID_VARIABLE}=$1" "$process/environ"; then found=1; kill -9 "${{process#/proc/}}" 2>/dev/null; fi
  done
  [ -n "$found" ] || break
done
"""
_RUN = """
run=$1; shift
[ -z "$HOME" ] || PATH=$PATH:$HOME/.local/bin
"$@" </dev/null {redirection}
code=$?
set -- "$run"
{kill}
exit $code
"""


def run_in_container(
    container: Container,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    limits: Limits,
    shared: bool = False,
    folder: Path,
    split: bool = False,
) -> ProgramResult:
    """Run a program in a container until it ends or exceeds its time limit.

    Args:
        container: A running container.
        command: The program and its arguments. The work folder is its current directory.
        env: Environment variables of the program.
        limits: The limits of time and output; the other limits are those of the container.
        shared: Whether other executors run programs in the container concurrently.
        folder: The work folder on this machine.
        split: Whether stdout and stderr are kept apart, instead of merged in the order of printing.

    Raises:
        docker.errors.APIError: If the engine refuses; `docker.errors.NotFound` if the container does not exist.
    """
    api, run_id = container.client.api, uuid.uuid4().hex
    kill_script = _KILL_MARKED if shared else KILL_ALL
    script = _RUN.format(kill=kill_script, redirection="" if split else _MERGE)
    shell = ["/bin/sh", "-c", script, "sh", run_id, *command]
    environment = {**(env or {}), RUN_ID_VARIABLE: run_id}
    exec_id = api.exec_create(container.id, shell, environment=environment, workdir=WORKSPACE)["Id"]
    stream = api.exec_start(exec_id, socket=True)
    # A program may be silent for longer than the SDK's timeout.
    api._disable_socket_timeout(stream)
    output, errors = BoundedOutput(limits.output), BoundedOutput(limits.output)
    reader = threading.Thread(target=_read_stream, args=(stream, output, errors), daemon=True)
    kill_reason: str | None = "the caller was interrupted"
    code: int | None = None
    try:
        reader.start()
        kill_reason = _wait_for_exit(api, exec_id, reader, limits, DiskWatch(limits, folder))
        code = _get_exit_code(api, exec_id) if kill_reason is None else None
    finally:
        # The shell could not clean up if it was killed itself.
        if code is None or code == KILLED_EXIT_CODE:
            _kill_run(container, kill_script, run_id, exec_id)
        output.stop(reader)
        _close_stream(stream, reader)
    if kill_reason == TIMEOUT:
        return ProgramResult(TIMEOUT_EXIT_CODE, output.decode(), True, errors.decode())
    if kill_reason:
        return ProgramResult(KILLED_EXIT_CODE, f"{output.decode()}\n[killed: {kill_reason}]", False, errors.decode())
    return ProgramResult(KILLED_EXIT_CODE if code is None else code, output.decode(), False, errors.decode())


def _read_stream(stream: IO[bytes], output: BoundedOutput, errors: BoundedOutput) -> None:
    from docker.utils.socket import frames_iter

    # The other thread closes the stream when it stops waiting.
    with contextlib.suppress(OSError, ValueError):
        for number, chunk in frames_iter(stream, tty=False):
            (errors if number == _STDERR else output).append(chunk)
            if output.stopped:
                return


def _wait_for_exit(api: APIClient, exec_id: str, reader: threading.Thread, limits: Limits, disk: DiskWatch) -> str | None:
    """Wait until a program ends, or must be killed; then return the reason."""
    deadline = time.monotonic() + limits.seconds
    while True:
        reader.join(max(0.0, min(POLL_INTERVAL, deadline - time.monotonic())))
        if not reader.is_alive():
            return None
        if time.monotonic() >= deadline:
            return TIMEOUT
        if is_cancelled():
            return "the caller was cancelled"
        if excess := disk.find_excess():
            return excess
        # A leftover process may keep the output open after the program's end.
        if not _is_running(api, exec_id):
            return None


def _is_running(api: APIClient, exec_id: str) -> bool:
    import docker

    try:
        return bool(api.exec_inspect(exec_id)["Running"])
    except docker.errors.NotFound:
        # The container was removed or restarted.
        return False


def _get_exit_code(api: APIClient, exec_id: str) -> int | None:
    """Return the exit code of a program after the end of its output; None if it runs on or the container is gone."""
    import docker

    deadline = time.monotonic() + KILL_GRACE
    with contextlib.suppress(docker.errors.NotFound):
        # The engine reports the exit code a moment after the output ends.
        while time.monotonic() < deadline:
            state = api.exec_inspect(exec_id)
            if not state["Running"] and state["ExitCode"] is not None:
                return int(state["ExitCode"])
            time.sleep(0.005)
    return None


def _kill_run(container: Container, kill_script: str, run_id: str, exec_id: str) -> None:
    """Kill the leftover processes of a run; restart the container if that fails, so that it remains usable."""
    import docker

    api = container.client.api
    with contextlib.suppress(docker.errors.NotFound):
        try:
            is_done = container.exec_run(["/bin/sh", "-c", f"{kill_script}\nexit 0", "sh", run_id]).exit_code == 0
        except docker.errors.APIError:
            # A fork bomb leaves no process for the shell.
            is_done = False
        if not is_done or (_is_running(api, exec_id) and _get_exit_code(api, exec_id) is None):
            _restart_unless_stopped(container)


def _restart_unless_stopped(container: Container) -> None:
    import docker

    try:
        restart_container(container)
    except (docker.errors.APIError, ValueError):
        container.reload()
        # In a container stopped by somebody else nothing is left to kill.
        if container.status == "running":
            raise


def _close_stream(stream: IO[bytes], reader: threading.Thread) -> None:
    # The reader ends first: the number of a closed socket may be reused for another file at once.
    # A named pipe of Windows has no `shutdown`.
    with contextlib.suppress(OSError, AttributeError):
        getattr(stream, "_sock", stream).shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    if reader.ident is not None:
        reader.join(KILL_GRACE)
    # The response owns the socket, and closes it.
    getattr(stream, "_response", stream).close()
