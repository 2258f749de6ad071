"""`ConverseServer`: a local HTTP server with Amazon Bedrock's Converse API, with the rules that the vendor enforces."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from ..types import Message
from ._http_server import Body, ScriptedServer
from ._prompt_cache import BreakpointCache
from ._scripted import Fault, Reply, ScriptedModel, ScriptFunction, ScriptItem, get_messages

_PATH = re.compile(r"/model/([^/]+)/converse(-stream)?")
_FIELDS = {
    *("messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields"),
    *("promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier"),
    *("outputConfig", "projectIdentifier"),
}
_BLOCKS = {
    *("text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint"),
    *("reasoningContent", "citationsContent", "searchResult"),
}
_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "content_filtered"}
_ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_DOCUMENT_NAME = re.compile(r"[a-zA-Z0-9()\[\]-]+( [a-zA-Z0-9()\[\]-]+)*")
_STRING = 7


class ConverseServer(ScriptedServer):
    """A server for the Converse API, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.

    >>> with ConverseServer("Paris.") as server:
    ...     server.config["api_type"]
    'bedrock'
    """

    api_type = "bedrock"
    path = ""
    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self, *script: ScriptedModel | ScriptItem | ScriptFunction, api_key: str | None = None) -> None:
        super().__init__(*script, api_key=api_key)
        self._numbers = itertools.count(1)
        self._cache = BreakpointCache()
        self.prompt_tokens: list[tuple[int, int]] = []
        """For each request its tokens, and those of them that were read from the prompt cache."""

    def get_key(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request; of a signed one the id of AWS's key."""
        signed = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/", headers.get("authorization", ""))
        return signed[1] if signed else super().get_key(headers)

    def is_stream(self, path: str, body: Body) -> bool:
        """Return True if a request wants its answer in events."""
        return path.endswith("/converse-stream")

    def list_messages(self, body: Body) -> list[Message]:
        """Return the messages, for functions in a script."""
        return get_messages(body)

    def render_error(self, fault: Fault) -> Mapping[str, object]:
        """Return the body of a failure."""
        name = fault.code or _ERRORS.get(fault.status) or "InternalServerException"
        return {"__type": name, "message": fault.message}

    # The rules of requests.

    def check_request(self, path: str, body: Body) -> Fault | None:
        """Return the refusal of a request that breaks a rule; None for a valid one."""
        problem = next(self._iter_problems(path, body), None)
        return Fault(400, problem) if problem else None

    def _iter_problems(self, path: str, body: Body) -> Iterator[str]:
        if not _PATH.fullmatch(unquote(path)):
            yield f"Not found: {path}"
        for name in sorted(body.keys() - _FIELDS):
            yield f"extraneous key [{name}] is not permitted"
        yield from _iter_tool_problems(body)
        points = json.dumps(body).count('"cachePoint"')
        if points > 4:
            yield f"A maximum of 4 blocks with cachePoint may be provided. Found {points}."
        messages = body.get("messages") or []
        if not messages or messages[0].get("role") != "user":
            yield "A conversation must start with a user message."
        if messages[-1].get("role") == "assistant":
            yield "This model does not support assistant message prefill. The conversation must end with a user message."
        for index, message in enumerate(messages):
            if message.get("role") not in ("user", "assistant"):
                yield f"messages.{index}.role: role {message.get('role')!r} is not supported on this model"
            if index and message["role"] == messages[index - 1]["role"]:
                yield "A conversation must alternate between user and assistant roles."
            if not message.get("content"):
                yield f"The content field in the Message object at messages.{index} is empty."
            for number, block in enumerate(message["content"]):
                yield from self._iter_block_problems(
                    f"messages.{index}.content.{number}", block, message["content"][:number]
                )
            yield from _iter_order_problems(index, messages, bool(body.get("toolConfig")))

    def _iter_block_problems(self, place: str, block: Body, before: Sequence[Body]) -> Iterator[str]:
        if len(block) != 1 or not block.keys() <= _BLOCKS:
            yield f"{place}: must have exactly one of the known keys, got {sorted(block)}"
        if not str(block.get("text", "x")).strip():
            yield f"The text field in the ContentBlock object at {place} is blank."
        if "document" in block and not _DOCUMENT_NAME.fullmatch(str(block["document"].get("name"))):
            yield f"{place}: the document file name can only contain letters, digits, single blanks, hyphens and brackets."
        thinking = (block.get("reasoningContent") or {}).get("reasoningText")
        if thinking and thinking.get("signature") != self._sign(thinking["text"]):
            yield f"{place}: Invalid `signature` in `thinking` block"
        if thinking and any("reasoningContent" not in earlier for earlier in before):
            yield f"{place}: the first block must be thinking or redacted_thinking. Found text."
        if "cachePoint" in block and before and "reasoningContent" in before[-1]:
            yield f"{place}: a cachePoint can't follow reasoningContent."

    # Answers.

    def _sign(self, thinking: str) -> str:
        account = str(self.api_key or "account").encode()
        return b64encode(hmac.new(account, thinking.encode(), hashlib.sha512).digest()).decode()

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer."""
        known = reply.finish_reason in ("model_context_window_exceeded", "guardrail_intervened", "malformed_tool_use")
        message = {"role": "assistant", "content": self._render_blocks(reply)}
        return {
            "output": {"message": message},
            "stopReason": reply.finish_reason if known else _REASONS[reply.reason],
            "usage": self._count(reply, body),
            "metrics": {"latencyMs": 1},
        }

    def _render_blocks(self, reply: Reply) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if reply.thinking:
            text = {"text": reply.thinking, "signature": self._sign(reply.thinking)}
            blocks.append({"reasoningContent": {"reasoningText": text}})
        blocks += [dict(item) for item in reply.items]
        if text := reply.message["content"]:
            blocks += _cut_text(text, reply.citations)
        for call in reply.tool_calls:
            use = {"toolUseId": call["id"], "name": call["function"]["name"]}
            blocks.append({"toolUse": {**use, "input": json.loads(call["function"]["arguments"])}})
        return blocks

    def _count(self, reply: Reply, body: Body) -> dict[str, Any]:
        blocks: list[bytes] = []
        ends: list[int] = []
        parts = [*(body.get("toolConfig") or {}).get("tools", ()), *(body.get("system") or ())]
        for block in [*parts, *(block for message in body["messages"] for block in message["content"])]:
            if "cachePoint" in block:
                ends.append(len(blocks) - 1)
            else:
                blocks.append(json.dumps(block, ensure_ascii=False).encode())
        prompt, cached, written = self._cache.count(blocks, ends)
        self.prompt_tokens.append((prompt, cached))
        output = len((reply.message["content"] or "").split()) + len(reply.thinking.split())
        if reply.usage is not None:
            names = {"inputTokens": "prompt_tokens", "outputTokens": "completion_tokens", "totalTokens": "total_tokens"}
            return {name: reply.usage.get(key, 0) for name, key in names.items()} if reply.usage else {}
        return {
            "inputTokens": prompt - cached - written,
            "outputTokens": output,
            "totalTokens": prompt + output,
            "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": written,
        }

    def make_headers(self) -> Mapping[str, str]:
        """Return the header with the id of the answer."""
        return {"x-amzn-RequestId": f"request-{next(self._numbers)}"}

    def iter_events(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """Yield the events of a streamed answer, framed."""
        answer: Any = self.render_reply(reply, body)
        yield self.frame_event({"messageStart": {"role": "assistant"}})
        for index, block in enumerate(answer["output"]["message"]["content"]):
            if "toolUse" in block:
                use = {key: value for key, value in block["toolUse"].items() if key != "input"}
                yield self.frame_event({"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": use}}})
            for delta in _iter_deltas(block, reply):
                yield self.frame_event({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}})
            yield self.frame_event({"contentBlockStop": {"contentBlockIndex": index}})
        yield self.frame_event({"messageStop": {"stopReason": answer["stopReason"]}})
        yield self.frame_event({"metadata": {"usage": answer["usage"], "metrics": answer["metrics"]}})

    def frame_event(self, event: object) -> bytes:
        """Return an event as a frame. Its only key is the kind: an exception's ends with `Exception`."""
        kind, payload = next(iter(event.items())) if isinstance(event, Mapping) else ("", event)
        is_error = str(kind).endswith("Exception")
        headers = {
            ":exception-type" if is_error else ":event-type": str(kind),
            ":content-type": "application/json",
            ":message-type": "exception" if is_error else "event",
        }
        return _make_frame(headers, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def _make_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a frame of the event stream: lengths, headers and payload, with two checksums."""
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    frame = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return frame + struct.pack(">I", crc32(frame))


def _iter_deltas(block: Body, reply: Reply) -> Iterator[dict[str, Any]]:
    if "toolUse" in block:
        arguments = json.dumps(block["toolUse"]["input"]) if block["toolUse"]["input"] else ""
        for position in range(0, len(arguments), 7):
            yield {"toolUse": {"input": arguments[position : position + 7]}}
    elif thinking := (block.get("reasoningContent") or {}).get("reasoningText"):
        yield {"reasoningContent": {"text": thinking["text"]}}
        yield {"reasoningContent": {"signature": thinking["signature"]}}
    elif "reasoningContent" in block:
        yield {"reasoningContent": block["reasoningContent"]}
    elif cited := block.get("citationsContent"):
        yield {"text": cited["content"][0]["text"]}
        for citation in cited["citations"]:
            yield {"citation": citation}
    elif "text" in block:
        is_whole = block["text"] == reply.message["content"]
        for piece in reply.pieces if is_whole else [block["text"]]:
            yield {"text": piece}


def _cut_text(text: str, citations: Sequence[Body]) -> list[dict[str, Any]]:
    """Return the blocks of a text: one for each part with a source, and for each between them."""
    blocks: list[dict[str, Any]] = []
    position = 0
    for citation in citations:
        start, end = citation["start"], citation["end"]
        if position < start:
            blocks.append({"text": text[position:start]})
        source = {"title": citation.get("title") or "", "sourceContent": [{"text": citation.get("text") or ""}]}
        located = {**source, "location": {"web": {"url": citation.get("url") or ""}}}
        blocks.append({"citationsContent": {"content": [{"text": text[start:end]}], "citations": [located]}})
        position = end
    return [*blocks, {"text": text[position:]}] if position < len(text) else blocks


def _iter_tool_problems(body: Body) -> Iterator[str]:
    config = body.get("toolConfig")
    if config is None:
        return
    for index, tool in enumerate(config.get("tools") or ()):
        name = (tool.get("toolSpec") or {}).get("name")
        if name is not None and not _TOOL_NAME.fullmatch(name):
            yield f"Value '{name}' at 'toolConfig.tools.{index}.member.toolSpec.name' failed to satisfy constraint"
    choice = config.get("toolChoice")
    if choice is not None and (len(choice) != 1 or not choice.keys() <= {"auto", "any", "tool"}):
        yield f"toolConfig.toolChoice: must be one of auto, any and tool, got {sorted(choice)}"


def _iter_order_problems(index: int, messages: Sequence[Body], has_tools: bool) -> Iterator[str]:
    """Require the results of all calls, and no others, right after them and before text; and a text beside documents."""
    blocks = messages[index]["content"]
    uses = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    if (uses or results) and not has_tools:
        yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    following = messages[index + 1]["content"] if index + 1 < len(messages) else []
    answered = [block["toolResult"]["toolUseId"] for block in following if "toolResult" in block]
    if missing := [use for use in uses if use not in answered]:
        yield f"Expected toolResult blocks at messages.{index + 1}.content for the following Ids: {', '.join(missing)}"
    for use in uses:
        if not _USE_ID.fullmatch(use):
            yield f"Value '{use}' at 'messages.{index}.member.content.member.toolUse.toolUseId' failed to satisfy constraint"
    before = messages[index - 1]["content"] if index else []
    if len(results) > sum("toolUse" in block for block in before):
        text = "exceeds the number of toolUse blocks of previous turn"
        yield f"The number of toolResult blocks at messages.{index}.content {text}."
    for result in results:
        if not result.get("content"):
            yield f"The content field at messages.{index}.content.0.toolResult cannot be empty."
    kinds = [next(iter(block)) for block in blocks]
    if results and "text" in kinds and kinds.index("text") < len(kinds) - 1 - kinds[::-1].index("toolResult"):
        yield f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {results[0]}."
    if "document" in kinds and "text" not in kinds:
        yield "A text block must be included when using documents."
