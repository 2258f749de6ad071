"""`OpenAIServer`: a local HTTP server with OpenAI's chat completions and embeddings, for tests that run the real SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..types import Message
from ._embeddings import embed_words
from ._http_server import Body, ScriptedServer
from ._scripted import Fault, Reply, ScriptedModel, ScriptFunction, ScriptItem, get_messages


class OpenAIServer(ScriptedServer):
    """A server for chat completions, streamed or not, from a scripted model, and for embeddings.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.
        embed: A function that returns the vectors of a list of texts, or a `Fault`.
        pages: Answers to requests for other paths, such as `/props`. Without one, a GET is answered by the list of models.

    >>> with OpenAIServer("Paris.") as server:
    ...     server.config["base_url"]  # doctest: +ELLIPSIS
    'http://127.0.0.1:.../v1'
    """

    def __init__(
        self,
        *script: ScriptedModel | ScriptItem | ScriptFunction,
        api_key: str | None = None,
        embed: Callable[[list[str]], Sequence[Sequence[float]] | Fault] = embed_words,
        pages: Mapping[str, Mapping[str, object] | Fault] | None = None,
    ) -> None:
        super().__init__(*script, api_key=api_key)
        self.embed = embed
        self.pages = pages or {}
        self.asked_pages: list[str] = []
        """The path of each request for another path than those of OpenAI."""
        self.embedding_requests: list[dict[str, Any]] = []
        """The body of each request for embeddings."""

    def answer_beside_model(self, path: str, body: Body) -> Mapping[str, object] | Fault | None:
        """Return the answer to a request for embeddings, or for a page; None for other requests."""
        if path in self.pages or path.startswith("/api/"):
            self.asked_pages.append(path)
            return self.pages.get(path, Fault(404, "page not found"))
        if not path.endswith("/embeddings"):
            return None
        self.embedding_requests.append(dict(body))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = self.embed(texts)
        if isinstance(vectors, Fault):
            return vectors
        data = [{"object": "embedding", "index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": body["model"], "data": data, "usage": usage}

    def answer_resource(self, method: str, path: str) -> Mapping[str, object] | Fault | Sequence[str]:
        """Return the answer to a GET or a DELETE: a page, or the list of models."""
        if path not in self.pages:
            return super().answer_resource(method, path)
        self.asked_pages.append(path)
        return self.pages[path]

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer."""
        return _make_completion(self.model.name, reply, body)

    def iter_events(self, reply: Reply, body: Body) -> Iterator[str]:
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
