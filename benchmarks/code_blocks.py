"""The cost of running a code block, cold and warm: in a process, a sandbox, a Jupyter kernel, a container."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from autogen.code_utils import is_docker_running
from autogen.coding import (
    CodeBlock,
    DockerCommandLineCodeExecutor,
    LocalCommandLineCodeExecutor,
    SandboxedCommandLineCodeExecutor,
)

from .kit import Row, Setting

IMAGES = ("python:3-slim", "autogen-test:python")
WARM = 15
BLOCK = CodeBlock(language="python", code="print(6 * 7)")

INSIDE = f"""
import statistics, subprocess, sys, time
def once():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "print(6 * 7)"], stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
print(statistics.median(once() for _ in range({WARM})))
"""


def measure_code_blocks(setting: Setting) -> list[Row]:
    """Measure each kind of executor that this machine has."""
    kinds = {"local": _prepare_local, "sandbox": _prepare_sandbox, "Jupyter": _prepare_jupyter, "Docker": _prepare_docker}
    rows = []
    for name, prepare in kinds.items():
        folder = setting.folder / name
        folder.mkdir()
        make = prepare(folder)
        if make is None:
            print(f"code blocks, {name}: not available on this machine", file=sys.stderr)
        else:
            rows += _measure_executor(name, make, min(setting.rounds, 3))
    return rows


def _measure_executor(name: str, make: Callable[[], AbstractContextManager[Any]], rounds: int) -> list[Row]:
    cold: list[float] = []
    warm: list[float] = []
    own: list[float] = []
    engine: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        with make() as executor:
            _run_block(executor)
            cold.append(time.perf_counter() - started)
            for _ in range(WARM):
                started = time.perf_counter()
                _run_block(executor)
                warm.append(time.perf_counter() - started)
            own.append(_measure_interpreter(name, executor))
            if name == "Docker":
                engine.append(_measure_engine(executor))
    floor, ours = statistics.median(own) * 1e3, statistics.median(warm) * 1e3
    more = {"samples": {"cold": cold, "warm": warm, "own": own, "engine": engine}}
    alone = f" To run `true` takes it {statistics.median(engine) * 1e3:.1f} ms." if engine else ""
    goal = None if name in ("local", "sandbox") else "under 20 ms over the interpreter's own time"
    floor_is = "a cell that does nothing" if name == "Jupyter" else "the interpreter's own time"
    return [
        Row(f"code block, {name}, cold", statistics.median(cold) * 1e3, "ms", limit=COLD[name], more=more),
        Row(
            f"code block, {name}, warm",
            ours,
            "ms",
            floor,
            floor_is,
            goal=goal,
            met=None if goal is None else ours - floor < 20,
            limit=f"{ours - floor:.1f} ms over {floor_is}. {WARM_IS[name]}{alone}",
            more=more,
        ),
    ]


COLD = {
    "local": "a new process for each block, so there is no colder.",
    "sandbox": "a new sandbox for each block, so there is no colder.",
    "Jupyter": "the start of IPython in the kernel's process.",
    "Docker": "the engine makes and starts the container.",
}
WARM_IS = {
    "local": "The process's own group, environment and folder; its output and files are looked through.",
    "sandbox": "As locally; `bubblewrap` makes the namespaces and mounts.",
    "Jupyter": "Messages to the kernel and back.",
    "Docker": "A process in a container, by the engine's `exec`.",
}


def _run_block(executor: Any) -> None:
    result = executor.execute_code_blocks([BLOCK])
    assert (result.exit_code, result.output.strip()) == (0, "42"), result


def _measure_interpreter(name: str, executor: Any) -> float:
    """Return the interpreter's own time for the block, in seconds: where the executor runs it, without the executor."""
    # a kernel runs already
    if name == "Jupyter":
        return 0.0
    if name == "Docker":
        return float(executor.execute_code_blocks([CodeBlock(language="python", code=INSIDE)]).output)
    times = []
    for _ in range(WARM):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", BLOCK.code], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _measure_engine(executor: Any) -> float:
    """Return the engine's time to run `true` in a container, in seconds."""
    times = []
    for _ in range(WARM):
        started = time.perf_counter()
        executor._container.exec_run(["true"])
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _prepare_local(folder: Path) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: nullcontext(LocalCommandLineCodeExecutor(work_dir=folder))


def _prepare_sandbox(folder: Path) -> Callable[[], AbstractContextManager[Any]] | None:
    if shutil.which("bwrap") is None:
        return None
    return lambda: nullcontext(SandboxedCommandLineCodeExecutor(work_dir=folder))


def _prepare_jupyter(folder: Path) -> Callable[[], AbstractContextManager[Any]] | None:
    try:
        from autogen.coding.jupyter import EmbeddedIPythonCodeExecutor
    except ImportError:
        return None
    return lambda: EmbeddedIPythonCodeExecutor(output_dir=str(folder), work_dir=str(folder))


def _prepare_docker(folder: Path) -> Callable[[], AbstractContextManager[Any]] | None:
    if not is_docker_running():
        return None
    images = [image for image in IMAGES if _has_image(image)]
    return (lambda: DockerCommandLineCodeExecutor(images[0], work_dir=folder)) if images else None


def _has_image(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0
