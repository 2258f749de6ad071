"""A run in a process of its own: it reads its job from stdin, and writes the outcome to a file.

stdin stays open as long as the program that started it lives. When it closes, the process ends, with its descendants.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..coding._processes.descendants import find_descendants
from ..oai._requests.reply_file import ReplyFile
from ._records import write_text
from ._runs import RunContext, run_system
from ._sources import load_system
from .cases import Case, Limits


def _end_with_parent() -> None:
    """End this process when stdin is closed: the program that started it is gone."""
    with suppress(OSError):
        sys.stdin.buffer.read()
    for pid in find_descendants(os.getpid()):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    # Nobody waits for the outcome.
    os._exit(1)


def run_job(job: Mapping[str, Any]) -> None:
    """Run a job, and write its outcome."""
    sys.path[:0] = [path for path in job["path"] if path not in sys.path]
    case = Case.from_dict(job["case"])
    context = RunContext(
        case, job["repetition"], job["seed"], Path(job["work_dir"]), job["llm_config"], isolation=job["isolation"]
    )
    replies = ReplyFile(Path(job["replies"]), replays=job["replays"]) if job["replies"] else None
    limits = Limits.from_dict(job["limits"])
    outcome = run_system(load_system(job["system"]), context, limits, abandons=False, replies=replies)
    write_text(Path(job["outcome"]), json.dumps(outcome.to_dict()))


def main() -> None:
    """Run the job on stdin."""
    job = json.loads(sys.stdin.buffer.readline())
    os.chdir(job["work_dir"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run_job(job)
    # A system may have left threads behind.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
