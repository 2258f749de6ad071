"""Reading of answers of the Responses API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....types import JSON, Message
from ..._responses.normalize import make_unreadable
from ..._responses.text import copy_json
from ..errors import make_status_error, read_error
from ..protocol import Answer, Fields
from .calls import read_call

# Status that means the same as the code of an error inside an answer.
_STATUSES = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "vector_store_timeout": 504,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "content_filter": 400,
    "data_residency_mismatch": 400,
    "bio_policy": 400,
    "misalignment_policy_violation": 400,
}
_HOSTED = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call")
_THINNED = {"image_generation_call": ("result",)}


def make_error(value: object) -> Exception:
    """Return the error that an answer or an event reports inside a response with status 200."""
    code, kind, message = read_error(value)
    status = _STATUSES.get(code) or (400 if kind == "invalid_request_error" or code.startswith("invalid_") else 500)
    return make_status_error(status, message, code=code or None, kind=kind or None)


def read_answer(data: object) -> Answer:
    """Return an answer from its JSON.

    Raises:
        UnreadableAnswer: if it isn't one.
        openai.APIError: if it reports an error.
    """
    body = copy_json(data)
    if not isinstance(body, dict):
        raise make_unreadable("is not an answer of the Responses API", data)
    if body.get("error"):
        raise make_error(body["error"])
    output = body.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    status = str(body.get("status") or "completed")
    if status in ("failed", "cancelled") or not (items or status == "incomplete"):
        raise make_unreadable(f"has no output, with the status {status!r}", data)
    message = _read_message(items)
    return Answer(
        message=message,
        finish_reason=_read_reason(body, status, message),
        items=[_thin(item) for item in items],
        response_id=str(body.get("id") or ""),
        model=str(body.get("model") or ""),
        usage=_read_usage(body.get("usage"), items),
        stop=status,
        record=_read_record(body),
    )


def _read_record(body: Mapping[str, JSON]) -> dict[str, JSON]:
    record: dict[str, JSON] = {}
    conversation, diagnostics = body.get("conversation"), body.get("prompt_cache_diagnostics")
    name = conversation.get("id") if isinstance(conversation, dict) else conversation
    if isinstance(name, str) and name:
        record["conversation"] = name
    if isinstance(diagnostics, dict) and diagnostics.get("type") != "cache_hit":
        record["cache_miss"] = diagnostics.get("reason") or diagnostics.get("type")
    return record


def _read_reason(body: Mapping[str, JSON], status: str, message: Message) -> str:
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return "content_filter" if reason == "content_filter" else "length"
    return "tool_calls" if message.get("tool_calls") else "stop"


def _read_message(items: Sequence[Fields]) -> Message:
    texts, commentary, refusals, citations = _read_texts(items)
    thoughts = [text for item in items if item.get("type") == "reasoning" for text in _iter_thoughts(item)]
    message: Message = {"role": "assistant", "content": "".join(texts) if texts else None}
    # Remarks on the way belong to the thinking, unless there is nothing else.
    if commentary and texts:
        thoughts += commentary
    elif commentary:
        message["content"] = "".join(commentary)
    if thoughts:
        message["reasoning"] = "\n\n".join(thoughts)
    if refusals:
        message["refusal"] = "".join(refusals)
    if citations and texts:
        message["citations"] = citations
    if calls := [call for item in items if (call := read_call(item))]:
        message["tool_calls"] = calls
    if hosted := [_read_hosted(item) for item in items if item.get("type") in _HOSTED]:
        message["hosted"] = hosted
    if files := [file for item in items for file in _iter_files(item)]:
        message["files"] = files
    return message


def _read_texts(items: Sequence[Fields]) -> tuple[list[str], list[str], list[str], list[JSON]]:
    """Return the texts of an answer, its remarks, its refusals, and the citations with offsets in the texts."""
    texts: list[str] = []
    commentary: list[str] = []
    refusals: list[str] = []
    citations: list[JSON] = []
    length = 0
    for item in items:
        if item.get("type") != "message":
            continue
        for part in item.get("content") or () if isinstance(item.get("content"), list) else ():
            if not isinstance(part, dict):
                continue
            text = part.get("text")
            if isinstance(part.get("refusal"), str):
                refusals.append(part["refusal"])
            elif isinstance(text, str) and item.get("phase") == "commentary":
                commentary.append(text)
            elif isinstance(text, str):
                texts.append(text)
                citations += _read_citations(part.get("annotations"), length)
                length += len(text)
    return texts, commentary, refusals, citations


def _read_citations(annotations: object, offset: int) -> Iterator[JSON]:
    for annotation in annotations if isinstance(annotations, list) else ():
        if not isinstance(annotation, dict):
            continue
        start, end = annotation.get("start_index"), annotation.get("end_index")
        citation: dict[str, JSON] = {
            "start": start + offset if isinstance(start, int) else None,
            "end": end + offset if isinstance(end, int) else None,
        }
        for key, name in (("url", "url"), ("title", "title"), ("file_id", "file_id"), ("filename", "document")):
            if annotation.get(key):
                citation[name] = annotation[key]
        yield citation


def _iter_thoughts(item: Fields) -> Iterator[str]:
    for key in ("summary", "content"):
        for part in item.get(key) or () if isinstance(item.get(key), list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"]:
                yield part["text"]


def _read_hosted(item: Fields) -> JSON:
    """Return the record of a call that the vendor made itself, without bulky results."""
    kind = str(item["type"]).removesuffix("_call")
    keys = ("action", "queries", "code", "name", "arguments", "revised_prompt")
    record: dict[str, JSON] = {
        "tool": kind,
        "status": item.get("status"),
        "input": next((item[key] for key in keys if item.get(key)), None),
    }
    for key in ("outputs", "output", "error"):
        if item.get(key):
            record["output"] = item[key]
            break
    return record


def _iter_files(item: Fields) -> Iterator[JSON]:
    if item.get("type") == "image_generation_call" and isinstance(item.get("result"), str):
        kind = str(item.get("output_format") or "png")
        name = f"{item.get('id') or 'image'}.{kind}"
        yield {"id": item.get("id"), "name": name, "mime": f"image/{kind}", "data": item["result"], "origin": "responses"}
    if item.get("type") != "message" or not isinstance(item.get("content"), list):
        return
    for part in item["content"]:
        for annotation in part.get("annotations") or () if isinstance(part, dict) else ():
            if isinstance(annotation, dict) and annotation.get("type") == "container_file_citation":
                yield {
                    "id": annotation.get("file_id"),
                    "name": annotation.get("filename"),
                    "mime": "",
                    "origin": f"container {annotation.get('container_id')}",
                }


def _thin(item: Mapping[str, JSON]) -> JSON:
    """Return an item as it is kept: without what is large and useless in later requests."""
    dropped = _THINNED.get(str(item.get("type")), ())
    return {key: value for key, value in item.items() if key not in dropped}


def _read_usage(value: object, items: Sequence[Fields]) -> dict[str, JSON] | None:
    """Return token counts, with the number of the searches, which the vendor charges apart."""
    if not isinstance(value, dict):
        return None
    usage: dict[str, JSON] = {
        "prompt_tokens": value.get("input_tokens"),
        "completion_tokens": value.get("output_tokens"),
        "total_tokens": value.get("total_tokens"),
    }
    for name, key in (
        ("prompt_tokens_details", "input_tokens_details"),
        ("completion_tokens_details", "output_tokens_details"),
    ):
        if isinstance(value.get(key), dict):
            usage[name] = value[key]
    searches: dict[str, JSON] = {
        "web_searches": sum(_is_search(item) for item in items),
        "storage_searches": sum(item.get("type") == "file_search_call" for item in items),
    }
    return {**usage, "hosted": searches} if any(searches.values()) else usage


def _is_search(item: Fields) -> bool:
    """Return True for a web search. To open a page that was found is free."""
    action = item.get("action")
    kind = action.get("type", "search") if isinstance(action, dict) else "search"
    return item.get("type") == "web_search_call" and kind == "search"
