"""`OpenAIServer`: a local HTTP server with OpenAI's chat completions, for tests that run the real SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..types import Message
from ._http_server import ScriptedServer
from ._scripted import Reply, get_messages


class OpenAIServer(ScriptedServer):
    """A server for chat completions, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.

    >>> with OpenAIServer("Paris.") as server:
    ...     server.config["base_url"]  # doctest: +ELLIPSIS
    'http://127.0.0.1:.../v1'
    """

    def render_reply(self, reply: Reply, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Return the body of an answer."""
        return _make_completion(self.model.name, reply, body)

    def iter_events(self, reply: Reply, body: Mapping[str, Any]) -> Iterator[str]:
        """Yield the events of a streamed answer."""
        return _iterate_events(self.model.name, reply, body)


def _make_completion(model: str, reply: Reply, body: Mapping[str, object]) -> dict[str, object]:
    choice = {"index": 0, "message": _render_message(reply), "finish_reason": reply.reason, "logprobs": None}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": int(time.time()), "model": model}
    usage = reply.usage_for(get_messages(body))
    return {**head, "choices": [choice], **({"usage": usage} if usage else {})}


def _render_message(reply: Reply) -> Message:
    return {**reply.message, "reasoning_content": reply.thinking} if reply.thinking else reply.message


def _iterate_events(model: str, reply: Reply, body: Mapping[str, object]) -> Iterator[str]:
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}

    def format_event(delta: Mapping[str, object], reason: str | None = None) -> str:
        return f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': reason}]})}"

    yield format_event({"role": "assistant", "content": ""})
    if reply.thinking:
        yield format_event({"reasoning_content": reply.thinking})
    if reply.content is not None or reply.chunks is not None:
        for piece in reply.pieces:
            yield format_event({"content": piece})
    for index, call in enumerate(reply.tool_calls):
        function = call["function"]
        start = {"name": function["name"], "arguments": ""}
        yield format_event({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": start}]})
        # Endpoints split arguments anywhere, also inside of words and escapes.
        for position in range(0, len(function["arguments"]), 7):
            part = {"arguments": function["arguments"][position : position + 7]}
            yield format_event({"tool_calls": [{"index": index, "function": part}]})
    yield format_event({}, reply.reason)
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': reply.usage_for(get_messages(body))})}"
    yield "data: [DONE]"
