"""Bodies of requests to the Responses API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....types import JSON, Message
from ..params import COMMON_UNKNOWN, get_function_name, select_params
from ..protocol import Body, Fields, NeutralRequest
from ..turns import Turn, get_file_name, iter_parts, join_text, render_part, split_history
from .calls import build_result, index_calls

_LONGEST_CALL_ID = 64
_FEWEST_TOKENS = 16
_RENAMES = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens", "user": "safety_identifier"}
_UNKNOWN = {**COMMON_UNKNOWN, "stop": (), "seed": (), "presence_penalty": (0,), "frequency_penalty": (0,)}
_TRANSLATED = ("prompt_cache", "response_format", "reasoning_effort", "verbosity", "tool_choice")
_ENCRYPTED = "reasoning.encrypted_content"


def build_body(request: NeutralRequest) -> Body:
    """Return the JSON of a request without state at the vendor: the whole history, with its encrypted reasoning."""
    instructions, items = _build_input(request)
    body: Body = {"model": request.model}
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = items
    if tools := [_build_tool(tool) for tool in request.tools]:
        body["tools"] = tools
    body |= _build_params(request)
    if request.params.get("prompt_cache", True) is not False:
        body.setdefault("prompt_cache_key", _hash_prefix(instructions, body.get("tools")))
    return body


def _build_params(request: NeutralRequest) -> Body:
    params = request.params
    selected = select_params(request, _UNKNOWN, _TRANSLATED)
    body: Body = {"store": False, **{_RENAMES.get(name, name): value for name, value in selected.items()}}
    if isinstance(limit := body.get("max_output_tokens"), int):
        body["max_output_tokens"] = max(limit, _FEWEST_TOKENS)
    if effort := params.get("reasoning_effort"):
        body["reasoning"] = {"effort": effort, **(body.get("reasoning") or {})}
    text = dict(body.get("text") or {})
    if params.get("verbosity"):
        text.setdefault("verbosity", params["verbosity"])
    if params.get("response_format"):
        text.setdefault("format", _build_format(params["response_format"]))
    if text:
        body["text"] = text
    if (choice := params.get("tool_choice")) is not None:
        body["tool_choice"] = _build_tool_choice(choice)
    if not body["store"]:
        # The vendor keeps nothing, so the reasoning has to come back with the history.
        body["include"] = [*dict.fromkeys([_ENCRYPTED, *(body.get("include") or ())])]
    if body.get("stream"):
        # Otherwise each piece is padded.
        body["stream_options"] = {"include_obfuscation": False, **(body.get("stream_options") or {})}
    return body


def _build_format(response_format: Fields) -> Fields:
    schema = response_format.get("json_schema")
    return {"type": "json_schema", **schema} if isinstance(schema, Mapping) else response_format


def _build_tool_choice(choice: Any) -> Any:
    name = get_function_name(choice)
    return choice if name is None else {"type": "function", "name": name}


def _build_tool(tool: Fields) -> Fields:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        return tool
    # Strict is the default of the vendor, and refuses schemas with optional properties.
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return {"type": "function", "strict": False, **function, "parameters": parameters}


def _hash_prefix(instructions: str | None, tools: object) -> str:
    prefix = json.dumps([instructions, tools], ensure_ascii=False, default=str)
    return hashlib.sha256(prefix.encode("utf-8", "replace")).hexdigest()[:16]


def _build_input(request: NeutralRequest) -> tuple[str | None, list[JSON]]:
    """Return the instructions, which are the first system message, and the items of the input."""
    turns = split_history(request.messages, request.items)
    instructions = None
    if turns and turns[0].kind == "system":
        instructions = join_text(turns[0].message.get("content"))
        turns = turns[1:]
    calls = index_calls(turn.items for turn in turns if turn.items is not None)
    items: list[JSON] = []
    for turn in turns:
        items += _build_items(turn, calls)
    return instructions, items


def _build_items(turn: Turn, calls: Mapping[str, Mapping[str, JSON]]) -> Iterator[JSON]:
    if turn.kind == "results":
        for result in turn.results:
            call_id = _shorten_id(result.get("tool_call_id"))
            yield build_result(call_id, calls.get(call_id), _build_output(result))
    elif turn.kind == "assistant":
        yield from turn.items if turn.items is not None else _rebuild_answer(turn.message)
    else:
        role = "developer" if turn.kind == "system" else "user"
        yield {"role": role, "content": _build_content(turn.message.get("content"))}


def _rebuild_answer(message: Message) -> Iterator[JSON]:
    """Yield the items for an answer of another origin, or a changed one: without ids, which only the vendor can make."""
    if text := join_text(message.get("content")):
        yield {"role": "assistant", "content": text}
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield {
            "type": "function_call",
            "call_id": _shorten_id(call["id"]),
            "name": function["name"],
            "arguments": function["arguments"],
        }


def _shorten_id(call_id: object) -> str:
    text = str(call_id)
    return text if len(text) <= _LONGEST_CALL_ID else f"call_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _build_output(result: Message) -> JSON:
    content = result.get("content")
    return _build_parts(content) if isinstance(content, list) else str(content or "")


def _build_content(content: object) -> JSON:
    return _build_parts(content) if isinstance(content, list) else str(content or "")


def _build_parts(content: Sequence[object]) -> list[JSON]:
    return [_build_part(part) for part in iter_parts(content)]


def _build_part(part: Message) -> JSON:
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        fields = image if isinstance(image, Mapping) else {"url": image}
        return {"type": "input_image", "image_url": str(fields.get("url")), "detail": str(fields.get("detail") or "auto")}
    if kind == "file" and isinstance(file := part.get("file"), Mapping):
        known = {key: file[key] for key in ("file_data", "file_id", "file_url", "filename") if file.get(key)}
        if "file_data" in known:
            # The vendor refuses data without a name.
            known.setdefault("filename", get_file_name(part) or "file")
        return {"type": "input_file", **known}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    # Parts in the vendor's own form.
    if isinstance(kind, str) and kind.startswith("input_"):
        return part
    return {"type": "input_text", "text": render_part(part)}
