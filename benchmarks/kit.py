"""Parts that all benchmarks share: rows, programs in processes of their own, the loopback server."""

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

from .peers import Contender, get_environment

PROGRAMS = Path(__file__).parent / "programs"

Samples = dict[str, list[Any]]


@dataclass
class Row:
    """A line of the table.

    Attributes:
        what: Name of the measurement.
        ours: Our figure, in `unit`.
        unit: `ms`, `us`, `x` and so on.
        floor: Lower bound: the figure without the framework.
        floor_is: Description of the floor.
        peer: Figure of AutoGen classic.
        goal: Goal as text; None if there is no goal.
        met: True if the goal is met.
        limit: Explanation of what limits the figure.
        more: Further data for `results.json`.
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
    """Contenders, server, number of rounds, and a folder for temporary files."""

    ours: Contender
    peer: Contender | None
    url: str
    rounds: int
    folder: Path

    def list_contenders(self) -> dict[str, Contender]:
        """Return the contenders: `ours`, and `peer` if there is a peer."""
        return {"ours": self.ours} | ({"peer": self.peer} if self.peer else {})

    def get_slow_url(self, milliseconds: int) -> str:
        """Return the URL of the endpoint that answers after a delay."""
        return self.url.replace("/v1", f"/{milliseconds}/v1")


def run_interleaved(rounds: int, cases: dict[str, Callable[[], Any]]) -> Samples:
    """Run each case once a round, in alternating order, so that disturbances of the machine reach all cases alike."""
    samples: Samples = {name: [] for name in cases}
    for number in range(rounds):
        for name in list(cases)[:: 1 if number % 2 else -1]:
            samples[name].append(cases[name]())
    return samples


def compute_median(samples: list[Any], key: str | None = None) -> float:
    """Return the median of the samples, or of their values under `key`."""
    return statistics.median(samples if key is None else [sample[key] for sample in samples])


def run_work(python: str, name: str, /, *, folder: Path, seconds: int = 300, **arguments: Any) -> Any:
    """Run a measurement of `programs/work.py` in a process of its own, and return its result.

    Raises:
        RuntimeError: if it fails; the message has the end of its output.
    """
    command = [python, str(PROGRAMS / "work.py"), name, json.dumps(arguments)]
    with tempfile.TemporaryDirectory(dir=folder) as work_dir:
        done = subprocess.run(command, cwd=work_dir, env=get_environment(), capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-1500:]}")
    return json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])


def run_cold(python: str, code: str, folder: Path) -> dict[str, float]:
    """Run a line of code in a new process. Returns the wall time in seconds, and its memory at the end in bytes."""
    command = [python, "-W", "ignore", "-c", f"{code}\nprint(open('/proc/self/statm').read().split()[1])"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=get_environment(), check=True, capture_output=True)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": int(done.stdout.split()[-1]) * os.sysconf("SC_PAGE_SIZE")}


@contextmanager
def serve_loopback() -> Iterator[str]:
    """Run the fast server in a process of its own, and yield its URL."""
    command = [sys.executable, str(PROGRAMS / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.stdin.close()
            server.wait(10)


def measure_server(url: str, seconds: float = 0.5) -> dict[str, float]:
    """Measure the server: requests a second in bulk, and the time of a round trip in seconds."""
    port = int(url.split(":")[2].split("/")[0])
    body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "Say something. " * 4}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + body)
        size = len(connection.recv(65_536))
        seconds_each = {}
        for bulk in (100, 1):
            done, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                connection.sendall((head + body) * bulk)
                missing = size * bulk
                while missing > 0:
                    missing -= len(connection.recv(min(missing, 1 << 20)))
                done += bulk
            seconds_each[bulk] = (time.perf_counter() - started) / done
    return {"requests_a_second": 1 / seconds_each[100], "round_trip": seconds_each[1]}
