"""The door for MCP clients, such as editors: a team is a tool."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from .._extras import require
from ..version import __version__
from ._execution import JSON
from ._run import Run
from .runs import Runs

# From this protocol on, a server asks by the result of a call, which the client repeats with the answer.
_WITHOUT_BACK_CHANNEL = "2026-07-28"


class HumanAnswer(BaseModel):
    """The form of an answer to a team's question."""

    answer: str = Field(description="The answer; empty to press Enter.")


class McpDoor:
    """An MCP server with a tool `ask_<team>` for each team. Its questions are elicitations.

    Args:
        runs: The runs.

    Raises:
        ImportError: The extra `mcp` is not installed.
    """

    def __init__(self, runs: Runs) -> None:
        require("mcp", extra="mcp", feature="The door for MCP clients")
        from mcp.server import MCPServer

        self._runs = runs
        self._server: Any = MCPServer(
            "autogen", version=__version__, instructions="Each tool gives a task to a team of agents."
        )
        for team, description in runs.teams.items():
            name = "ask_" + (re.sub(r"[^a-zA-Z0-9_-]+", "_", team).strip("_") or "team")
            text = description or f"The team {team}."
            self._server.add_tool(
                self._make_tool(team),
                name=name,
                description=f"Give a task to a team of agents. {text}",
                structured_output=False,
            )

    def list_routes(self) -> list[BaseRoute]:
        """Return the route `/mcp`."""
        from mcp.server.transport_security import TransportSecuritySettings

        # The layer of tokens has looked at the host already.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = self._server.streamable_http_app(streamable_http_path="/mcp", transport_security=security)
        routes: list[BaseRoute] = list(app.routes)
        return routes

    def open_sessions(self) -> AbstractAsyncContextManager[None]:
        """Return a context manager in which clients may have sessions."""
        manager: AbstractAsyncContextManager[None] = self._server.session_manager.run()
        return manager

    async def serve_stdio(self) -> None:
        """Serve the program that has started this one, over standard input and output."""
        await self._server.run_stdio_async()

    def _make_tool(self, team: str) -> Callable[..., Awaitable[object]]:
        from mcp.server.mcpserver import Context
        from mcp.server.mcpserver.exceptions import ToolError

        async def ask(task: str, ctx: Any) -> object:
            run = await self._find_run(team, task, ctx)
            try:
                await self._follow(run, ctx)
            # The client has cancelled the call, or gone.
            except BaseException:
                if not run.is_over:
                    await self._runs.stop(run)
                raise
            if run.error is not None:
                raise ToolError(f"The team has failed: {run.error['type']}: {run.error['text']}")
            return _ask_by_result(run) if run.questions else run.text

        # The SDK finds the parameter by its class, which this module imports where it is used.
        ask.__annotations__ = {"task": str, "ctx": Context, "return": object}
        return ask

    async def _find_run(self, team: str, task: str, ctx: Any) -> Run:
        """Return the run that a repeated call answers, with the answers passed on; or a new run."""
        user = _find_user(ctx)
        # Sealed by the SDK, so that a client can't make it up.
        if ctx.request_state is None:
            return await self._runs.start(team, task, owner=user)
        run = await self._runs.get(ctx.request_state)
        if run.owner != user:
            raise LookupError("There is no such run.")
        for question_id, response in (ctx.input_responses or {}).items():
            if question_id in run.questions:
                content = getattr(response, "content", None) or {}
                await self._answer(run, question_id, getattr(response, "action", ""), str(content.get("answer") or ""))
        return run

    async def _follow(self, run: Run, ctx: Any) -> None:
        """Report messages as progress, until the run is over, or has a question that the next call of the client answers."""
        seen = 0
        while True:
            async for number, event in run.read_events(seen, until_question=True):
                seen = number or seen
                if event["type"] == "message_sent":
                    await ctx.report_progress(seen, message=f"{event['sender']} to {event['recipient']}")
            if run.is_over or (run.questions and (ctx.protocol_version or "") >= _WITHOUT_BACK_CHANNEL):
                return
            for question_id, question in list(run.questions.items()):
                result = await ctx.elicit(_format_prompt(question), HumanAnswer)
                await self._answer(run, question_id, result.action, result.data.answer if result.action == "accept" else "")

    async def _answer(self, run: Run, question_id: str, action: str, text: str) -> None:
        """Pass an answer on. Whoever declines to answer ends the chat."""
        choices = run.questions[question_id]["choices"]
        if action != "accept":
            text = "stop" if "stop" in choices else "exit"
        if text in choices:
            await self._runs.answer(question_id, choice=text, by=run.owner or "")
        else:
            await self._runs.answer(question_id, text, by=run.owner or "")


def _ask_by_result(run: Run) -> object:
    """Return the result of a call that asks the client to repeat it with answers."""
    from mcp.server.elicitation import render_elicitation_schema
    from mcp.types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

    schema = render_elicitation_schema(HumanAnswer)
    requests: Any = {
        question_id: ElicitRequest(params=ElicitRequestFormParams(message=_format_prompt(question), requested_schema=schema))
        for question_id, question in run.questions.items()
    }
    return InputRequiredResult(input_requests=requests, request_state=run.id)


def _format_prompt(question: JSON) -> str:
    choices = f"\nOne of: {', '.join(question['choices'])}" if question["choices"] else ""
    return f"{question['prompt']}{choices}"


def _find_user(ctx: Any) -> str | None:
    request = getattr(ctx.request_context, "request", None)
    user: str | None = request.scope.get("autogen.user") if request is not None else None
    return user
