"""`autogen serve`: teams behind an address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .._extras import require
from .._mistakes import suggest
from ..serving import app_of

_DOORS = ("openai", "rest", "mcp")
_BACKLOG = 2_048


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of `autogen serve`.

    Attributes:
        teams: Teams: `module:function`, `file.py[:function]` or a document's file, with or without `NAME=` in front.
        host: Address to listen on.
        port: Port; 0 for any that is free.
        token_file: File with a token in each line, or `NAME TOKEN`; None for no tokens.
        doors: Names of doors.
        max_runs: Number of runs at once.
        checkpoint_dir: Folder for checkpoints; None for none.
        processes: True for a process for each run.
        drain: Seconds that runs have when the server ends.
        trust: True to trust documents like programs.
        stdio: True to serve the MCP client that has started this program.
    """

    teams: Sequence[str]
    host: str
    port: int
    token_file: Path | None
    doors: Sequence[str]
    max_runs: int
    checkpoint_dir: Path | None
    processes: bool
    drain: float
    trust: bool = False
    stdio: bool = False


def run_server(options: ServeOptions) -> int:
    """Serve until a signal ends the server, and return the exit code.

    Raises:
        FileNotFoundError, ImportError: if there is no such team, or the extra `serve` is not installed.
        OSError: if the address can't be used, or the file of tokens can't be read.
        ValueError: if an option has an invalid value.
    """
    if unknown := [door for door in options.doors if door not in _DOORS]:
        raise ValueError(f"--doors must be among {', '.join(_DOORS)}, got {unknown[0]!r}.{suggest(unknown[0], _DOORS)}")
    teams = dict(map(_name_team, options.teams))
    tokens = {} if options.token_file is None else read_tokens(options.token_file)
    if not tokens and not _is_loopback(options.host):
        raise ValueError(
            f"--host {options.host} is open to other machines: give --token-file FILE, with a token in each line."
        )
    app = app_of(
        teams,
        doors=options.doors,
        tokens=tokens,
        folder=options.checkpoint_dir,
        max_runs=options.max_runs,
        processes=options.processes,
        drain=options.drain,
        trust_documents=options.trust,
    )
    if options.stdio:
        if list(options.doors) != ["mcp"]:
            raise ValueError("--stdio needs --doors mcp, and no other door.")
        asyncio.run(app.serve_stdio())
        return 0
    uvicorn = require("uvicorn", extra="serve", feature="autogen serve")
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        # A client that comes before the server is there waits for it.
        listener.listen(_BACKLOG)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{listener.getsockname()[1]}"
        console = Console(highlight=False)
        console.print(f"Serving [bold]{', '.join(teams)}[/] at [bold]{url}/v1[/]", soft_wrap=True)
        if not tokens:
            console.print("Without tokens, for programs of this machine alone; any key will do.")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=max(1, round(options.drain)))
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _name_team(text: str) -> tuple[str, str]:
    """Return the name and the reference of a team."""
    name, separator, reference = text.partition("=")
    if separator:
        return name, reference
    source, _, function = text.rpartition(":")
    if text.endswith((".py", ".json", ".yaml", ".yml")) or not source:
        return Path(text).stem, text
    return (Path(source).stem if source.endswith(".py") else function), text


def read_tokens(file: Path) -> dict[str, str]:
    """Return the names of users by their tokens.

    Args:
        file: File with a line for each user: `TOKEN`, or `NAME TOKEN`. Lines that begin with `#` are left out.

    Raises:
        OSError: if it can't be read.
        ValueError: if it has no token, or a line has another form.
    """
    tokens: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise ValueError(f"Line {number} of {file} must be a token, or a name and a token.")
        tokens[words[-1]] = words[0] if len(words) == 2 else "user"
    if not tokens:
        raise ValueError(f"{file} has no token.")
    return tokens


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")
