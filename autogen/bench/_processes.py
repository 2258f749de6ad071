"""Runs in processes of their own, which end with the program that started them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..coding._processes.descendants import mark_environment
from ..coding._processes.runner import kill_tree
from ._runs import GRACE, Outcome

_MAX_LOG = 2000  # characters of a log in an error


class Workers:
    """The processes that run now. `stop` kills them all."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[subprocess.Popen[bytes], str]] = {}
        self._lock = threading.Lock()
        self._is_stopped = False

    def run(self, job: Mapping[str, Any], folder: Path, seconds: float | None) -> Outcome:
        """Run a job to its end, or to its time limit.

        Args:
            job: The job; see `run_job`.
            folder: Folder of the run, for its log.
            seconds: Time limit of the system. The process is killed a little later.
        """
        outcome_file = Path(job["outcome"])
        outcome_file.unlink(missing_ok=True)
        marker, environment = mark_environment(os.environ)
        log = folder / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "autogen.bench._worker"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,
            )
            timed_out = self._wait(process, marker, job, seconds)
        if outcome_file.exists():
            return Outcome(**json.loads(outcome_file.read_text(encoding="utf-8")))
        # It ended too late to say anything.
        if timed_out:
            return Outcome(stop_reason="time", seconds=seconds or 0.0)
        text = log.read_text(encoding="utf-8", errors="replace")[-_MAX_LOG:]
        return Outcome(
            stop_reason="killed",
            error="ProcessEnded",
            error_text=f"The process of the run ended with exit code {process.returncode} and no result. {text}".strip(),
        )

    def _wait(self, process: subprocess.Popen[bytes], marker: str, job: Mapping[str, Any], seconds: float | None) -> bool:
        """Hand over the job and wait. Returns True if the process was killed at its time limit."""
        with self._lock:
            if not self._is_stopped:
                self._running[process.pid] = process, marker
        try:
            assert process.stdin is not None
            # It may have ended already.
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
            process.wait(None if seconds is None else seconds + 2 * GRACE)
            return False
        except subprocess.TimeoutExpired:
            return True
        finally:
            # Also what it left behind, and when this program is interrupted.
            kill_tree(process, marker)
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            process.wait()
            with self._lock:
                self._running.pop(process.pid, None)

    def stop(self) -> None:
        """Kill all processes."""
        with self._lock:
            self._is_stopped = True
            running = list(self._running.values())
        for process, marker in running:
            kill_tree(process, marker)
