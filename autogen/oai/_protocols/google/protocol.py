"""The Gemini API as a `ModelProtocol`, over the `google-genai` SDK."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from ...._steps import Call, Steps
from ..._http.libraries import httpx
from ..._once import log_once
from ..._responses.normalize import make_unreadable
from ..errors import make_status_error
from ..protocol import Answer, Body, Fields, NeutralRequest, make_adaptation
from .answer import read_answer
from .body import BOTH_TOOLS, STAND_IN, build_body
from .caching import ContextCaches, require_again
from .chunks import GeminiAssembler

# Replaced by the body.
_PLACEHOLDER = "-"


def _use_stand_ins(body: Body, error_text: str) -> Body:
    contents = []
    for content in body["contents"]:
        parts, is_first = [], True
        for part in content["parts"]:
            is_call = "functionCall" in part
            kept = {key: value for key, value in part.items() if key != "thoughtSignature"}
            parts.append({**kept, "thoughtSignature": STAND_IN} if is_call and is_first else kept)
            is_first = is_first and not is_call
        contents.append({**content, "parts": [part for part in parts if part]})
    return {**body, "contents": contents}


def _drop_ids(body: Body, error_text: str) -> Body:
    def strip(part: Fields) -> Fields:
        for key in ("functionCall", "functionResponse"):
            if key in part:
                return {**part, key: {name: value for name, value in part[key].items() if name != "id"}}
        return part

    return {
        **body,
        "contents": [{**content, "parts": [strip(part) for part in content["parts"]]} for content in body["contents"]],
    }


def _drop_both_tools(body: Body, error_text: str) -> Body:
    config = {key: value for key, value in (body.get("toolConfig") or {}).items() if key != BOTH_TOOLS}
    rest = {key: value for key, value in body.items() if key != "toolConfig"}
    return {**rest, "toolConfig": config} if config else rest


def _drop_hosted(body: Body, error_text: str) -> Body:
    functions = [tool for tool in body.get("tools") or () if "functionDeclarations" in tool]
    if not functions:
        return body
    log_once(f"{body['model']} takes either functions or the vendor's own tools: the latter are left out.")
    return {**_drop_both_tools(body, error_text), "tools": functions}


def _drop_thinking_level(body: Body, error_text: str) -> Body:
    generation = {key: value for key, value in (body.get("generationConfig") or {}).items() if key != "thinkingConfig"}
    return {**body, "generationConfig": generation}


class GeminiProtocol:
    """The protocol of Google's Gemini API."""

    name = "google"
    tool_name = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
    max_unstreamed = None
    adaptations = (
        make_adaptation("with a new cache", r"cached ?content.{0,80}not found", require_again, is_remembered=False),
        make_adaptation("stand-ins for signatures", r"thought.?signature", _use_stand_ins, is_remembered=False),
        make_adaptation("calls without ids", r"unknown name .{0,3}id\b", _drop_ids),
        # Vertex AI doesn't know it.
        make_adaptation("without the calls of the vendor's tools", BOTH_TOOLS, _drop_both_tools),
        make_adaptation(
            "functions without the vendor's tools",
            r"tool use with function calling|tools are supported only when",
            _drop_hosted,
        ),
        make_adaptation("the model's own thinking", r"thinking.?(level|budget|config)", _drop_thinking_level),
    )

    def __init__(self) -> None:
        self._caches = ContextCaches()

    def build_body(self, request: NeutralRequest) -> Body:
        """Return the JSON of a request."""
        return {"model": request.model, **build_body(request)}

    def send(self, sdk: Any, body: Body, options: Fields) -> Steps[object]:
        """Send a request that is answered as a whole, and return the JSON of the answer."""
        body = yield from self._caches.use(sdk, body, options)
        arguments = _build_arguments(body, options, is_whole=True)
        response = yield Call(sdk.models.generate_content, sdk.aio.models.generate_content, (), arguments)
        text = response.sdk_http_response.body
        try:
            return json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise make_unreadable(f"can't be read ({type(error).__name__}: {error})", str(text)[:1000]) from error

    def open_stream(self, sdk: Any, body: Body, options: Fields) -> Steps[Any]:
        """Send a request that is answered in chunks, and return the stream."""
        body = yield from self._caches.use(sdk, body, options)
        arguments = _build_arguments(body, options, is_whole=False)
        stream = yield Call(sdk.models.generate_content_stream, sdk.aio.models.generate_content_stream, (), arguments)
        return _a_wrap(stream) if hasattr(stream, "__aiter__") else _wrap(stream)

    def make_assembler(self) -> GeminiAssembler:
        """Return an assembler for the chunks of a new answer."""
        return GeminiAssembler()

    def read_answer(self, data: object) -> Answer:
        """Return an answer from its JSON."""
        return read_answer(data)

    def describe_request(self, body: Body) -> Fields:
        """Return no fields: the vendor keeps nothing of a request."""
        return {}

    def continue_body(self, body: Body, answer: Answer) -> Body | None:
        """Return the request that continues an answer which reached the limit of a single request."""
        token = answer.record.get("continuation")
        return {**body, "continuationToken": token} if token else None

    def translate_error(self, error: Exception) -> Exception | None:
        """Return the error of the `openai` SDK that means the same as one of the vendor's; None for any other error."""
        return _translate(error)


def _build_arguments(body: Body, options: Fields, *, is_whole: bool) -> dict[str, Any]:
    """Return the arguments of the SDK's method, which sends the body as it is."""
    http: dict[str, Any] = {"extra_body": {key: value for key, value in body.items() if key != "model"}}
    timeout = options.get("timeout")
    # A deadline makes it an object, whose limits end at the same time.
    seconds = timeout if isinstance(timeout, (int, float)) else getattr(timeout, "read", None)
    if seconds is not None:
        # In milliseconds.
        http["timeout"] = max(1, int(seconds * 1000))
    if options.get("extra_headers"):
        http["headers"] = dict(options["extra_headers"])
    config: dict[str, Any] = {"automatic_function_calling": {"disable": True}, "http_options": http}
    if is_whole:
        # Its own objects drop the fields that they don't know.
        config["should_return_http_response"] = True
    return {"model": body["model"], "contents": _PLACEHOLDER, "config": config}


@contextmanager
def _wrap(stream: Iterator[Any]) -> Iterator[Iterator[object]]:
    try:
        yield map(_to_json, stream)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


@asynccontextmanager
async def _a_wrap(stream: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[object]]:
    async def iterate() -> AsyncIterator[object]:
        async for chunk in stream:
            yield _to_json(chunk)

    try:
        yield iterate()
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _to_json(chunk: Any) -> object:
    return chunk.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude={"sdk_http_response"}, warnings=False)


def _translate(error: Exception) -> Exception | None:
    import openai

    if isinstance(error, httpx.TimeoutException):
        return openai.APITimeoutError(request=error.request)
    if isinstance(error, httpx.ConnectError):
        return openai.APIConnectionError(request=error.request)
    errors = sys.modules.get("google.genai.errors")
    if errors is None or not isinstance(error, errors.APIError):
        return None
    details: Fields = error.details if isinstance(error.details, Mapping) else {}
    nested = details.get("error")
    holder: Fields = nested if isinstance(nested, Mapping) else details
    reasons = [detail for detail in holder.get("details") or () if isinstance(detail, Mapping)]
    text = str(error.message or error)
    status = error.code if isinstance(error.code, int) and error.code >= 400 else 500
    code = None
    if status == 403 and "CachedContent" in text:
        # Expired, or of another account.
        status = 404
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in reasons):
        # The vendor sends 400 for a wrong key.
        status = 401
    if any("PerDay" in str(violation) for detail in reasons for violation in detail.get("violations") or ()):
        code = "insufficient_quota"
    headers = {}
    for detail in reasons:
        if isinstance(delay := detail.get("retryDelay"), str):
            headers["retry-after"] = delay.removesuffix("s")
    response = httpx.Response(status, headers=headers, request=httpx.Request("POST", "https://endpoint.invalid"))
    return make_status_error(status, text, code=code, kind=str(error.status or ""), response=response)
