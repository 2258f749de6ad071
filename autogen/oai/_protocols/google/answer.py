"""Reading of answers of the Gemini API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from ....types import JSON, Message
from ..._responses.normalize import make_unreadable
from ..._responses.text import copy_json
from ..errors import make_status_error, read_error
from ..protocol import Answer, Fields

_HOSTED = {"executableCode": "code_execution", "toolCall": "tool"}
_CHARGED_ONCE = re.compile(r"gemini-[12]\D")
_FILTERS = ("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION")


def make_error(value: Fields) -> Exception:
    """Return the error that an answer reports in place of candidates."""
    error = value.get("error")
    status = error.get("code") if isinstance(error, Mapping) else None
    _, _, message = read_error(value)
    return make_status_error(status if isinstance(status, int) and status >= 400 else 500, message)


def read_answer(data: object) -> Answer:
    """Return an answer from its JSON.

    Raises:
        UnreadableAnswer: if it isn't one, or is empty.
        openai.APIError: if it reports an error.
    """
    body = copy_json(data)
    if not isinstance(body, dict):
        raise make_unreadable("is not an answer of the Gemini API", data)
    if body.get("error"):
        raise make_error(body)
    candidates = body.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates else None
    if not isinstance(candidate, dict):
        feedback = body.get("promptFeedback")
        reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
        problem = f"has no candidates: the prompt was blocked ({reason})" if reason else "has no candidates"
        raise make_unreadable(problem, data)
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    # Parts that the SDK doesn't know arrive empty.
    items = [part for part in parts if isinstance(part, dict) and part] if isinstance(parts, list) else []
    stop = str(candidate.get("finishReason") or "")
    message = _read_message(items, candidate)
    if not items and stop in ("STOP", ""):
        raise make_unreadable("is empty", data)
    reason = "content_filter" if stop in _FILTERS else stop.lower()
    return Answer(
        message=message,
        finish_reason="tool_calls" if message.get("tool_calls") and stop == "STOP" else reason or "stop",
        items=[*items],
        response_id=str(body.get("responseId") or ""),
        model=str(body.get("modelVersion") or ""),
        usage=_read_usage(body.get("usageMetadata"), _count_searches(candidate, str(body.get("modelVersion") or ""))),
        stop=stop,
        record={"continuation": token} if stop == "CONTINUATION" and (token := body.get("continuationToken")) else {},
    )


def _read_message(parts: Sequence[Fields], candidate: Fields) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JSON] = []
    hosted: list[JSON] = []
    files: list[JSON] = []
    for index, part in enumerate(parts):
        text = part.get("text")
        if isinstance(text, str):
            (thoughts if part.get("thought") else texts).append(text)
        if isinstance(call := part.get("functionCall"), dict):
            arguments = json.dumps(call.get("args") or {}, ensure_ascii=False)
            function: JSON = {"name": call.get("name"), "arguments": arguments}
            calls.append({"id": call.get("id"), "type": "function", "function": function})
        for key, tool in _HOSTED.items():
            if isinstance(value := part.get(key), dict):
                hosted.append({"tool": tool, "status": "called", "input": value.get("code") or value})
        if isinstance(result := part.get("codeExecutionResult"), dict) and hosted and isinstance(hosted[-1], dict):
            hosted[-1] |= {"status": str(result.get("outcome")), "output": result.get("output")}
        if isinstance(data := part.get("inlineData"), dict):
            mime = str(data.get("mimeType") or "")
            name = f"file{index}.{mime.rpartition('/')[2] or 'bin'}"
            files.append({"name": name, "mime": mime, "data": data.get("data"), "origin": "google"})
    content = "".join(texts)
    message: Message = {"role": "assistant", "content": content if texts or not calls else None}
    fields = {
        "reasoning": "\n\n".join(filter(None, thoughts)),
        "tool_calls": calls,
        "citations": [*_read_citations(candidate.get("groundingMetadata"), content)],
        "hosted": hosted,
        "files": files,
    }
    return {**message, **{key: value for key, value in fields.items() if value}}


def _read_citations(metadata: object, text: str) -> Iterator[JSON]:
    """Yield the sources of a text. The vendor counts UTF-8 bytes, everybody else characters."""
    if not isinstance(metadata, dict):
        return
    chunks, supports = metadata.get("groundingChunks"), metadata.get("groundingSupports")
    encoded = text.encode()
    for support in supports if isinstance(supports, list) else ():
        segment = support.get("segment") if isinstance(support, dict) else None
        if not isinstance(segment, dict):
            continue
        start, end = (_count_characters(encoded, segment.get(key)) for key in ("startIndex", "endIndex"))
        for index in support.get("groundingChunkIndices") or ():
            fields: dict[str, JSON] = {"start": start or 0, "end": end}
            if isinstance(web := _get_web(chunks, index), dict):
                fields |= {key: web[name] for key, name in (("url", "uri"), ("title", "title")) if web.get(name)}
            yield fields


def _get_web(chunks: object, index: object) -> object:
    if not isinstance(chunks, list) or not isinstance(index, int) or index >= len(chunks):
        return None
    chunk = chunks[index]
    return chunk.get("web") if isinstance(chunk, dict) else None


def _count_characters(encoded: bytes, offset: object) -> int | None:
    return len(encoded[:offset].decode(errors="ignore")) if isinstance(offset, int) else None


def _count_searches(candidate: Fields, model: str) -> int:
    """Return the number of web searches that the vendor charges: one for a request, from Gemini 3 on one for a query."""
    metadata = candidate.get("groundingMetadata")
    queries = metadata.get("webSearchQueries") if isinstance(metadata, dict) else None
    count = len(queries) if isinstance(queries, list) else 0
    return min(count, 1) if _CHARGED_ONCE.match(model) else count


def _read_usage(value: object, searches: int) -> dict[str, JSON] | None:
    if not isinstance(value, dict):
        return None

    def read(name: str) -> int:
        count = value.get(name)
        return count if isinstance(count, int) else 0

    prompt = read("promptTokenCount") + read("toolUsePromptTokenCount")
    reasoning = read("thoughtsTokenCount")
    completion = read("candidatesTokenCount") + reasoning
    if not prompt and not completion:
        return None
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read("cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        **({"hosted": {"web_searches": searches}} if searches else {}),
    }
