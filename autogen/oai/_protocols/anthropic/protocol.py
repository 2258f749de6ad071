"""The Messages API as a `ModelProtocol`."""

from __future__ import annotations

import re
import sys
from typing import Any

from ...._steps import Steps
from ..._responses.sdk_calls import request_json, request_stream
from ..errors import make_status_error, read_error
from ..protocol import Answer, Body, Fields, NeutralRequest, make_adaptation
from ..turns import CONTINUE, describe_format
from .answer import make_error, read_answer
from .body import MAX_UNSTREAMED, build_body
from .events import MessagesAssembler

_THINKING = ("thinking", "redacted_thinking")
_BETA = "anthropic-beta"
_BETAS = {"mcp_servers": "mcp-client-2025-11-20", "block_binding": "thinking-binding-controls-2026-08-01"}
"""Betas by the field of a request, or of its `thinking`, that needs them."""
_LENGTH_OF_DATE = len("2025-11-20")
_SDK_PARAMS = ("model", "max_tokens", "messages", "stream", "timeout", "extra_headers", "extra_query")


def _drop_thinking(body: Body, error_text: str) -> Body:
    messages = []
    for message in body["messages"]:
        blocks = [block for block in message["content"] if block.get("type") not in _THINKING]
        if blocks:
            messages.append({**message, "content": blocks})
    return {**body, "messages": messages}


def _lower_limit(body: Body, error_text: str) -> Body:
    match = re.search(r"max_tokens: \d+ > (\d+)", error_text)
    return {**body, "max_tokens": int(match[1])} if match and int(match[1]) < body["max_tokens"] else body


def _describe_schema(body: Body, error_text: str) -> Body:
    output = dict(body.get("output_config") or {})
    schema = (output.pop("format", None) or {}).get("schema")
    if schema is None:
        return body
    text = describe_format({"type": "json_schema", "json_schema": {"schema": schema}})
    rest = {key: value for key, value in body.items() if key != "output_config"}
    described = {**rest, "system": [*(body.get("system") or ()), {"type": "text", "text": text}]}
    return {**described, "output_config": output} if output else described


def _free_choice(body: Body, error_text: str) -> Body:
    choice = body.get("tool_choice") or {}
    return {**body, "tool_choice": {**choice, "type": "auto"}} if choice.get("type") in ("any", "tool") else body


def _drop_cache_control(body: Body, error_text: str) -> Body:
    return {key: value for key, value in body.items() if key != "cache_control"}


def _drop_binding(body: Body, error_text: str) -> Body:
    thinking = {key: value for key, value in (body.get("thinking") or {}).items() if key != "block_binding"}
    return {**body, "thinking": thinking}


def _adapt_thinking(body: Body, error_text: str) -> Body:
    thinking = body.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return {key: value for key, value in body.items() if key != "thinking"}
    return {**body, "thinking": {"type": "adaptive"}}


class MessagesProtocol:
    """The protocol of Anthropic's Messages API."""

    name = "anthropic"
    tool_name = re.compile(r"[a-zA-Z0-9_-]{1,128}")
    max_unstreamed = MAX_UNSTREAMED
    adaptations = (
        make_adaptation(
            "without the earlier thinking",
            r"Invalid `?signature|blocks in the latest assistant message cannot be modified|Expected `?thinking",
            _drop_thinking,
            is_remembered=False,
        ),
        make_adaptation("the model's limit of tokens", r"max_tokens: \d+ > \d+", _lower_limit),
        make_adaptation("the model's own choice of tools", r"tool_choice forces|forced tool use|tool_choice", _free_choice),
        make_adaptation("the schema in words", r"output_config|output_format|structured output", _describe_schema),
        make_adaptation("without control of the binding", r"block_binding.{0,40}(extra|unknown|not )", _drop_binding),
        make_adaptation("another form of thinking", r"thinking\.type|adaptive thinking", _adapt_thinking),
        make_adaptation(
            "without automatic caching", r"cache_control: Extra inputs|Top-level cache_control", _drop_cache_control
        ),
    )

    def build_body(self, request: NeutralRequest) -> Body:
        """Return the JSON of a request."""
        return build_body(request)

    def send(self, sdk: Any, body: Body, options: Fields) -> Steps[object]:
        """Send a request that is answered as a whole, and return the JSON of the answer."""
        return request_json(sdk.messages, _build_arguments(body, options, stream=False))

    def open_stream(self, sdk: Any, body: Body, options: Fields) -> Steps[Any]:
        """Send a request that is answered in events, and return the stream, or the JSON of a server that doesn't stream."""
        return request_stream(sdk.messages, _build_arguments(body, options, stream=True))

    def make_assembler(self) -> MessagesAssembler:
        """Return an assembler for the events of a new answer."""
        return MessagesAssembler()

    def read_answer(self, data: object) -> Answer:
        """Return an answer from its JSON."""
        return read_answer(data)

    def describe_request(self, body: Body) -> Fields:
        """Return no fields: the vendor keeps nothing of a request."""
        return {}

    def continue_body(self, body: Body, answer: Answer) -> Body | None:
        """Return the request that continues an answer which the vendor paused, or left empty after results of tools."""
        last = body["messages"][-1]
        if answer.stop == "pause_turn":
            return {**body, "messages": [*body["messages"], {"role": "assistant", "content": answer.items}]}
        has_results = any(block.get("type") == "tool_result" for block in last["content"])
        if not answer.items and answer.stop == "end_turn" and has_results:
            return {**body, "messages": [*body["messages"][:-1], _append_text(last, CONTINUE)]}
        return None

    def translate_error(self, error: Exception) -> Exception | None:
        """Return the error of the `openai` SDK that means the same as one of the vendor's; None for any other error."""
        return _translate(error)


def _append_text(message: Fields, text: str) -> dict[str, Any]:
    return {**message, "content": [*message["content"], {"type": "text", "text": text}]}


def _build_arguments(body: Body, options: Fields, *, stream: bool) -> dict[str, Any]:
    """Return the arguments of the SDK's method. Parameters that it doesn't have go into the body as they are."""
    arguments = {**body, **options, "stream": stream}
    if needed := [beta for key, beta in _BETAS.items() if body.get(key) or key in (body.get("thinking") or {})]:
        headers = dict(options.get("extra_headers") or {})
        betas = [beta for beta in str(headers.get(_BETA) or "").split(",") if beta]
        # The user's own version of a beta wins.
        missing = [beta for beta in needed if not any(own.startswith(beta[:-_LENGTH_OF_DATE]) for own in betas)]
        arguments["extra_headers"] = {**headers, _BETA: ",".join([*betas, *missing])}
    # Without a time limit the SDK refuses long answers that are not streamed.
    arguments.setdefault("timeout", 600.0)
    rest = {key: value for key, value in arguments.items() if key not in _SDK_PARAMS}
    return {**{key: arguments[key] for key in _SDK_PARAMS if key in arguments}, "extra_body": rest}


def _translate(error: Exception) -> Exception | None:
    import openai

    anthropic = sys.modules.get("anthropic")
    if anthropic is None or not isinstance(error, anthropic.APIError):
        return None
    if isinstance(error, anthropic.APITimeoutError):
        return openai.APITimeoutError(request=error.request)
    if isinstance(error, anthropic.APIConnectionError):
        return openai.APIConnectionError(message=error.message, request=error.request)
    if not isinstance(error, anthropic.APIStatusError):
        return openai.APIError(error.message, error.request, body=error.body)
    # An error inside a stream has the status of the stream.
    if error.status_code < 400:
        return make_error(error.body)
    code, kind, message = read_error(error.body)
    if "credit balance is too low" in message:
        code = "insufficient_quota"
    return make_status_error(
        error.status_code,
        error.message if message == "no details" else message,
        code=code or kind,
        kind=kind,
        response=error.response,
    )
