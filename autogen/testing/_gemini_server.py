"""`GeminiServer`: a local HTTP server with Google's Gemini API, with the rules that the vendor enforces."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Message
from ._http_server import Body, ScriptedServer
from ._prompt_cache import PromptCache
from ._scripted import Fault, Reply, ScriptedModel, ScriptFunction, ScriptItem

_FIELDS = {
    *("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"),
    *("labels", "serviceTier", "continuationToken"),
}
_REASONS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_FIXED = ("systemInstruction", "tools", "toolConfig")
# Tokens of the smallest explicit cache.
_LEAST = 1024
_STAND_IN = "skip_thought_signature_validator"


class GeminiServer(ScriptedServer):
    """A server for the Gemini API, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.

    >>> with GeminiServer("Paris.") as server:
    ...     server.config["api_type"]
    'google'
    """

    api_type = "google"
    path = ""

    def __init__(self, *script: ScriptedModel | ScriptItem | ScriptFunction, api_key: str | None = None) -> None:
        super().__init__(*script, api_key=api_key)
        self._numbers = itertools.count(1)
        self._cache = PromptCache(least=1024, step=1)
        self.prompt_tokens: list[tuple[int, int]] = []
        """For each request its tokens, and those of them that were read from the prompt cache."""
        self.caches: dict[str, Body] = {}
        """The explicit caches by name; tests remove those that are to expire."""

    def get_key(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request."""
        return headers.get("x-goog-api-key", "")

    def is_stream(self, path: str, body: Body) -> bool:
        """Return True if a request wants its answer in chunks."""
        return ":streamGenerateContent" in path

    def list_messages(self, body: Body) -> list[Message]:
        """Return the contents, for functions in a script."""
        return list(body.get("contents") or ())

    def render_error(self, fault: Fault) -> Mapping[str, object]:
        """Return the body of a failure."""
        statuses = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
        details = []
        if "retry-after" in {name.lower() for name in fault.headers}:
            delay = next(value for name, value in fault.headers.items() if name.lower() == "retry-after")
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"})
        error = {"code": fault.status, "message": fault.message, "status": statuses.get(fault.status, "INTERNAL")}
        return {"error": {**error, "details": details}}

    # Explicit caches.

    def answer_beside_model(self, path: str, body: Body) -> Mapping[str, object] | Fault | None:
        """Return a new cache; None for requests that the model answers."""
        if not path.partition("?")[0].endswith("/cachedContents"):
            return None
        fixed = {key: body[key] for key in _FIXED if key in body}
        size = len(json.dumps(fixed)) // 4
        if size < _LEAST:
            text = f"Cached content is too small. total_token_count={size}, min_total_token_count={_LEAST}"
            return Fault(400, text)
        name = f"cachedContents/{next(self._numbers)}"
        self.caches[name] = fixed
        return {"name": name, "model": body.get("model"), "usageMetadata": {"totalTokenCount": size}}

    def _restore(self, body: Body) -> Body:
        """Return a request with the content of its cache."""
        return {**body, **self.caches.get(str(body.get("cachedContent")), {})}

    # The rules of requests.

    def check_request(self, path: str, body: Body) -> Fault | None:
        """Return the refusal of a request that breaks a rule; None for a valid one."""
        if path.partition("?")[0].endswith("/cachedContents"):
            return None
        if (name := body.get("cachedContent")) is not None and name not in self.caches:
            return Fault(403, "CachedContent not found (or permission denied)")
        problem = next(self._iter_problems(path, body), None)
        return Fault(400, problem) if problem else None

    def _iter_problems(self, path: str, body: Body) -> Iterator[str]:
        if not re.search(r"/models/[^/]+:(streamG|g)enerateContent", path):
            yield f"Not found: {path}"
        for name in sorted(body.keys() - _FIELDS):
            yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        if "cachedContent" in body and any(key in body for key in _FIXED):
            text = "CachedContent can not be used with GenerateContent request setting"
            yield f"{text} system_instruction, tools or tool_config."
        for tool in body.get("tools") or ():
            for declaration in tool.get("functionDeclarations") or ():
                if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", declaration["name"]):
                    yield f"Invalid function name: {declaration['name']}."
        contents = body.get("contents") or []
        if not contents or contents[0].get("role") != "user" or contents[-1].get("role") != "user":
            yield "Please ensure that single turn requests end with a user role."
        for index, content in enumerate(contents):
            if content.get("role") not in ("user", "model"):
                yield "Please use a valid role: user, model."
            if not content.get("parts"):
                yield "* GenerateContentRequest.contents: contents.parts must not be empty."
            yield from self._iter_content_problems(index, contents)
        yield from self._iter_missing_signatures(contents)

    def _iter_content_problems(self, index: int, contents: Sequence[Body]) -> Iterator[str]:
        parts = contents[index]["parts"]
        calls = [part for part in parts if "functionCall" in part]
        responses = [part for part in parts if "functionResponse" in part]
        following = contents[index + 1]["parts"] if index + 1 < len(contents) else []
        if calls and len(calls) != sum("functionResponse" in part for part in following):
            text = "the number of function response parts is equal to the number of function call parts"
            yield f"Please ensure that {text} of the function call turn."
        if responses and not any("functionCall" in part for part in (contents[index - 1]["parts"] if index else [])):
            yield "Please ensure that function response turn comes immediately after a function call turn."
        for part in responses:
            if not isinstance(part["functionResponse"].get("response"), dict):
                yield "functionResponse.response must be an object."
        for part in parts:
            signature = part.get("thoughtSignature")
            if signature is not None and signature not in (_STAND_IN, self._sign(part)):
                yield "Thought signature is not valid."

    def _iter_missing_signatures(self, contents: Sequence[Body]) -> Iterator[str]:
        """Require a signature on the first call of each step since the last plain text of the user."""
        plain = [
            index
            for index, content in enumerate(contents)
            if content["role"] == "user" and not any("functionResponse" in part for part in content["parts"])
        ]
        for content in contents[max(plain, default=0) :]:
            calls = [part for part in content["parts"] if "functionCall" in part]
            if calls and "thoughtSignature" not in calls[0]:
                yield "Function call is missing a thought_signature in functionCall parts."

    # Answers.

    def _sign(self, part: Body) -> str:
        account = str(self.api_key or "account").encode()
        signed = {key: value for key, value in part.items() if key != "thoughtSignature"}
        text = json.dumps(signed, sort_keys=True, ensure_ascii=False)
        # The SDK reads and writes the alphabet of addresses.
        return urlsafe_b64encode(hmac.new(account, text.encode(), hashlib.sha256).digest()).decode()

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer."""
        candidate = {
            "content": {"role": "model", "parts": self._render_parts(reply)},
            "finishReason": _REASONS.get(reply.reason, reply.reason),
            "index": 0,
        }
        if reply.citations:
            candidate["groundingMetadata"] = _render_grounding(reply)
        head = {"modelVersion": self.model.name, "responseId": f"resp{next(self._numbers)}"}
        return {"candidates": [candidate], **head, **self._count(reply, body)}

    def _render_parts(self, reply: Reply) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        if reply.thinking:
            parts.append({"text": reply.thinking, "thought": True})
        parts += [dict(item) for item in reply.items]
        if text := reply.message["content"]:
            parts.append({"text": text})
        for index, call in enumerate(reply.tool_calls):
            function = call["function"]
            arguments = json.loads(function["arguments"])
            part: dict[str, Any] = {"functionCall": {"id": call["id"], "name": function["name"], "args": arguments}}
            parts.append({**part, "thoughtSignature": self._sign(part)} if not index else part)
        return parts

    def _count(self, reply: Reply, body: Body) -> dict[str, Any]:
        whole = self._restore(body)
        prompt, cached = self._cache.count([whole.get("tools"), whole.get("systemInstruction"), *body["contents"]])
        if "cachedContent" in body:
            cached = max(cached, len(json.dumps({key: whole[key] for key in _FIXED if key in whole})) // 4)
        self.prompt_tokens.append((prompt, cached))
        if reply.usage is not None:
            if not reply.usage:
                return {}
            prompt, output = reply.usage.get("prompt_tokens", 0), reply.usage.get("completion_tokens", 0)
            return {"usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": output}}
        counts = {
            "promptTokenCount": prompt,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": len((reply.message["content"] or "").split()),
            "thoughtsTokenCount": len(reply.thinking.split()),
        }
        return {"usageMetadata": counts}

    def iter_events(self, reply: Reply, body: Body) -> Iterator[str]:
        """Yield the chunks of a streamed answer."""
        answer: dict[str, Any] = dict(self.render_reply(reply, body))
        [candidate] = answer.pop("candidates")
        usage = answer.pop("usageMetadata", None)
        text = reply.message["content"]
        for part in candidate["content"]["parts"]:
            is_text = bool(text) and part.get("text") == text and not part.get("thought")
            for piece in [{"text": piece} for piece in reply.pieces] if is_text else [part]:
                yield _format_chunk({**answer, "candidates": [{"content": {"role": "model", "parts": [piece]}, "index": 0}]})
        last = {key: value for key, value in candidate.items() if key != "content"}
        yield _format_chunk({**answer, "candidates": [last], **({"usageMetadata": usage} if usage else {})})


def _format_chunk(chunk: Body) -> str:
    return f"data: {json.dumps(chunk)}"


def _render_grounding(reply: Reply) -> dict[str, Any]:
    """Return the sources of a text, whose offsets are those of UTF-8 bytes."""
    text = reply.message["content"] or ""
    chunks = [{"web": {"uri": citation.get("url", ""), "title": citation.get("title", "")}} for citation in reply.citations]
    supports = []
    for index, citation in enumerate(reply.citations):
        start, end = (len(text[: citation[key]].encode()) for key in ("start", "end"))
        segment = {"startIndex": start, "endIndex": end, "text": text[citation["start"] : citation["end"]]}
        supports.append({"segment": segment, "groundingChunkIndices": [index]})
    return {"groundingChunks": chunks, "groundingSupports": supports}
