"""The door for programs that speak OpenAI's chat completions: a team is a model."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .._journal.questions import AlreadyAnswered, QuestionExpired
from ..agentchat.chat import StopReason
from ..types import Message
from ._conversations import Conversation, Conversations
from ._execution import JSON
from ._http import RequestError, get_field, get_user, read_json, stream_events, wait_for_run
from ._run import Run
from .runs import QueueFull, Runs, ShuttingDown

ASK_HUMAN = "ask_human"
_CALL = "call_"
# What a team decides itself.
_IGNORED = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty", "seed"),
    *("stop", "logit_bias", "reasoning_effort", "verbosity", "service_tier", "user", "safety_identifier"),
)
_UNSUPPORTED = ("tools", "functions", "tool_choice", "function_call", "response_format", "logprobs", "audio", "modalities")
_LIMITS = (StopReason.BUDGET, StopReason.MAX_ROUND, StopReason.MAX_CONSECUTIVE_AUTO_REPLY, StopReason.STOPPED)
_PIECE = 40  # characters


@dataclass(frozen=True)
class _Request:
    """A request for a chat completion.

    Attributes:
        team: Name of the team.
        messages: The messages, with content as text.
        is_streamed: True for a response in pieces.
        has_usage: True if it ends with the usage.
        has_events: True if pieces may have events.
        conversation: Id of a conversation that the server keeps; None if the messages are all of it.
        ignored: Names of the parameters that are ignored.
    """

    team: str
    messages: list[Message]
    is_streamed: bool
    has_usage: bool
    has_events: bool
    conversation: str | None
    ignored: list[str]


class OpenAIDoor:
    """The routes of the door.

    Args:
        runs: The runs.
        conversations: The conversations that the server keeps.
    """

    def __init__(self, runs: Runs, conversations: Conversations) -> None:
        self._runs = runs
        self._conversations = conversations
        self._started_at = int(time.time())

    def list_routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/models", self.list_models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.show_model, methods=["GET"]),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]

    async def list_models(self, request: Request) -> Response:
        """Return the teams."""
        return JSONResponse({"object": "list", "data": [self._describe(name) for name in self._runs.teams]})

    async def show_model(self, request: Request) -> Response:
        """Return a team."""
        name = request.path_params["name"]
        if name not in self._runs.teams:
            raise RequestError(404, "model_not_found", f"There is no team {name!r:.100}.", "model")
        return JSONResponse(self._describe(name))

    def _describe(self, name: str) -> JSON:
        return {"id": name, "object": "model", "created": self._started_at, "owned_by": "autogen"}

    async def complete(self, request: Request) -> Response:
        """Let a team answer, or ask."""
        asked = _parse(await read_json(request), request)
        owner = get_user(request)
        conversation = self._conversations.get(owner, asked.conversation)
        run = await self._answer_question(asked, conversation, owner)
        if run is None:
            run = await self._start(asked, conversation, owner)
        headers = {"X-Autogen-Run": run.id}
        if asked.ignored:
            headers["X-Autogen-Ignored"] = ", ".join(asked.ignored)

        async def leave() -> None:
            # Nobody could ask for the answer again.
            if asked.conversation is None and not run.is_over and not run.questions:
                await self._runs.stop(run)

        if asked.is_streamed:
            return stream_events(self._stream(asked, conversation, run), leave, headers)
        if not await wait_for_run(request, run, for_questions=True):
            await leave()
        self._check_failure(run)
        conversation.update(run, run.text)
        body = {"id": f"chatcmpl-{run.id}", "object": "chat.completion", "created": int(run.started_at), "model": asked.team}
        choice = {"index": 0, "message": _make_message(run), "finish_reason": _find_reason(run), "logprobs": None}
        headers["X-Autogen-Cost"] = f"{run.cost:.6f}"
        return JSONResponse({**body, "choices": [choice], "usage": _make_usage(run)}, headers=headers)

    async def _start(self, asked: _Request, conversation: Conversation, owner: str | None) -> Run:
        """Start a run for the last message, after those before it."""
        *before, last = asked.messages
        if last["role"] != "user":
            raise RequestError(
                400, "invalid_request", "The last message must be the user's, or answer a question.", "messages"
            )
        history = before if asked.conversation is None else list(conversation.messages)
        try:
            run = await self._runs.start(
                asked.team, str(last["content"]), history=history, owner=owner, wants_events=asked.has_events
            )
        except LookupError as error:
            raise RequestError(404, "model_not_found", str(error.args[0]), "model") from error
        except (QueueFull, ShuttingDown) as error:
            raise RequestError.from_error(error) from error
        conversation.begin(run, last)
        self._conversations.remember(run, _digest(asked.messages))
        return run

    async def _answer_question(self, asked: _Request, conversation: Conversation, owner: str | None) -> Run | None:
        """Give the last message to the run that has asked for it. Returns None if there is none."""
        last = asked.messages[-1]
        # The id of the call is that of the question, and so leads to the run.
        if last["role"] == "tool":
            question_id = str(last.get("tool_call_id") or "").removeprefix(_CALL)
            run = self._find_run(question_id, owner)
            if run is None:
                text = "The run of this call is not there any more, or its question has been answered."
                raise RequestError(404, "unknown_call", text, "messages")
        elif last["role"] == "user":
            # Of a client that does not know the tool, and shows the question as an answer.
            run = conversation.run if asked.conversation is not None else None
            if run is None and len(asked.messages) > 2 and asked.messages[-2]["role"] == "assistant":
                run = self._conversations.find(owner, _digest(asked.messages[:-2]))
            if run is None or not run.questions:
                return None
            question_id = next(iter(run.questions))
            if asked.conversation is None and asked.messages[-2]["content"] != run.questions[question_id]["prompt"]:
                return None
        else:
            return None
        text = str(last["content"])
        choices = run.questions[question_id]["choices"]
        try:
            if text in choices:
                await self._runs.answer(question_id, choice=text, by=owner or "")
            else:
                await self._runs.answer(question_id, text, by=owner or "")
        except (AlreadyAnswered, QuestionExpired, ValueError) as error:
            raise RequestError(400, "invalid_answer", str(error), "messages") from error
        return run

    def _find_run(self, question_id: str, owner: str | None) -> Run | None:
        return next((run for run in self._runs.list_runs() if question_id in run.questions and run.owner == owner), None)

    def _check_failure(self, run: Run) -> None:
        if run.error is not None:
            text = f"The team has failed: {run.error['type']}: {run.error['text']}"
            # The SDKs would try again, and pay again.
            raise RequestError(500, "team_failed", text, headers={"x-should-retry": "false", "X-Autogen-Run": run.id})

    async def _stream(self, asked: _Request, conversation: Conversation, run: Run) -> AsyncIterator[str]:
        """Yield the chunks of a response."""
        base = {
            "id": f"chatcmpl-{run.id}",
            "object": "chat.completion.chunk",
            "created": int(run.started_at),
            "model": asked.team,
        }

        def make_chunk(delta: JSON, reason: str | None = None, **more: Any) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
            extra = {"usage": None} if asked.has_usage else {}
            return f"data: {json.dumps({**base, 'choices': [choice], **extra, **more})}\n\n"

        yield make_chunk({"role": "assistant", "content": ""})
        if asked.has_events:
            async for _, event in run.read_events(tokens=True, until_question=True):
                yield make_chunk({}, autogen_event=event)
        await run.wait(for_questions=True)
        if run.error is not None:
            error = {"message": f"{run.error['type']}: {run.error['text']}", "type": "server_error", "code": "team_failed"}
            yield f"data: {json.dumps({'error': error})}\n\n"
            return
        message = _make_message(run)
        conversation.update(run, run.text)
        text = str(message.get("content") or "")
        for start in range(0, len(text), _PIECE):
            yield make_chunk({"content": text[start : start + _PIECE]})
        if calls := message.get("tool_calls"):
            yield make_chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(calls)]})
        if refusal := message.get("refusal"):
            yield make_chunk({"refusal": refusal})
        yield make_chunk({}, _find_reason(run))
        if asked.has_usage:
            yield f"data: {json.dumps({**base, 'choices': [], 'usage': _make_usage(run)})}\n\n"
        yield "data: [DONE]\n\n"


def _parse(body: JSON, request: Request) -> _Request:
    """Check a request.

    Raises:
        RequestError: It has a fault, or a parameter that a team can't follow.
    """
    for name in _UNSUPPORTED:
        value = body.get(name)
        if value and value != {"type": "text"} and value not in ("none", "auto", ["text"]):
            text = f"{name} is not supported: a team has its own tools and forms."
            raise RequestError(400, "unsupported_parameter", text, name)
    if get_field(body, "n", int, 1) != 1:
        raise RequestError(400, "unsupported_parameter", "n must be 1.", "n")
    messages = get_field(body, "messages", list, [])
    if not messages:
        raise RequestError(400, "invalid_request", "messages must have at least one message.", "messages")
    extension = get_field(body, "autogen", dict, {})
    metadata = get_field(body, "metadata", dict, {})
    conversation = request.headers.get("x-autogen-conversation") or metadata.get("conversation")
    if conversation is not None and not (isinstance(conversation, str) and 0 < len(conversation) <= 200):
        raise RequestError(400, "invalid_request", "conversation must be text of at most 200 characters.", "metadata")
    return _Request(
        team=get_field(body, "model", str, ""),
        messages=[_parse_message(index, message) for index, message in enumerate(messages)],
        is_streamed=get_field(body, "stream", bool, False),
        has_usage=bool(get_field(body, "stream_options", dict, {}).get("include_usage")),
        has_events=bool(extension.get("events")),
        conversation=conversation,
        ignored=[name for name in _IGNORED if body.get(name) is not None],
    )


def _parse_message(index: int, message: object) -> Message:
    where = f"messages[{index}]"
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise RequestError(400, "invalid_request", f"{where} must be an object with a role.", "messages")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part if isinstance(part, dict) else {} for part in content]
        if others := {str(part.get("type")) for part in parts} - {"text"}:
            text = f"{where} has parts that teams don't take from this door: {', '.join(sorted(others))}."
            raise RequestError(400, "unsupported_content", text, "messages")
        content = "\n".join(str(part.get("text", "")) for part in parts)
    if not isinstance(content, (str, type(None))):
        raise RequestError(400, "invalid_type", f"The content of {where} must be text.", "messages")
    return {**message, "content": content or ""}


def _digest(messages: list[Message]) -> str:
    """Return a digest of roles and texts, by which the continuation of a conversation is recognised."""
    texts = [[message["role"], message["content"]] for message in messages]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _make_message(run: Run) -> JSON:
    if run.questions:
        calls = [
            {
                "id": f"{_CALL}{question_id}",
                "type": "function",
                "function": {"name": ASK_HUMAN, "arguments": json.dumps(_describe_question(question))},
            }
            for question_id, question in run.questions.items()
        ]
        return {"role": "assistant", "content": run.text, "refusal": None, "tool_calls": calls}
    reason = None if run.result is None else run.result.stop_reason
    refusal = run.result.stop_detail if run.result is not None and reason is StopReason.REFUSAL else None
    return {"role": "assistant", "content": run.text, "refusal": refusal}


def _describe_question(question: JSON) -> JSON:
    keys = ("prompt", "choices", "kind", "agent", "tool", "arguments")
    return {key: question[key] for key in keys if question.get(key)}


def _find_reason(run: Run) -> str:
    if run.questions:
        return "tool_calls"
    reason = None if run.result is None else run.result.stop_reason
    if reason is StopReason.GUARDRAIL:
        return "content_filter"
    return "length" if reason in _LIMITS or run.result is None else "stop"


def _make_usage(run: Run) -> dict[str, int]:
    prompt, completion = run.count_tokens()
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
