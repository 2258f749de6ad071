"""The door for scripts and pages of one's own: runs as resources, their events as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .._journal.questions import AlreadyAnswered, QuestionExpired
from ..types import Message
from ._execution import JSON
from ._http import RequestError, get_field, get_user, owned, read_json, stream_events
from ._run import Run
from .runs import QueueFull, Runs, ShuttingDown


class RestDoor:
    """The routes of the door.

    Args:
        runs: The runs.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def list_routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/teams", self.list_teams, methods=["GET"]),
            Route("/v1/runs", self.list_runs, methods=["GET"]),
            Route("/v1/runs", self.start, methods=["POST"]),
            Route("/v1/runs/{id}", self.show, methods=["GET"]),
            Route("/v1/runs/{id}/result", self.show_result, methods=["GET"]),
            Route("/v1/runs/{id}/events", self.show_events, methods=["GET"]),
            Route("/v1/runs/{id}/{command}", self.command, methods=["POST"]),
            Route("/v1/pending", self.list_questions, methods=["GET"]),
            Route("/v1/pending/{id}", self.answer, methods=["POST"]),
        ]

    async def list_teams(self, request: Request) -> Response:
        """Return the teams."""
        teams = [{"name": name, "description": description} for name, description in self._runs.teams.items()]
        return JSONResponse({"teams": teams})

    def _list_own(self, request: Request) -> list[Run]:
        return [run for run in self._runs.list_runs() if run.owner == get_user(request)]

    async def _find(self, request: Request) -> Run:
        try:
            run = await self._runs.get(request.path_params["id"])
        except LookupError as error:
            raise RequestError.from_error(error) from error
        return owned(self._runs, run, request)

    async def list_runs(self, request: Request) -> Response:
        """Return the runs of the user."""
        return JSONResponse({"runs": [run.to_dict() for run in self._list_own(request)]})

    async def start(self, request: Request) -> Response:
        """Start a run."""
        body = await read_json(request)
        known = {"team", "task", "history", "deadline", "max_cost"}
        # A misspelt limit would be no limit.
        if unknown := sorted(body.keys() - known):
            text = f"Unknown fields: {', '.join(unknown)}; known are {', '.join(sorted(known))}."
            raise RequestError(400, "unknown_field", text, unknown[0])
        team, task = get_field(body, "team", str), get_field(body, "task", str)
        if not team or not task:
            raise RequestError(400, "invalid_request", "team and task must be given.", "team" if not team else "task")
        limits = {name: get_field(body, name, (int, float)) for name in ("deadline", "max_cost")}
        for name, value in limits.items():
            if value is not None and not value > 0:
                raise RequestError(400, "invalid_request", f"{name} must be positive, got {value!r}.", name)
        history = get_field(body, "history", list, [])
        if not all(isinstance(message, dict) and isinstance(message.get("content"), str) for message in history):
            raise RequestError(400, "invalid_request", "history must be messages with role and content, a text.", "history")
        messages: list[Message] = history
        key = request.headers.get("idempotency-key")
        try:
            run = await self._runs.start(team, task, history=messages, key=key, owner=get_user(request), **limits)
        except (LookupError, QueueFull, ShuttingDown) as error:
            raise RequestError.from_error(error) from error
        return JSONResponse(run.to_dict(), 202, {"Location": f"/v1/runs/{run.id}"})

    async def show(self, request: Request) -> Response:
        """Return the state of a run."""
        return JSONResponse((await self._find(request)).to_dict())

    async def show_result(self, request: Request) -> Response:
        """Return the whole result of a run, as `ChatResult.to_dict` has it."""
        run = await self._find(request)
        if run.result is None:
            raise RequestError(409, "no_result", f"The run is {run.status}, and has no result.")
        return JSONResponse(run.result.to_dict())

    async def show_events(self, request: Request) -> Response:
        """Return the events so far; or stream them, for clients that accept server-sent events."""
        run = await self._find(request)
        text = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not text.isdigit():
            raise RequestError(400, "invalid_request", f"after must be a whole number, got {text!r:.100}.", "after")
        after = int(text)
        if not run.has_events_after(after):
            raise RequestError(410, "gone", "The events after that number are not kept any more; begin with the latest.")
        if "text/event-stream" in request.headers.get("accept", ""):
            return stream_events(_stream(run, after), _do_nothing, {})
        events = [{"number": number, "event": event} for number, event in run.list_events(after)]
        return JSONResponse({"status": run.status, "events": events})

    async def command(self, request: Request) -> Response:
        """Pause, resume or stop a run."""
        run, command = await self._find(request), request.path_params["command"]
        if command == "pause":
            self._runs.pause(run)
        elif command == "resume":
            self._runs.resume(run)
        elif command == "stop":
            await self._runs.stop(run)
        else:
            raise RequestError(404, "not_found", f"There is no command {command!r:.100}: it must be pause, resume or stop.")
        return JSONResponse(run.to_dict(), 202)

    async def list_questions(self, request: Request) -> Response:
        """Return the open questions of the user's runs."""
        own = self._list_own(request)
        questions = [{"run": run.id, "team": run.request.team, **item} for run in own for item in run.questions.values()]
        return JSONResponse({"pending": questions})

    async def answer(self, request: Request) -> Response:
        """Answer a question: 409 if it has an answer, 410 if it has expired or its run is over."""
        body, question_id = await read_json(request), request.path_params["id"]
        choice, digest = get_field(body, "choice", str), get_field(body, "digest", str)
        value = get_field(body, "value", (str, dict))
        run = next((run for run in self._list_own(request) if question_id in run.questions), None)
        try:
            if run is None:
                raise LookupError(f"There is no open question {question_id!r:.100}: it was answered, or its run is over.")
            by = get_user(request) or ""
            await self._runs.answer(question_id, value, choice=choice, digest=digest, by=by)
        except AlreadyAnswered as error:
            raise RequestError(409, "already_answered", str(error)) from error
        except QuestionExpired as error:
            raise RequestError(410, "expired", str(error)) from error
        except LookupError as error:
            raise RequestError(410, "no_open_question", str(error.args[0])) from error
        except ValueError as error:
            raise RequestError(400, "invalid_answer", str(error)) from error
        return JSONResponse(run.to_dict(), 202)


async def _do_nothing() -> None:
    """Leave a run alone whose reader has gone: it goes on."""


async def _stream(run: Run, after: int) -> AsyncIterator[str]:
    """Yield the events of a run as server-sent events; the last one is its state."""
    async for number, event in run.read_events(after, tokens=True):
        head = f"id: {number}\n" if number is not None else ""
        yield f"{head}event: {event['type']}\ndata: {json.dumps(event)}\n\n"
    state: JSON = run.to_dict()
    yield f"event: run_ended\ndata: {json.dumps(state)}\n\n"
