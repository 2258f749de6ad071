"""Running a program in a container: it can't outlive its time, nor leave anything behind that runs.

A program is started through a shell that kills what is left when it ends. When its time is up, or the shell itself was
killed, that is done from outside; if it fails too, the container is started anew. The container's files stay.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from .._threads import is_cancelled
from ._containers import WORKSPACE, start_anew
from ._descendants import RUN_ID_VARIABLE
from ._limits import Limits
from ._process import KILL_GRACE, POLL_INTERVAL, TIMEOUT, TIMEOUT_EXIT_CODE, BoundedOutput, Finished

KILLED = 137  # what a shell makes of SIGKILL

# All but the first process and the caller, at once; or, where others run programs in the container, those with the mark.
_KILL_ALL = "kill -9 -1 2>/dev/null"
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
# One stream for output and errors keeps their order.
_RUN = """
run=$1; shift
[ -z "$HOME" ] || PATH=$PATH:$HOME/.local/bin
"$@" </dev/null 2>&1
code=$?
set -- "$run"
{kill}
exit $code
"""


def run_inside(
    container: Any, command: Sequence[str], *, env: Mapping[str, str] | None = None, limits: Limits, shared: bool = False
) -> Finished:
    """Run a program in a container to its end, or to the end of its time.

    Args:
        container: The container, which runs.
        command: The program and its arguments. It runs in the work folder.
        env: Variables for it.
        limits: The time and the output; the container has the rest.
        shared: Whether others run programs in the container at the same time.

    Raises:
        docker.errors.APIError: The engine refuses; `docker.errors.NotFound` if there is no such container.
    """
    api, run_id = container.client.api, uuid.uuid4().hex
    kill = _KILL_MARKED if shared else _KILL_ALL
    shell = ["/bin/sh", "-c", _RUN.format(kill=kill), "sh", run_id, *command]
    run = api.exec_create(container.id, shell, environment={**(env or {}), RUN_ID_VARIABLE: run_id}, workdir=WORKSPACE)["Id"]
    stream = api.exec_start(run, socket=True)
    api._disable_socket_timeout(stream)  # silence is no failure
    output = BoundedOutput(limits.output)
    reader = threading.Thread(target=_read, args=(stream, output), daemon=True)
    reason: str | None = "the caller was interrupted"
    code: int | None = None
    try:
        reader.start()
        reason = _watch(api, run, reader, limits)
        code = _exit_code(api, run) if reason is None else None
    finally:
        if code is None or code == KILLED:  # the shell could not clear up
            _kill(container, kill, run_id, run)
        output.stop(reader)
        _close(stream, reader)
    if reason == TIMEOUT:
        return Finished(TIMEOUT_EXIT_CODE, output.text(), True)
    if reason:
        return Finished(KILLED, f"{output.text()}\n[killed: {reason}]", False)
    return Finished(KILLED if code is None else code, output.text(), False)


def _read(stream: Any, output: BoundedOutput) -> None:
    from docker.utils.socket import frames_iter

    with contextlib.suppress(OSError, ValueError):  # it was closed here, as nobody waits for it any more
        for _, chunk in frames_iter(stream, tty=False):
            output.take(chunk)
            if output.stopped:
                return


def _watch(api: Any, run: str, reader: threading.Thread, limits: Limits) -> str | None:
    """Wait for the end of a program; returns why it has to be killed, if it has to be."""
    deadline = time.monotonic() + limits.seconds
    while True:
        reader.join(max(0.0, min(POLL_INTERVAL, deadline - time.monotonic())))
        if not reader.is_alive():
            return None
        if time.monotonic() >= deadline:
            return TIMEOUT
        if is_cancelled():
            return "nobody waits for it any more"
        if not _is_running(api, run):  # it ended, and something it left holds the output
            return None


def _is_running(api: Any, run: str) -> bool:
    import docker

    try:
        return bool(api.exec_inspect(run)["Running"])
    except docker.errors.NotFound:  # the container has gone, or was started anew
        return False


def _exit_code(api: Any, run: str) -> int | None:
    """The exit code of a program whose output has ended; None if it does not end, or the container has gone."""
    import docker

    deadline = time.monotonic() + KILL_GRACE
    with contextlib.suppress(docker.errors.NotFound):
        while time.monotonic() < deadline:
            seen = api.exec_inspect(run)
            if not seen["Running"] and seen["ExitCode"] is not None:
                return int(seen["ExitCode"])
            time.sleep(0.005)
    return None


def _kill(container: Any, kill: str, run_id: str, run: str) -> None:
    """Kill what a run left in the container; start the container anew if that can't be done, so that it stays of use."""
    import docker

    with contextlib.suppress(docker.errors.NotFound):
        try:
            done = container.exec_run(["/bin/sh", "-c", f"{kill}\nexit 0", "sh", run_id]).exit_code == 0
        except docker.errors.APIError:
            done = False  # no process can be started: a fork bomb
        if not done or (_is_running(container.client.api, run) and _exit_code(container.client.api, run) is None):
            _start_anew(container)


def _start_anew(container: Any) -> None:
    import docker

    try:
        start_anew(container)
    except (docker.errors.APIError, ValueError):
        container.reload()
        if container.status == "running":
            raise  # otherwise somebody else has stopped it, and nothing is left to kill


def _close(stream: Any, reader: threading.Thread) -> None:
    """Close the connection, when nobody reads from it any more: its number may be another file's at once."""
    with contextlib.suppress(OSError, AttributeError):  # a pipe of Windows has no `shutdown`
        getattr(stream, "_sock", stream).shutdown(socket.SHUT_RDWR)
    if reader.ident is not None:
        reader.join(KILL_GRACE)
    getattr(stream, "_response", stream).close()  # the response closes the socket
