"""Bodies of requests to the Responses API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...._models.abilities import Abilities
from ....types import JSON, Message
from ..params import COMMON_UNKNOWN, get_function_name, get_last_id, select_params
from ..protocol import Body, Fields, NeutralRequest
from ..turns import Turn, get_file_name, iter_parts, join_text, render_part, split_history
from .calls import build_result, index_calls
from .state import INTERVAL, Mark, get_state, use_state

_LONGEST_CALL_ID = 64
_FEWEST_TOKENS = 16
_RENAMES = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens", "user": "safety_identifier"}
# AG2's limits of its own execution of shell calls and patches. Here the program's tools answer such calls.
_LIMITS = ("workspace_dir", "allowed_paths", "allowed_commands", "denied_commands", "enable_command_filtering")
_UNKNOWN = {
    **COMMON_UNKNOWN,
    **dict.fromkeys((*_LIMITS, "dangerous_patterns", "stop", "seed"), ()),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
_TRANSLATED = (
    *("prompt_cache", "response_format", "reasoning_effort", "verbosity", "tool_choice", "state", "poll_interval"),
    *("cache_diagnosis", "built_in_tools"),
)
_ENCRYPTED = "reasoning.encrypted_content"
_LIVES_OF_BREAKPOINTS = ("30m", "12h")
# Those of other vendors mean the shortest here.
_LIVES = ("5m", "30m", "1h", "12h", "24h")


def build_body(request: NeutralRequest) -> Body:
    """Return the JSON of a request: the whole history with its encrypted reasoning, or its end if the vendor has the rest.

    Raises:
        ValueError: if `state`, `prompt_cache` or `poll_interval` has no valid value.
    """
    state = get_state(request.params)
    has_breakpoint = request.abilities.cache == "explicit" and request.params.get("prompt_cache", True) is not False
    instructions, items, marks = _build_input(request, has_breakpoint=has_breakpoint)
    body: Body = {"model": request.model}
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = items
    built_in = [{"type": name.removesuffix("_async")} for name in request.params.get("built_in_tools") or ()]
    if tools := [_build_tool(tool, request.abilities) for tool in (*request.tools, *built_in)]:
        body["tools"] = tools
    body |= _build_params(request, is_stored=state != "stateless")
    if request.params.get("prompt_cache", True) is not False:
        body |= _build_caching(request, [items[0] if has_breakpoint and items else instructions, body.get("tools")], body)
    return body if state == "stateless" else use_state(body, state, marks)


def _build_caching(request: NeutralRequest, prefix: object, body: Body) -> Body:
    """Return the settings of the prompt cache that the request doesn't have yet."""
    life = request.params.get("prompt_cache", True)
    if life not in (True, None, *_LIVES):
        raise ValueError(f"prompt_cache must be True, False or one of {', '.join(map(repr, _LIVES))}, got {life!r}.")
    settings: Body = {"prompt_cache_key": _hash(prefix)}
    if request.abilities.cache == "explicit" and life in _LIVES_OF_BREAKPOINTS:
        settings["prompt_cache_options"] = {"ttl": life}
    elif life in ("12h", "24h"):
        settings["prompt_cache_retention"] = "24h"
    if request.params.get("cache_diagnosis") and (earlier := get_last_id(request)):
        settings["prompt_cache_options"] = {**settings.get("prompt_cache_options", {}), "comparison_response_id": earlier}
    return {key: value for key, value in settings.items() if key not in body}


def _build_params(request: NeutralRequest, *, is_stored: bool) -> Body:
    params = request.params
    selected = select_params(request, _UNKNOWN, _TRANSLATED)
    # A job in the background has to be stored.
    store = is_stored or bool(params.get("background"))
    body: Body = {"store": store, **{_RENAMES.get(name, name): value for name, value in selected.items()}}
    interval = params.get("poll_interval")
    if interval is not None:
        if isinstance(interval, bool) or not isinstance(interval, (int, float)) or interval <= 0:
            raise ValueError(f"poll_interval must be a number of seconds above 0, got {interval!r}.")
        body[INTERVAL] = interval
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
    if not body["store"] or is_stored:
        # The reasoning has to come back with the history: always, or when the vendor has forgotten the response.
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


def _build_tool(tool: Fields, abilities: Abilities) -> Fields:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        return tool
    # Strict is the default of the vendor, and refuses schemas with optional properties.
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    is_strict = bool(function.get("strict")) and abilities.strict_tools is not False
    return {"type": "function", **function, "strict": is_strict, "parameters": parameters}


def _hash(prefix: object) -> str:
    text = json.dumps(prefix, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _build_input(request: NeutralRequest, *, has_breakpoint: bool) -> tuple[str | None, list[JSON], list[Mark]]:
    """Return the instructions, which are the first system message, the items of the input, and the answers among them.

    With a breakpoint of the prompt cache, which only an item can have, the first system message is an item, too.
    """
    turns = split_history(request.messages, request.items, request.records)
    instructions = None
    items: list[JSON] = []
    if turns and turns[0].kind == "system":
        instructions = join_text(turns[0].message.get("content"))
        turns = turns[1:]
    if has_breakpoint and instructions:
        part: dict[str, JSON] = {"type": "input_text", "text": instructions, "prompt_cache_breakpoint": {"mode": "explicit"}}
        items.append({"role": "developer", "content": [part]})
        instructions = None
    calls = index_calls(turn.items for turn in turns if turn.items is not None)
    marks: list[Mark] = []
    for turn in turns:
        start = len(items)
        items += _build_items(turn, calls)
        if turn.items is not None and turn.record is not None:
            marks.append(Mark(start, len(items), turn.record))
    return instructions, items, marks


def _build_items(turn: Turn, calls: Mapping[str, Mapping[str, JSON]]) -> Iterator[JSON]:
    if turn.kind == "results":
        for result in turn.results:
            call_id = _shorten_id(result.get("tool_call_id"))
            yield build_result(call_id, calls.get(call_id), _build_output(result))
    elif turn.kind == "assistant":
        yield from _rebuild_answer(turn.message) if turn.items is None else _restore_pictures(turn)
    else:
        role = "developer" if turn.kind == "system" else "user"
        yield {"role": role, "content": _build_content(turn.message.get("content"))}


def _restore_pictures(turn: Turn) -> Iterator[JSON]:
    """Yield the items of an answer, those of pictures with the pictures, which are kept once: among the files."""
    files = (turn.record or {}).get("files") or ()
    pictures = {file.get("id"): file.get("data") for file in files if isinstance(file, Mapping)}
    for item in turn.items or ():
        if isinstance(item, dict) and item.get("type") == "image_generation_call" and not item.get("result"):
            # Without its picture, the vendor refuses it.
            if data := pictures.get(item.get("id")):
                yield {**item, "result": data}
        else:
            yield item


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
