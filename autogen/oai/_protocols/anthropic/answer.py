"""Reading of answers of the Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ....types import JSON, Message
from ..._once import log_once
from ..._responses.normalize import make_unreadable
from ..._responses.text import copy_json
from ..errors import make_status_error, read_error
from ..protocol import Answer, Fields

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "refusal": "content_filter",
    "pause_turn": "stop",
}
# The HTTP status that an error has if it comes before the answer.
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_HOSTED_RESULT = "_tool_result"


def make_error(value: object) -> Exception:
    """Return the error that an event reports inside a response with status 200."""
    code, kind, message = read_error(value)
    return make_status_error(_STATUSES.get(kind, 500), message, code=code or kind or None, kind=kind or None)


def read_answer(data: object) -> Answer:
    """Return an answer from its JSON.

    Raises:
        UnreadableAnswer: if it isn't one.
        openai.APIError: if it reports an error.
    """
    body = copy_json(data)
    if not isinstance(body, dict):
        raise make_unreadable("is not an answer of the Messages API", data)
    if body.get("type") == "error" or body.get("error"):
        raise make_error(body)
    content = body.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise make_unreadable("has no content", data)
    blocks = [block for block in content if isinstance(block, dict)]
    stop = str(body.get("stop_reason") or "")
    if stop == "max_tokens" and blocks and blocks[-1].get("type") == "tool_use":
        # A call that was cut is not a call.
        blocks = blocks[:-1]
    message = _read_message(blocks)
    if stop == "refusal":
        # The vendor refuses every later request with the refused turn in it.
        details = body.get("stop_details")
        explanation = details.get("explanation") if isinstance(details, dict) else None
        message = {"role": "assistant", "content": None, "refusal": str(explanation or "The model refused to answer.")}
        blocks = []
    reason = _REASONS.get(stop, "stop")
    return Answer(
        message=message,
        finish_reason="tool_calls" if message.get("tool_calls") and reason == "stop" else reason,
        items=[*blocks],
        response_id=str(body.get("id") or ""),
        model=str(body.get("model") or ""),
        usage=_read_usage(body.get("usage")),
        stop=stop,
        record=_read_record(body),
    )


def _read_record(body: Fields) -> dict[str, JSON]:
    if body.get("input_transformations"):
        log_once(f"{body.get('model')} left out earlier thinking: what stood before it has changed.")
    value = body.get("diagnostics")
    reason = value.get("cache_miss_reason") if isinstance(value, dict) else None
    kind = reason.get("type") if isinstance(reason, dict) else reason
    return {"cache_miss": kind} if kind else {}


def _read_message(blocks: Sequence[Fields]) -> Message:
    texts: list[str] = []
    citations: list[JSON] = []
    thoughts: list[str] = []
    calls: list[JSON] = []
    hosted: list[JSON] = []
    files: list[JSON] = []
    for block in blocks:
        kind = str(block.get("type"))
        if kind == "text" and isinstance(block.get("text"), str):
            start = sum(map(len, texts))
            texts.append(block["text"])
            citations += _read_citations(block.get("citations"), start, start + len(block["text"]))
        elif kind == "thinking" and block.get("thinking"):
            thoughts.append(str(block["thinking"]))
        elif kind == "tool_use":
            calls.append(_read_call(block))
        elif kind in ("server_tool_use", "mcp_tool_use"):
            hosted.append({"tool": block.get("name"), "status": "called", "input": block.get("input")})
        elif kind.endswith(_HOSTED_RESULT) and hosted and isinstance(hosted[-1], dict):
            hosted[-1] |= {"status": "completed", "output": _shorten_output(block.get("content"))}
            files += _iter_files(block.get("content"))
    message: Message = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    fields = {
        "reasoning": "\n\n".join(thoughts),
        "tool_calls": calls,
        "citations": citations,
        "hosted": hosted,
        "files": files,
    }
    return {**message, **{key: value for key, value in fields.items() if value}}


def _read_call(block: Fields) -> JSON:
    value = block.get("input")
    arguments = value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False)
    return {"id": block.get("id"), "type": "function", "function": {"name": block.get("name"), "arguments": arguments}}


def _read_citations(value: object, start: int, end: int) -> Iterator[JSON]:
    for citation in value if isinstance(value, list) else ():
        if not isinstance(citation, dict):
            continue
        fields: dict[str, JSON] = {"start": start, "end": end}
        names = {
            "cited_text": "text",
            "url": "url",
            "title": "title",
            "document_title": "document",
            "source": "url",
            "file_id": "file_id",
        }
        for key, name in names.items():
            if citation.get(key):
                fields.setdefault(name, citation[key])
        if isinstance(citation.get("start_page_number"), int):
            fields["pages"] = [citation["start_page_number"], citation.get("end_page_number")]
        yield fields


def _shorten_output(value: object) -> JSON:
    """Return the result of a hosted tool for records: titles and addresses of pages, without encrypted content."""
    if isinstance(value, list):
        pairs = [(item.get("title"), item.get("url")) for item in value if isinstance(item, dict)]
        return [{"title": title, "url": url} for title, url in pairs]
    if isinstance(value, dict):
        return {key: value[key] for key in ("stdout", "stderr", "return_code", "error_code", "url") if key in value}
    return None


def _iter_files(value: object) -> Iterator[JSON]:
    inner = value.get("content") if isinstance(value, dict) else None
    for item in inner if isinstance(inner, list) else ():
        if isinstance(item, dict) and item.get("file_id"):
            yield {
                "id": item["file_id"],
                "name": str(item.get("filename") or item["file_id"]),
                "mime": "",
                "origin": "anthropic",
            }


def _read_usage(value: object) -> dict[str, JSON] | None:
    """Return token counts. The vendor's input is the rest that was neither read from the cache nor written to it."""
    if not isinstance(value, dict):
        return None

    def read(name: str) -> int:
        count = value.get(name)
        return count if isinstance(count, int) else 0

    read_count, written = read("cache_read_input_tokens"), read("cache_creation_input_tokens")
    prompt, completion = read("input_tokens") + read_count + written, read("output_tokens")
    usage: dict[str, JSON] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    prompt_details: dict[str, JSON] = {"cached_tokens": read_count, "cache_write_tokens": written}
    lives, tools = value.get("cache_creation"), value.get("server_tool_use")
    if isinstance(lives, dict) and lives.get("ephemeral_1h_input_tokens"):
        prompt_details["cache_write_1h_tokens"] = lives["ephemeral_1h_input_tokens"]
    usage["prompt_tokens_details"] = prompt_details
    if isinstance(tools, dict) and tools.get("web_search_requests"):
        # The vendor charges them apart.
        usage["hosted"] = {"web_searches": tools["web_search_requests"]}
    details = value.get("output_tokens_details")
    if isinstance(details, dict) and isinstance(details.get("thinking_tokens"), int):
        usage["completion_tokens_details"] = {"reasoning_tokens": details["thinking_tokens"]}
    return usage
