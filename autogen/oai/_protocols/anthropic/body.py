"""Bodies of requests to the Messages API."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...._models.abilities import Abilities
from ....types import JSON, Message
from ..params import (
    COMMON_UNKNOWN,
    fit_effort,
    get_function_name,
    get_last_id,
    get_output_limit,
    get_schema,
    list_stops,
    select_params,
)
from ..protocol import Body, Fields, NeutralRequest
from ..turns import (
    Turn,
    alternate_roles,
    describe_format,
    get_file_name,
    iter_parts,
    join_text,
    parse_arguments,
    render_call,
    render_part,
    split_data_uri,
    split_history,
    split_system,
)
from .caching import add_breakpoints
from .thinking import build_thinking, can_go_on_thinking, describe_demand, is_thinking, release_binding

DEFAULT_MAX_TOKENS = 16384
"""Limit for a model whose maximum is unknown: the vendor refuses requests without a limit."""
MAX_UNSTREAMED = 21_333
"""Maximum of a response that is not streamed: the SDK expects longer ones to take more than ten minutes."""
BLANK = "(empty)"
OLD_VERSION = "2023-06-01"

_UNKNOWN = {
    **COMMON_UNKNOWN,
    "seed": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "top_logprobs": (),
    "verbosity": (),
}
# The current version of the API refuses them, the older one takes them.
_SAMPLING = {"temperature": (1,), "top_p": (1,), "top_k": ()}
_TRANSLATED = (
    *("max_tokens", "max_completion_tokens", "stop", "user", "reasoning_effort", "response_format", "tool_choice"),
    *("parallel_tool_calls", "prompt_cache", "anthropic_version", "stream", "cache_diagnosis"),
)
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def build_body(request: NeutralRequest) -> Body:
    """Return the JSON of a request."""
    texts, turns = split_system(split_history(request.messages, request.items))
    params = request.params
    response_format = params.get("response_format")
    if response_format and not get_schema(response_format):
        texts.append(describe_format(response_format))
    # Thinking counts, too: a lower limit would cut answers.
    limit = get_output_limit(params, request.abilities.max_output or DEFAULT_MAX_TOKENS, MAX_UNSTREAMED)
    body: Body = {"model": request.model, "max_tokens": limit}
    if system := [_make_text(text) for text in texts if text.strip()]:
        body["system"] = system
    if tools := [_build_tool(tool, request.abilities) for tool in request.tools]:
        body["tools"] = tools
    # Results stand before text.
    build_blocks = partial(_build_blocks, has_tools=bool(tools))
    heeds_system = request.abilities.mid_system is True
    body["messages"] = alternate_roles(turns, build_blocks, _make_text, heeds_system=heeds_system)
    body |= _build_params(request, body)
    if thinking := release_binding(request.model, request.abilities, body.get("thinking")):
        body["thinking"] = thinking
    if request.abilities.forced_with_thinking is False and is_thinking(request.abilities, body.get("thinking")):
        _ask_for_call(body)
    return add_breakpoints(body, params.get("prompt_cache", True), request.abilities.cache_min)


def _build_params(request: NeutralRequest, built: Body) -> Body:
    params = request.params
    unknown = _UNKNOWN if params.get("anthropic_version") == OLD_VERSION else {**_UNKNOWN, **_SAMPLING}
    body = select_params(request, unknown, _TRANSLATED)
    output = dict(body.get("output_config") or {})
    if effort := fit_effort(request):
        may_think = can_go_on_thinking(built["messages"])
        thinking, words = build_thinking(request.abilities, effort, built["max_tokens"], may_think=may_think)
        output = {**words, **output}
        if thinking:
            body.setdefault("thinking", thinking)
    if params.get("cache_diagnosis"):
        body.setdefault("diagnostics", {"previous_message_id": get_last_id(request)})
    if schema := get_schema(params.get("response_format")):
        output.setdefault("format", {"type": "json_schema", "schema": schema})
    if output:
        body["output_config"] = output
    if stops := list_stops(params.get("stop")):
        body.setdefault("stop_sequences", stops)
    if params.get("user"):
        body["metadata"] = {"user_id": str(params["user"]), **(body.get("metadata") or {})}
    if request.tools and (choice := _build_tool_choice(params)):
        body["tool_choice"] = choice
    return body


def _build_tool_choice(params: Fields) -> dict[str, Any] | None:
    choice = params.get("tool_choice")
    result: dict[str, Any] | None = None
    if isinstance(choice, str):
        result = {"type": {"required": "any"}.get(choice, choice)}
    elif isinstance(choice, Mapping):
        name = get_function_name(choice)
        result = dict(choice) if name is None else {"type": "tool", "name": name}
    if params.get("parallel_tool_calls") is False and (result or {}).get("type") != "none":
        result = {**(result or {"type": "auto"}), "disable_parallel_tool_use": True}
    return result


def _ask_for_call(body: Body) -> None:
    """Ask in words for the call that a request demands, because the model refuses the demand while it thinks."""
    choice = body.get("tool_choice") or {}
    if choice.get("type") not in ("any", "tool"):
        return
    last = body["messages"][-1]
    body["messages"][-1] = {**last, "content": [*last["content"], _make_text(describe_demand(choice.get("name")))]}
    body["tool_choice"] = {**{key: value for key, value in choice.items() if key != "name"}, "type": "auto"}


def _build_tool(tool: Fields, abilities: Abilities) -> Fields:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        return tool
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    description = {"description": function["description"]} if function.get("description") else {}
    is_strict = function.get("strict") is True and abilities.strict_tools is not False
    strict = {"strict": True} if is_strict else {}
    return {"name": function["name"], **description, "input_schema": schema, **strict}


def _build_blocks(turn: Turn, *, has_tools: bool) -> Sequence[JSON]:
    if turn.kind == "results":
        if has_tools:
            return [_build_result(result) for result in turn.results]
        return [_make_text(f"The tool's answer: {join_text(result.get('content'))}") for result in turn.results]
    if turn.kind == "assistant":
        # Blocks of calls are refused in requests without tools.
        if turn.items is not None and (has_tools or not turn.message.get("tool_calls")):
            return turn.items
        return _rebuild_answer(turn.message, has_tools)
    if turn.kind == "system":
        return [_make_text(f"<system>{join_text(turn.message.get('content'))}</system>")]
    return _build_content(turn.message.get("content")) or [_make_text(BLANK)]


def _rebuild_answer(message: Message, has_tools: bool) -> list[JSON]:
    """Return the blocks for an answer of another origin, or a changed one: without thinking, which is signed."""
    text = join_text(message.get("content"))
    blocks: list[JSON] = [_make_text(text)] if text.strip() else []
    for call in message.get("tool_calls") or ():
        if has_tools:
            function = call["function"]
            use_id = _make_call_id(call["id"])
            blocks.append({"type": "tool_use", "id": use_id, "name": function["name"], "input": parse_arguments(call)})
        else:
            blocks.append(_make_text(render_call(call)))
    return blocks


def _build_result(result: Message) -> JSON:
    block: dict[str, JSON] = {"type": "tool_result", "tool_use_id": _make_call_id(result.get("tool_call_id"))}
    content = result.get("content")
    if isinstance(content, list):
        block["content"] = _build_content(content)
    elif str(content or "").strip():
        block["content"] = str(content)
    return {**block, "is_error": True} if result.get("is_error") else block


def _make_call_id(call_id: object) -> str:
    text = str(call_id)
    return text if _CALL_ID.fullmatch(text) else f"toolu_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}"


def _make_text(text: str) -> dict[str, JSON]:
    return {"type": "text", "text": text}


def _build_content(content: object) -> list[JSON]:
    blocks = [_build_block(part) for part in iter_parts(content)]
    return [block for block in blocks if block.get("type") != "text" or str(block.get("text")).strip()]


def _build_block(part: Message) -> dict[str, JSON]:
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        return {"type": "image", "source": _build_source(str(image.get("url") if isinstance(image, Mapping) else image))}
    if kind == "file" and isinstance(file := part.get("file"), Mapping) and (source := _build_file_source(file)):
        title = part.get("title") or get_file_name(part)
        extras = {"title": title, "context": part.get("context")}
        block: dict[str, JSON] = {
            "type": "document",
            "source": source,
            **{key: str(extras[key]) for key in extras if extras[key]},
        }
        return {**block, "citations": {"enabled": True}} if part.get("citations") else block
    if kind == "search_result":
        texts: list[JSON] = [_make_text(str(text)) for text in part.get("content") or ()]
        return {"type": kind, "source": str(part.get("source")), "title": str(part.get("title") or ""), "content": texts}
    # Blocks in the vendor's own form.
    if kind in ("image", "document", "container_upload"):
        return dict(part)
    return _make_text(render_part(part))


def _build_source(url: str) -> dict[str, JSON]:
    if data := split_data_uri(url):
        return {"type": "base64", "media_type": data[0], "data": data[1]}
    return {"type": "url", "url": url}


def _build_file_source(file: Fields) -> dict[str, JSON] | None:
    """Return the source of a document; None for a file of another vendor, or of a kind that it doesn't take."""
    uri = file.get("file_data")
    data = split_data_uri(uri) if isinstance(uri, str) else None
    if data is not None and data[0] == "application/pdf":
        return {"type": "base64", "media_type": data[0], "data": data[1]}
    if isinstance(file.get("file_url"), str):
        return {"type": "url", "url": file["file_url"]}
    file_id = file.get("file_id")
    # Ids of this vendor; those of OpenAI begin with "file-".
    return {"type": "file", "file_id": file_id} if isinstance(file_id, str) and file_id.startswith("file_") else None
