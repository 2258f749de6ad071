"""What the rooms share: rows, running a program and reading what it measured, the loopback server."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .peers import Contender, environment

PROGRAMS = Path(__file__).parent / "programs"

Samples = dict[str, list[Any]]


@dataclass
class Row:
    """A line of the table.

    Attributes:
        what: What is measured.
        ours: Our figure, in `unit`.
        unit: `ms`, `us`, `x` and so on.
        floor: What it is made of at least: the same without the framework. What that is stands in `floor_is`.
        peer: The same for AutoGen classic.
        goal: The goal, as text; None where the row has none.
        met: Whether the goal is met.
        limit: What limits the figure.
    """

    what: str
    ours: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    peer: float | None = None
    goal: str | None = None
    met: bool | None = None
    limit: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Setting:
    """What a room measures with."""

    ours: Contender
    peer: Contender | None
    url: str
    rounds: int
    folder: Path

    def contenders(self) -> dict[str, Contender]:
        """Who is measured: `ours`, and `peer` if there is one."""
        return {"ours": self.ours} | ({"peer": self.peer} if self.peer else {})

    def slow(self, milliseconds: int) -> str:
        """The endpoint that answers so much later."""
        return self.url.replace("/v1", f"/{milliseconds}/v1")


def interleaved(rounds: int, cases: dict[str, Callable[[], Any]]) -> Samples:
    """Run each case once a round, in an order that changes, so that what disturbs the machine disturbs all alike."""
    samples: Samples = {name: [] for name in cases}
    for number in range(rounds):
        for name in list(cases)[:: 1 if number % 2 else -1]:
            samples[name].append(cases[name]())
    return samples


def median(samples: list[Any], key: str | None = None) -> float:
    """The median of samples, or of one figure of them."""
    return statistics.median(samples if key is None else [one[key] for one in samples])


def work(python: str, name: str, /, *, folder: Path, seconds: int = 300, **arguments: Any) -> Any:
    """Run a measurement of `programs/work.py` in a process of its own, and return what it found.

    Raises:
        RuntimeError: It failed; the text has the end of what it said.
    """
    command = [python, str(PROGRAMS / "work.py"), name, json.dumps(arguments)]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = subprocess.run(command, cwd=place, env=environment(), capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-1500:]}")
    return json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])


def cold(python: str, code: str, folder: Path) -> dict[str, float]:
    """Run a line of code in a new process: seconds by the clock, and the memory it held at the end, in bytes."""
    command = [python, "-W", "ignore", "-c", f"{code}\nprint(open('/proc/self/statm').read().split()[1])"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": int(done.stdout.split()[-1]) * os.sysconf("SC_PAGE_SIZE")}


@contextmanager
def loopback() -> Iterator[str]:
    """The fast server, in a process of its own. Gives its URL."""
    command = [sys.executable, str(PROGRAMS / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.stdin.close()
            server.wait(10)


def ceiling(url: str, seconds: float = 0.5) -> dict[str, float]:
    """What the server can do: requests a second where they come in bulk, and the time of one round trip in seconds."""
    port = int(url.split(":")[2].split("/")[0])
    body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "Say something. " * 4}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + body)
        size = len(connection.recv(65_536))
        found = {}
        for bulk in (100, 1):
            done, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                connection.sendall((head + body) * bulk)
                missing = size * bulk
                while missing > 0:
                    missing -= len(connection.recv(min(missing, 1 << 20)))
                done += bulk
            found[bulk] = (time.perf_counter() - started) / done
    return {"requests_a_second": 1 / found[100], "round_trip": found[1]}
