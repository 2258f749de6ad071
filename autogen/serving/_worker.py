"""A worker: a process for one run. It reads its job and commands as lines of JSON, and writes messages as lines of JSON.

The server starts it as `python -m autogen.serving._worker`. Its first line says that it is ready. It ends when its server
does, whatever the run is doing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

from .._teams import load_factory
from ..coding._processes.limits import Limits, make_limit_setter
from ._execution import JSON, Execution, Job


def main() -> None:
    """Execute one job."""
    commands, messages = _take_pipes()
    lock = threading.Lock()

    def send(message: JSON) -> None:
        line = json.dumps(message).encode() + b"\n"
        with lock:
            messages.write(line)
            messages.flush()

    send({"kind": "ready"})
    line = commands.readline()
    # The server has ended, or needs no worker any more.
    if not line:
        return
    order = json.loads(line)
    limits = order["limits"]
    if set_limits := make_limit_setter(Limits(processes=None, file_size=None, **limits)):
        set_limits()
    sys.path[:0] = order["paths"]
    make_team = partial(_make_team, order["team"], is_trusted=order["is_trusted"])
    execution = Execution(make_team, Job(**order["job"]), send)
    threading.Thread(target=_read_commands, args=(commands, execution), daemon=True).start()
    execution.run()
    messages.flush()
    # Threads that the run has abandoned must not keep the process alive.
    os._exit(0)


def _make_team(reference: str | Mapping[str, Any], *, is_trusted: bool) -> object:
    return load_factory(reference, is_trusted=is_trusted)()


def _read_commands(commands: BinaryIO, execution: Execution) -> None:
    for line in commands:
        execution.handle(json.loads(line))
    # Nobody is there any more to whom the run could report.
    os._exit(1)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes of the server, which programs that read or print must not get."""
    commands, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, messages


if __name__ == "__main__":
    main()
