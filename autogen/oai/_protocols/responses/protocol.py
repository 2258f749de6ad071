"""The Responses API as a `ModelProtocol`."""

from __future__ import annotations

import re
from typing import Any

from ...._steps import Steps
from ..._http.libraries import httpx
from ..._responses.sdk_calls import request_json, request_stream
from ..errors import make_status_error, read_error
from ..protocol import Answer, Body, Fields, NeutralRequest, make_adaptation
from .answer import read_answer
from .background import BULK, open_job, run_job
from .body import build_body
from .events import ResponsesAssembler
from .state import Conversations, describe_input, drop_private, send_whole


def _drop_reasoning(body: Body, error_text: str) -> Body:
    items = [item for item in body["input"] if item.get("type") != "reasoning"]
    # Ids of calls belong to the reasoning before them.
    stripped = [{key: value for key, value in item.items() if key != "id"} if "call_id" in item else item for item in items]
    return {**body, "input": stripped}


def _drop_sampling(body: Body, error_text: str) -> Body:
    return {key: value for key, value in body.items() if key not in ("temperature", "top_p")}


def _drop_summary(body: Body, error_text: str) -> Body:
    reasoning = {key: value for key, value in (body.get("reasoning") or {}).items() if key != "summary"}
    return {
        **{key: value for key, value in body.items() if key != "reasoning"},
        **({"reasoning": reasoning} if reasoning else {}),
    }


def _drop_encrypted(body: Body, error_text: str) -> Body:
    return {key: value for key, value in body.items() if key != "include"}


def _drop_caching(body: Body, error_text: str) -> Body:
    def strip(item: Fields) -> Fields:
        content = item.get("content")
        if not isinstance(content, list):
            return item
        parts = [{key: value for key, value in part.items() if key != "prompt_cache_breakpoint"} for part in content]
        return {**item, "content": parts}

    rest = {key: value for key, value in body.items() if not key.startswith("prompt_cache")}
    return {**rest, "input": [strip(item) for item in body["input"]]}


class ResponsesProtocol:
    """The protocol of OpenAI's Responses API."""

    name = "responses"
    tool_name = re.compile(r"[a-zA-Z0-9_-]{1,64}")
    max_unstreamed = None
    adaptations = (
        make_adaptation(
            "with the whole history",
            r"previous_response_not_found|previous response\b.{0,80}not found|conversation\b.{0,80}not found",
            send_whole,
            is_remembered=False,
        ),
        make_adaptation(
            "without the earlier reasoning",
            r"invalid_encrypted_content|could not be verified|without its required|Items are not persisted"
            r"|item with id .{0,80}not found",
            _drop_reasoning,
            is_remembered=False,
        ),
        make_adaptation("without temperature and top_p", r"(unsupported|unknown).{0,40}(temperature|top_p)", _drop_sampling),
        make_adaptation(
            "without a summary of the reasoning", r"organization must be verified|reasoning\.summary", _drop_summary
        ),
        make_adaptation(
            "without encrypted reasoning",
            r"encrypted content is not supported|reasoning\.encrypted_content",
            _drop_encrypted,
        ),
        make_adaptation("without settings of the prompt cache", r"(unknown|unsupported).{0,60}prompt_cache", _drop_caching),
    )

    def __init__(self) -> None:
        self._conversations = Conversations()

    def build_body(self, request: NeutralRequest) -> Body:
        """Return the JSON of a request."""
        return build_body(request)

    def send(self, sdk: Any, body: Body, options: Fields) -> Steps[object]:
        """Send a request that is answered as a whole, and return the JSON of the answer."""
        body = yield from self._conversations.open(sdk, body, options)
        if body.get("background"):
            return (yield from run_job(sdk, body, options))
        return (yield from request_json(sdk.responses, {**drop_private(body), **options, "stream": False}, BULK))

    def open_stream(self, sdk: Any, body: Body, options: Fields) -> Steps[Any]:
        """Send a request that is answered in events, and return the stream, or the JSON of a server that doesn't stream."""
        body = yield from self._conversations.open(sdk, body, options)
        if body.get("background"):
            return (yield from open_job(sdk, body, options))
        return (yield from request_stream(sdk.responses, {**drop_private(body), **options, "stream": True}, BULK))

    def make_assembler(self) -> ResponsesAssembler:
        """Return an assembler for the events of a new answer."""
        return ResponsesAssembler()

    def read_answer(self, data: object) -> Answer:
        """Return an answer from its JSON."""
        answer = read_answer(data)
        self._conversations.note(answer.record.get("conversation"), answer.response_id)
        return answer

    def describe_request(self, body: Body) -> Fields:
        """Return the digest of the input, if the vendor keeps it."""
        return describe_input(body)

    def continue_body(self, body: Body, answer: Answer) -> Body | None:
        """Return None: the vendor finishes its answers."""
        return None

    def translate_error(self, error: Exception) -> Exception | None:
        """Return the error of a busy server for a conversation in use; None for any other, which is the SDK's own."""
        refusal: Any = error
        if getattr(refusal, "code", None) != "conversation_locked":
            return None
        _, kind, message = read_error(refusal.body)
        # The vendor sends 400. The headers may say how long to wait.
        response = httpx.Response(409, headers=dict(refusal.response.headers), request=refusal.request)
        return make_status_error(409, message, kind=kind, response=response)
