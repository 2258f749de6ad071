"""Teams behind an address: an ASGI application, and the runs behind it. The application needs the extra `serve`.

>>> from autogen.serving import app_of
>>> app = app_of({"writers": make_writers})  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._extras import require
from .runs import QueueFull, Run, RunEvent, RunRequest, Runs, ShuttingDown, Team, WorkerLimits

if TYPE_CHECKING:
    from ._app import App

__all__ = [
    "QueueFull",
    "Run",
    "RunEvent",
    "RunRequest",
    "Runs",
    "ShuttingDown",
    "Team",
    "WorkerLimits",
    "app_of",
]


def app_of(
    teams: Mapping[str, Team] | Runs,
    *,
    doors: Sequence[str] = ("openai", "rest"),
    tokens: Mapping[str, str] | Iterable[str] | None = None,
    folder: str | Path | None = None,
    max_runs: int = 100,
    max_queue: int = 1_000,
    processes: bool = False,
    limits: WorkerLimits | None = None,
    drain: float = 30.0,
    trust_documents: bool = False,
) -> App:
    """Make an ASGI application that serves teams, for `uvicorn` or to be mounted in another application.

    Args:
        teams: Functions that make fresh agents for each run, by the names of the teams. A function returns an agent, the
            manager of a group, a pair of agents (who begins, and who answers), a dict with `sender`, `recipient` and
            arguments of `initiate_chat`, a list of such dicts, or a pattern. A document of `autogen.specs` stands for
            such a function. Or the `Runs` of the program.
        doors: `openai` for chat completions, `rest` for runs as resources, `mcp` for MCP clients (extra `mcp`).
        tokens: Tokens of users, or names of users by their tokens: a user sees his own runs alone. None lets in programs
            of this machine, and nobody else.
        folder: Folder for checkpoints and conversations, with which runs survive the server.
        max_runs: Number of runs at once; others wait.
        max_queue: Number of runs that wait at most; more are refused.
        processes: True for a process for each run; see `Runs`.
        limits: Limits of these processes.
        drain: Seconds that runs have when the server ends.
        trust_documents: True to trust documents like programs; see `Runs`.

    Raises:
        ImportError: if the extra `serve` is not installed.
        TypeError, ValueError: if an argument has an invalid value.
    """
    require("starlette", extra="serve", feature="Serving a team")
    from ._app import make_app

    options = {
        "folder": folder,
        "max_runs": max_runs,
        "max_queue": max_queue,
        "processes": processes,
        "limits": limits,
        "trust_documents": trust_documents,
    }
    return make_app(teams, doors, tokens, drain, options)
