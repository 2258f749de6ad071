"""`AnthropicServer`: a local HTTP server with Anthropic's Messages API, with the rules that the vendor enforces."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Message
from ._http_server import Body, ScriptedServer
from ._prompt_cache import BreakpointCache
from ._scripted import Fault, Reply, ScriptedModel, ScriptFunction, ScriptItem, get_messages

_PARAMS = {
    *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "stream"),
    *("stop_sequences", "metadata", "service_tier", "cache_control", "container", "mcp_servers", "speed"),
    "diagnostics",
}
_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_ID = re.compile(r"[a-zA-Z0-9_-]+")


class AnthropicServer(ScriptedServer):
    """A server for the Messages API, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.
        binds: True for a model whose thinking is bound to all that stood before it.
        mid_system: True for a model that heeds system messages in the middle of a history; others refuse them.

    >>> with AnthropicServer("Paris.") as server:
    ...     server.config["api_type"]
    'anthropic'
    """

    api_type = "anthropic"
    path = ""

    def __init__(
        self,
        *script: ScriptedModel | ScriptItem | ScriptFunction,
        api_key: str | None = None,
        binds: bool = False,
        mid_system: bool = False,
    ) -> None:
        super().__init__(*script, api_key=api_key)
        self._binds = binds
        self._roles = ("user", "assistant", "system") if mid_system else ("user", "assistant")
        self._numbers = itertools.count(1)
        self._cache = BreakpointCache()
        self.prompt_tokens: list[tuple[int, int]] = []
        """For each request its tokens, and those of them that were read from the prompt cache."""

    def get_key(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request."""
        return headers.get("x-api-key") or super().get_key(headers)

    def list_messages(self, body: Body) -> list[Message]:
        """Return the messages, for functions in a script."""
        return get_messages(body)

    def render_error(self, fault: Fault) -> Mapping[str, object]:
        """Return the body of a failure."""
        kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
        kind = fault.code or kinds.get(fault.status) or ("api_error" if fault.status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": fault.message}, "request_id": "req_scripted"}

    # The rules of requests.

    def check_request(self, path: str, body: Body) -> Fault | None:
        """Return the refusal of a request that breaks a rule; None for a valid one."""
        problem = next(self._iter_problems(path, body), None)
        return Fault(400, problem) if problem else None

    def _iter_problems(self, path: str, body: Body) -> Iterator[str]:
        if not path.endswith("/v1/messages"):
            yield f"Not found: {path}"
        for name in ("model", "max_tokens", "messages"):
            if name not in body:
                yield f"{name}: Field required"
        for name in sorted(body.keys() - _PARAMS):
            yield f"{name}: Extra inputs are not permitted"
        for index, tool in enumerate(body.get("tools") or ()):
            if "input_schema" in tool and not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
                yield f"tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if json.dumps(body).count('"cache_control"') > 4:
            yield "A maximum of 4 blocks with cache_control may be provided."
        messages = body["messages"]
        if not messages or messages[0]["role"] != "user":
            yield "messages: first message must use the user role"
        if messages[-1]["role"] != "user" and not _ends_paused(messages[-1]):
            yield "This model does not support assistant message prefill. The conversation must end with a user message."
        for index, message in enumerate(messages):
            following = messages[index + 1] if index + 1 < len(messages) else {}
            yield from self._iter_message_problems(index, message, following, body)
        yield from _check_results(messages)

    def _iter_message_problems(self, index: int, message: Body, following: Body, body: Body) -> Iterator[str]:
        if message["role"] not in self._roles:
            yield f"messages.{index}.role: role '{message['role']}' is not supported on this model"
        blocks = _list_blocks(message)
        if not blocks:
            yield f"messages.{index}: all messages must have non-empty content"
        for number, block in enumerate(blocks):
            kind = block.get("type")
            if kind == "text" and not block["text"].strip():
                yield "messages: text content blocks must be non-empty"
            if kind in ("tool_use", "tool_result") and not body.get("tools"):
                yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
            prefix = self._hash_prefix(body, index)
            drops = "block_binding" in (body.get("thinking") or {})
            if kind == "thinking" and not drops and block.get("signature") != self._sign(block["thinking"], prefix):
                yield f"messages.{index}.content.{number}: Invalid `signature` in `thinking` block"
            if kind == "thinking" and any(earlier.get("type") != "thinking" for earlier in blocks[:number]):
                yield f"messages.{index}: the first block must be thinking or redacted_thinking. Found text."
        uses = [block["id"] for block in blocks if block.get("type") == "tool_use"]
        results = [block.get("tool_use_id") for block in _list_blocks(following) if block.get("type") == "tool_result"]
        if missing := [use for use in uses if use not in results]:
            text = "`tool_use` ids were found without `tool_result` blocks immediately after"
            yield f"messages.{index}: {text}: {', '.join(missing)}."
        for use in uses:
            if not _ID.fullmatch(use):
                yield f"messages.{index}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"

    # Answers.

    def _hash_prefix(self, body: Body, end: int) -> str:
        """Return what thinking is bound to: nothing, or all that stands before a message."""
        if not self._binds:
            return ""
        before = [body.get("system"), body.get("tools"), body["messages"][:end]]
        return hashlib.sha256(json.dumps(_drop_controls(before), sort_keys=True).encode()).hexdigest()

    def _has_foreign_thinking(self, body: Body) -> bool:
        return any(
            block.get("type") == "thinking" and block.get("signature") != self._sign(block["thinking"], prefix)
            for index, message in enumerate(body["messages"])
            for prefix in (self._hash_prefix(body, index),)
            for block in _list_blocks(message)
        )

    def _sign(self, thinking: str, prefix: str = "") -> str:
        account = str(self.api_key or "account").encode()
        thinking = prefix + thinking
        return b64encode(hmac.new(account, thinking.encode(), hashlib.sha512).digest()).decode()

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer."""
        stop = reply.finish_reason if reply.finish_reason in ("pause_turn", "end_turn") else _REASONS[reply.reason]
        return {
            "id": f"msg_{next(self._numbers)}",
            "type": "message",
            "role": "assistant",
            "model": self.model.name,
            "content": self._render_blocks(reply, self._hash_prefix(body, len(body["messages"]))),
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": self._count(reply, body),
            **({"input_transformations": [{"type": "block_dropped"}]} if self._has_foreign_thinking(body) else {}),
        }

    def _render_blocks(self, reply: Reply, prefix: str) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if reply.thinking:
            blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": self._sign(reply.thinking, prefix)})
        blocks += [dict(item) for item in reply.items]
        if text := reply.message["content"]:
            blocks += _cut_text(text, reply.citations)
        for call in reply.tool_calls:
            arguments = json.loads(call["function"]["arguments"])
            blocks.append({"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": arguments})
        return blocks

    def _count(self, reply: Reply, body: Body) -> dict[str, Any]:
        blocks = [*(body.get("tools") or ()), *(body.get("system") or ())]
        blocks += [block for message in body["messages"] for block in _list_blocks(message)]
        ends = [index for index, block in enumerate(blocks) if "cache_control" in block]
        if "cache_control" in body and len(blocks) - 1 not in ends:
            ends.append(len(blocks) - 1)
        prompt, cached, written = self._cache.count([_dump_block(block) for block in blocks], ends)
        self.prompt_tokens.append((prompt, cached))
        output = len((reply.message["content"] or "").split()) + len(reply.thinking.split())
        usage = {
            "input_tokens": prompt - cached - written,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "output_tokens": output,
        }
        if reply.usage is None:
            return usage
        known = {name: reply.usage[name] for name in usage if name in reply.usage}
        return {**dict.fromkeys(usage, 0), **known} if reply.usage else {}

    def iter_events(self, reply: Reply, body: Body) -> Iterator[str]:
        """Yield the events of a streamed answer."""
        message: dict[str, Any] = dict(self.render_reply(reply, body))
        blocks: list[dict[str, Any]] = message["content"]
        stop = message["stop_reason"]
        yield _format_event("message_start", message={**message, "content": [], "stop_reason": None})
        yield _format_event("ping")
        for index, block in enumerate(blocks):
            emptied: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
            opened = {key: emptied.get(key, value) for key, value in block.items() if key != "citations"}
            is_whole = block["type"] not in ("text", "thinking", "tool_use")
            yield _format_event("content_block_start", index=index, content_block=block if is_whole else opened)
            for delta in () if is_whole else _iter_deltas(block, reply):
                yield _format_event("content_block_delta", index=index, delta=delta)
            yield _format_event("content_block_stop", index=index)
        yield _format_event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=message["usage"])
        yield _format_event("message_stop")


def _format_event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}"


def _iter_deltas(block: Body, reply: Reply) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": block["thinking"]}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "tool_use":
        arguments = json.dumps(block["input"]) if block["input"] else ""
        for position in range(0, len(arguments), 7):
            yield {"type": "input_json_delta", "partial_json": arguments[position : position + 7]}
    else:
        for citation in block.get("citations") or ():
            yield {"type": "citations_delta", "citation": citation}
        is_whole = block["text"] == reply.message["content"]
        for piece in reply.pieces if is_whole else [block["text"]]:
            yield {"type": "text_delta", "text": piece}


def _cut_text(text: str, citations: Sequence[Body]) -> list[dict[str, Any]]:
    """Return the blocks of a text: one for each part with a source, and for each between them."""
    blocks: list[dict[str, Any]] = []
    position = 0
    for citation in citations:
        start, end = citation["start"], citation["end"]
        if position < start:
            blocks.append({"type": "text", "text": text[position:start]})
        source = {"url": citation.get("url", ""), "title": citation.get("title"), "cited_text": citation.get("text", "")}
        located = {"type": "web_search_result_location", "encrypted_index": "x", **source}
        blocks.append({"type": "text", "text": text[start:end], "citations": [located]})
        position = end
    return [*blocks, {"type": "text", "text": text[position:]}] if position < len(text) else blocks


def _list_blocks(message: Body) -> list[Body]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _ends_paused(message: Body) -> bool:
    return any("server_tool_use" in str(block.get("type")) for block in _list_blocks(message))


def _check_results(messages: Sequence[Body]) -> Iterator[str]:
    """Require a call before each result, and results in front of text."""
    for index, message in enumerate(messages):
        blocks = _list_blocks(message)
        before = {block.get("id") for block in _list_blocks(messages[index - 1]) if index} if index else set()
        has_text = False
        for block in blocks:
            has_text = has_text or (message["role"] == "user" and block.get("type") == "text")
            if block.get("type") != "tool_result":
                continue
            if block["tool_use_id"] not in before:
                yield f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}."
            if has_text:
                text = "`tool_use` ids were found without `tool_result` blocks immediately after"
                yield f"messages.{index}: {text}: {block['tool_use_id']}."


def _drop_controls(value: Any) -> Any:
    """Return JSON without the breakpoints of the cache, which bind nothing."""
    if isinstance(value, list):
        return [_drop_controls(item) for item in value]
    if isinstance(value, dict):
        return {key: _drop_controls(item) for key, item in value.items() if key != "cache_control"}
    return value


def _dump_block(block: Body) -> bytes:
    return json.dumps({key: value for key, value in block.items() if key != "cache_control"}, ensure_ascii=False).encode()
