"""Reading of answers of the Converse API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from ....types import JSON, Message
from ..._responses.normalize import make_unreadable
from ..._responses.text import copy_json
from ..errors import make_status_error
from ..protocol import Answer, Fields
from .blocks import list_blocks

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_STATUSES = {
    "accessdenied": 403,
    "internalserver": 500,
    "modelerror": 424,
    "modelnotready": 429,
    "modelstreamerror": 500,
    "modeltimeout": 408,
    "resourcenotfound": 404,
    "servicequotaexceeded": 429,
    "serviceunavailable": 503,
    "throttling": 429,
    "validation": 400,
}


def find_status(name: str) -> int | None:
    """Return the HTTP status that an exception of the vendor has if it comes before the answer; None for an unknown one."""
    return _STATUSES.get(name.lower().removesuffix("exception"))


def make_error(name: str, details: object) -> Exception:
    """Return the error that an event reports inside a stream.

    Args:
        name: Name of the exception.
        details: JSON of the event.
    """
    fields = details if isinstance(details, Mapping) else {}
    message = str(fields.get("message") or fields.get("originalMessage") or details or name)
    return make_status_error(find_status(name) or 500, message, code=name, kind=name)


def read_answer(data: object) -> Answer:
    """Return an answer from its JSON, which doesn't name the model.

    Raises:
        UnreadableAnswer: if it isn't one.
        openai.APIError: if it reports an error.
    """
    body = copy_json(data)
    if not isinstance(body, dict):
        raise make_unreadable("is not an answer of the Converse API", data)
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict):
        if body.get("message") and not output:
            raise make_error("InternalServerException", body)
        raise make_unreadable("has no message", data)
    if not isinstance(message.get("content"), list):
        raise make_unreadable("has no content", data)
    blocks = list_blocks(message)
    stop = str(body.get("stopReason") or "")
    if stop == "max_tokens" and blocks and "toolUse" in blocks[-1]:
        # A call that was cut is not a call.
        blocks = blocks[:-1]
    result = _read_message(blocks)
    reason = _REASONS.get(stop, stop)
    return Answer(
        message=result,
        finish_reason="tool_calls" if result.get("tool_calls") and reason in ("stop", "") else reason or "stop",
        items=[dict(block) for block in blocks],
        response_id=str(body.get("requestId") or ""),
        usage=_read_usage(body.get("usage")),
        stop=stop,
    )


def _read_message(blocks: Sequence[Fields]) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JSON] = []
    citations: list[JSON] = []
    files: list[JSON] = []
    for block in blocks:
        if isinstance(text := block.get("text"), str):
            texts.append(text)
        elif isinstance(use := block.get("toolUse"), Mapping):
            calls.append(_read_call(use))
        elif isinstance(thinking := block.get("reasoningContent"), Mapping):
            inner = thinking.get("reasoningText")
            if isinstance(inner, Mapping) and inner.get("text"):
                thoughts.append(str(inner["text"]))
        elif isinstance(cited := block.get("citationsContent"), Mapping):
            start = sum(map(len, texts))
            text = "".join(str(part.get("text") or "") for part in list_blocks(cited))
            texts.append(text)
            citations += _read_citations(cited.get("citations"), start, start + len(text))
        elif isinstance(image := block.get("image"), Mapping):
            files += _read_image(image)
    message: Message = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    fields = {"reasoning": "\n\n".join(thoughts), "tool_calls": calls, "citations": citations, "files": files}
    return {**message, **{key: value for key, value in fields.items() if value}}


def _read_call(use: Fields) -> JSON:
    value = use.get("input")
    arguments = value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False)
    return {"id": use.get("toolUseId"), "type": "function", "function": {"name": use.get("name"), "arguments": arguments}}


def _read_citations(value: object, start: int, end: int) -> Iterator[JSON]:
    for citation in value if isinstance(value, list) else ():
        if not isinstance(citation, dict):
            continue
        fields: dict[str, JSON] = {"start": start, "end": end}
        quotes = [str(part["text"]) for part in list_blocks({"content": citation.get("sourceContent")}) if part.get("text")]
        if quotes:
            fields["text"] = "\n".join(quotes)
        if citation.get("title"):
            fields["title"] = citation["title"]
        location = citation.get("location")
        for kind, place in location.items() if isinstance(location, dict) else ():
            if kind == "web" and isinstance(place, dict) and place.get("url"):
                fields["url"] = place["url"]
            elif kind == "documentPage" and isinstance(place, dict):
                fields["pages"] = [place.get("start"), place.get("end")]
        if "url" not in fields and citation.get("source"):
            fields["document"] = citation["source"]
        yield fields


def _read_image(image: Fields) -> Iterator[JSON]:
    source = image.get("source")
    if isinstance(source, Mapping) and source.get("bytes"):
        kind = str(image.get("format") or "png")
        yield {"name": f"image.{kind}", "mime": f"image/{kind}", "data": str(source["bytes"]), "origin": "converse"}


def _read_usage(value: object) -> dict[str, JSON] | None:
    """Return token counts. The vendor's input is the rest that was neither read from the cache nor written to it."""
    if not isinstance(value, dict) or not value:
        return None

    def read(name: str) -> int:
        count = value.get(name)
        return count if isinstance(count, int) else 0

    cached, written = read("cacheReadInputTokens"), read("cacheWriteInputTokens")
    prompt, completion = read("inputTokens") + cached + written, read("outputTokens")
    details: dict[str, JSON] = {"cached_tokens": cached, "cache_write_tokens": written}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
    }
