"""The Converse API as a `ModelProtocol`, over boto3."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...._steps import Call, Steps, to_thread
from ..._http.libraries import httpx
from ..._responses.normalize import make_unreadable
from ..errors import make_status_error
from ..protocol import Answer, Body, Fields, NeutralRequest, make_adaptation
from ..turns import describe_format
from .answer import find_status, read_answer
from .body import build_body
from .caching import drop_cache_points
from .events import ConverseAssembler

if TYPE_CHECKING:
    from .client import ConverseClient


def _drop_thinking(body: Body, error_text: str) -> Body:
    messages = []
    for message in body["messages"]:
        if blocks := [block for block in message["content"] if "reasoningContent" not in block]:
            messages.append({**message, "content": blocks})
    return {**body, "messages": messages}


def _drop_cache_points(body: Body, error_text: str) -> Body:
    return drop_cache_points(body)


def _describe_schema(body: Body, error_text: str) -> Body:
    output = dict(body.get("outputConfig") or {})
    text_format = output.pop("textFormat", None)
    if text_format is None:
        return body
    schema = json.loads(text_format["structure"]["jsonSchema"]["schema"])
    text = describe_format({"type": "json_schema", "json_schema": {"schema": schema}})
    rest = {key: value for key, value in body.items() if key != "outputConfig"}
    described = {**rest, "system": [*(body.get("system") or ()), {"text": text}]}
    return {**described, "outputConfig": output} if output else described


def _free_choice(body: Body, error_text: str) -> Body:
    config = body.get("toolConfig") or {}
    return {**body, "toolConfig": {**config, "toolChoice": {"auto": {}}}} if "toolChoice" in config else body


def _lower_limit(body: Body, error_text: str) -> Body:
    match = re.search(r"model limit of (\d+)|max_tokens: \d+ > (\d+)", error_text)
    inference = body.get("inferenceConfig") or {}
    if not match or inference.get("maxTokens", 0) <= (limit := int(match[1] or match[2])):
        return body
    return {**body, "inferenceConfig": {**inference, "maxTokens": limit}}


def _drop_thinking_fields(body: Body, error_text: str) -> Body:
    fields = {key: value for key, value in (body.get("additionalModelRequestFields") or {}).items() if key != "thinking"}
    output = {key: value for key, value in (body.get("outputConfig") or {}).items() if key != "effort"}
    changed = {key: value for key, value in body.items() if key not in ("additionalModelRequestFields", "outputConfig")}
    pairs = {"additionalModelRequestFields": fields, "outputConfig": output}
    return {**changed, **{key: value for key, value in pairs.items() if value}}


def _drop_system(body: Body, error_text: str) -> Body:
    system = [block for block in body.get("system") or () if "text" in block]
    if not system:
        return body
    first, *rest = body["messages"]
    texts = [{"text": f"<system>{block['text']}</system>"} for block in system]
    changed = {key: value for key, value in body.items() if key != "system"}
    return {**changed, "messages": [{**first, "content": [*texts, *first["content"]]}, *rest]}


class ConverseProtocol:
    """The protocol of Amazon Bedrock's Converse API."""

    name = "converse"
    tool_name = re.compile(r"[a-zA-Z0-9_-]{1,64}")
    max_unstreamed = None
    adaptations = (
        make_adaptation(
            "without the earlier thinking",
            r"Invalid `?signature|blocks in the latest assistant message cannot be modified|Expected `?thinking",
            _drop_thinking,
            is_remembered=False,
        ),
        make_adaptation("without breakpoints of the prompt cache", r"cache.?point|prompt caching", _drop_cache_points),
        make_adaptation("the schema in words", r"outputConfig|text.?format|structured output", _describe_schema),
        make_adaptation("the model's own choice of tools", r"tool.?choice|forces tool use", _free_choice),
        make_adaptation("the model's limit of tokens", r"model limit of \d+|max_tokens: \d+ > \d+", _lower_limit),
        make_adaptation("the model's own thinking", r"thinking|effort|reasoning", _drop_thinking_fields),
        make_adaptation(
            "the system text in the user's message", r"doesn.t support system messages|system prompt", _drop_system
        ),
    )

    def build_body(self, request: NeutralRequest) -> Body:
        """Return the JSON of a request."""
        return build_body(request)

    def send(self, sdk: ConverseClient, body: Body, options: Fields) -> Steps[object]:
        """Send a request that is answered as a whole, and return the JSON of the answer."""
        return (yield from to_thread(sdk.converse, body, options))

    def open_stream(self, sdk: ConverseClient, body: Body, options: Fields) -> Steps[Any]:
        """Send a request that is answered in events, and return the stream."""
        reader = yield Call(sdk.converse_stream, sdk.a_converse_stream, (body, options), {})
        return reader

    def make_assembler(self) -> ConverseAssembler:
        """Return an assembler for the events of a new answer."""
        return ConverseAssembler()

    def read_answer(self, data: object) -> Answer:
        """Return an answer from its JSON."""
        return read_answer(data)

    def describe_request(self, body: Body) -> Fields:
        """Return nothing: an answer goes back without its request."""
        return {}

    def continue_body(self, body: Body, answer: Answer) -> Body | None:
        """Return None: the vendor finishes its answers."""
        return None

    def translate_error(self, error: Exception) -> Exception | None:
        """Return the error of the `openai` SDK that means the same as one of boto3's; None for any other error."""
        return _translate(error)


def _translate(error: Exception) -> Exception | None:
    import openai

    boto = sys.modules.get("botocore.exceptions")
    if boto is None:
        return None
    request = httpx.Request("POST", "https://endpoint.invalid")
    if isinstance(error, boto.ClientError):
        return _translate_refusal(error.response)
    if isinstance(error, (boto.ReadTimeoutError, boto.ConnectTimeoutError)):
        return openai.APITimeoutError(request=request)
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        return openai.APIConnectionError(message=str(error), request=request)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return make_status_error(401, str(error))
    if isinstance(error, import_module("botocore.parsers").ResponseParserError):
        return make_unreadable(f"can't be read ({error})")
    return None


def _translate_refusal(answer: Fields) -> Exception:
    details, meta = answer.get("Error") or {}, answer.get("ResponseMetadata") or {}
    name, text = str(details.get("Code") or ""), str(details.get("Message") or "no details")
    status = find_status(name) or meta.get("HTTPStatusCode") or 500
    status = status if isinstance(status, int) and status >= 400 else 500
    code = "insufficient_quota" if name == "ServiceQuotaExceededException" else name
    headers = {str(key): str(value) for key, value in (meta.get("HTTPHeaders") or {}).items() if "\n" not in str(value)}
    # The library would read the body of the vendor by these.
    kept = {key: value for key, value in headers.items() if not key.lower().startswith(("content-", "transfer-"))}
    request = httpx.Request("POST", "https://endpoint.invalid")
    return make_status_error(
        status, text, code=code, kind=name, response=httpx.Response(status, headers=kept, request=request)
    )
