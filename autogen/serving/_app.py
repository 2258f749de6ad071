"""The application of a server: its doors, its health, its numbers, and its life."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .._mistakes import suggest
from ._conversations import Conversations
from ._http import RequestError, TokenCheck
from ._mcp_door import McpDoor
from ._openai_door import OpenAIDoor
from ._rest_door import RestDoor
from .runs import Runs, Team

logger = logging.getLogger("autogen.serving")

DOORS = ("openai", "rest", "mcp")


class App:
    """An ASGI application that serves teams. See `app_of`.

    Attributes:
        runs: The runs.
    """

    def __init__(
        self, runs: Runs, doors: Sequence[str], tokens: Mapping[str, str], folder: Path | None, drain: float
    ) -> None:
        self.runs = runs
        self._drain = drain
        routes: list[BaseRoute] = [
            Route("/health", self._show_health, methods=["GET"]),
            Route("/ready", self._show_readiness, methods=["GET"]),
            Route("/metrics", self._show_metrics, methods=["GET"]),
        ]
        if "openai" in doors:
            conversations = Conversations(None if folder is None else folder / "conversations")
            routes += OpenAIDoor(runs, conversations).list_routes()
        if "rest" in doors:
            routes += RestDoor(runs).list_routes()
        self._mcp = McpDoor(runs) if "mcp" in doors else None
        if self._mcp is not None:
            routes += self._mcp.list_routes()
        handlers: dict[Any, Any] = {RequestError: _respond_to_error}
        app = Starlette(routes=routes, lifespan=self._live, exception_handlers=handlers)
        self._app = TokenCheck(app, tokens)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _live(self, app: Starlette) -> AsyncIterator[None]:
        if recovered := await self.runs.recover():
            logger.info("%d runs of an earlier server go on.", len(recovered))
        try:
            async with nullcontext() if self._mcp is None else self._mcp.open_sessions():
                yield
        finally:
            await self.runs.drain(self._drain)

    async def serve_stdio(self) -> None:
        """Serve the MCP client that has started this program, over standard input and output, until it goes.

        Raises:
            ValueError: if there is no door `mcp`.
        """
        if self._mcp is None:
            raise ValueError("Standard input and output are for MCP clients alone: the doors must have 'mcp'.")
        try:
            await self.runs.recover()
            await self._mcp.serve_stdio()
        finally:
            await self.runs.drain(self._drain)

    async def _show_health(self, request: Request) -> Response:
        """Say that the server is alive."""
        return JSONResponse({"status": "ok"})

    async def _show_readiness(self, request: Request) -> Response:
        """Say whether the server accepts tasks."""
        if self.runs.is_draining:
            return JSONResponse({"status": "draining"}, 503)
        return JSONResponse({"status": "ready", "runs": self.runs.active})

    async def _show_metrics(self, request: Request) -> Response:
        """Return numbers in the text format of Prometheus."""
        lines = ["# TYPE autogen_runs gauge", *_format_lines("autogen_runs", self.runs.active)]
        lines += ["# TYPE autogen_runs_ended_total counter", *_format_lines("autogen_runs_ended_total", self.runs.counts)]
        lines += ["# TYPE autogen_cost_usd_total counter", f"autogen_cost_usd_total {self.runs.total_cost:.6f}"]
        return PlainTextResponse("\n".join([*lines, ""]), media_type="text/plain; version=0.0.4")


def _format_lines(name: str, values: Mapping[str, int]) -> Iterable[str]:
    return (f'{name}{{status="{status}"}} {value}' for status, value in values.items())


async def _respond_to_error(request: Request, error: RequestError) -> Response:
    return error.to_response(request)


def make_app(
    teams: Mapping[str, Team] | Runs,
    doors: Sequence[str],
    tokens: Mapping[str, str] | Iterable[str] | None,
    drain: float,
    options: Mapping[str, Any],
) -> App:
    """Make an application; see `app_of`."""
    for door in doors:
        if door not in DOORS:
            raise ValueError(f"doors must be among {', '.join(DOORS)}, got {door!r}.{suggest(door, DOORS)}")
    if isinstance(tokens, str):
        raise TypeError("tokens must be a list of tokens, or a dict of the names of users by their tokens.")
    users = dict(tokens) if isinstance(tokens, Mapping) else dict.fromkeys(tokens or (), "user")
    if any(not token.strip() for token in users):
        raise ValueError("A token must not be empty.")
    runs = teams if isinstance(teams, Runs) else Runs(teams, **options)
    folder = options.get("folder")
    return App(runs, doors, users, None if folder is None else Path(folder), drain)
