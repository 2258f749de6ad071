"""Bodies of requests to the Gemini API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...._models.abilities import Abilities
from ....types import JSON, Message
from ..params import COMMON_UNKNOWN, fit_effort, get_function_name, get_schema, list_stops, select_params
from ..protocol import Body, Fields, NeutralRequest
from ..turns import (
    CONTINUE,
    Turn,
    describe_format,
    iter_parts,
    join_text,
    parse_arguments,
    render_call,
    render_part,
    split_data_uri,
    split_history,
    split_system,
)
from .caching import EXPLICIT

BLANK = "(empty)"
STAND_IN = "skip_thought_signature_validator"
"""The signature of a call that the vendor's models didn't make, which it documents for histories from elsewhere."""

BOTH_TOOLS = "includeServerSideToolInvocations"
"""Key of a `toolConfig` for requests with functions beside the vendor's own tools."""
# Models that take either functions or the vendor's own tools.
_WITHOUT_BOTH = re.compile(r"(.*/)?gemini-[12]\b")

_GENERATION = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "max_output_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "thinking_config": "thinkingConfig",
    "media_resolution": "mediaResolution",
    "response_modalities": "responseModalities",
}
_TOP_LEVEL = {"safety_settings": "safetySettings", "cached_content": "cachedContent", "labels": "labels"}
_UNKNOWN = {**COMMON_UNKNOWN, "top_logprobs": (), "user": (), "verbosity": ()}
_TRANSLATED = (
    "stop",
    "stop_sequences",
    "response_format",
    "reasoning_effort",
    "tool_choice",
    "parallel_tool_calls",
    "prompt_cache",
    "stream",
    "cache_diagnosis",
)
# The API has no setting for it.
_ONE_CALL = "Call at most one tool at a time, and wait for its result."
# Tokens of thinking for models that take a budget and no level.
_BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}


def build_body(request: NeutralRequest) -> Body:
    """Return the JSON of a request."""
    texts, turns = split_system(split_history(request.messages, request.items))
    body: Body = {}
    response_format = request.params.get("response_format")
    if response_format and not get_schema(response_format):
        texts.append(describe_format(response_format))
    if request.params.get("parallel_tool_calls") is False and any("function" in tool for tool in request.tools):
        texts.append(_ONE_CALL)
    system = [{"text": text} for text in texts if text.strip()]
    if system and request.abilities.system == "user":
        turns = [Turn("user", {"role": "user", "content": "\n\n".join(part["text"] for part in system)}), *turns]
    elif system:
        body["systemInstruction"] = {"parts": system}
    tools = _build_tools(request.tools)
    if tools:
        body["tools"] = tools
    has_functions = any("functionDeclarations" in tool for tool in tools)
    body["contents"] = _build_contents(turns, has_functions=has_functions)
    if has_functions and (config := _build_tool_config(request, has_hosted=len(tools) > 1)):
        body["toolConfig"] = config
    body |= _build_params(request)
    if request.params.get("prompt_cache") == "explicit":
        body[EXPLICIT] = True
    return body


def _build_params(request: NeutralRequest) -> Body:
    params = request.params
    generation: dict[str, Any] = {}
    body: Body = {}
    for name, value in select_params(request, _UNKNOWN, _TRANSLATED).items():
        if name in _GENERATION:
            generation[_GENERATION[name]] = value
        else:
            body[_TOP_LEVEL.get(name, name)] = value
    if stops := list_stops(params.get("stop") or params.get("stop_sequences")):
        generation["stopSequences"] = stops
    if effort := fit_effort(request):
        generation.setdefault("thinkingConfig", _build_thinking(request.abilities, effort))
    if response_format := params.get("response_format"):
        generation["responseMimeType"] = "application/json"
        if schema := get_schema(response_format):
            generation["responseJsonSchema"] = schema
    if generation:
        body["generationConfig"] = {**generation, **(body.get("generationConfig") or {})}
    return body


def _build_thinking(abilities: Abilities, effort: str) -> dict[str, Any]:
    if abilities.thinking_form == "budget":
        return {"includeThoughts": True, "thinkingBudget": _BUDGETS.get(effort, -1)}
    level = {"none": "MINIMAL", "max": "HIGH"}.get(effort, effort.upper())
    return {"includeThoughts": True, "thinkingLevel": level}


def _build_tools(tools: Sequence[Fields]) -> list[dict[str, Any]]:
    declarations: list[dict[str, Any]] = []
    hosted: list[dict[str, Any]] = []
    for tool in tools:
        function = tool.get("function")
        if isinstance(function, Mapping):
            declaration = {"name": function["name"], "description": function.get("description") or function["name"]}
            if (parameters := function.get("parameters")) and parameters.get("properties"):
                declaration["parametersJsonSchema"] = parameters
            declarations.append(declaration)
        elif isinstance(kind := tool.get("type"), str):
            # The form of other vendors: {"type": "google_search"}.
            head, *words = kind.split("_")
            rest = {key: value for key, value in tool.items() if key != "type"}
            hosted.append({head + "".join(word.capitalize() for word in words): rest})
        else:
            hosted.append(dict(tool))
    return [*([{"functionDeclarations": declarations}] if declarations else ()), *hosted]


def _build_tool_config(request: NeutralRequest, *, has_hosted: bool) -> dict[str, Any]:
    choice = _build_tool_choice(request)
    config: dict[str, Any] = {} if choice is None else {"functionCallingConfig": choice}
    if has_hosted and not _WITHOUT_BOTH.match(request.model):
        # The calls of the vendor's own tools then come with the answer, and go back.
        config[BOTH_TOOLS] = True
    return config


def _build_tool_choice(request: NeutralRequest) -> dict[str, Any] | None:
    choice = request.params.get("tool_choice")
    if choice in (None, "auto") and request.abilities.strict_tools is not False and any(map(_is_strict, request.tools)):
        # Arguments then match the schemas, if the model calls a tool.
        return {"mode": "VALIDATED"}
    if choice is None:
        return None
    if isinstance(choice, str):
        return {"mode": {"required": "ANY"}.get(choice, choice.upper())}
    name = get_function_name(choice)
    return dict(choice) if name is None else {"mode": "ANY", "allowedFunctionNames": [name]}


def _is_strict(tool: Fields) -> bool:
    function = tool.get("function")
    return isinstance(function, Mapping) and function.get("strict") is True


def _build_contents(turns: Sequence[Turn], *, has_functions: bool) -> list[JSON]:
    """Return the contents: roles alternate, the first and the last are the user's."""
    contents: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for turn in turns:
        if turn.kind == "assistant":
            parts = _build_answer(turn, has_functions)
            calls = [part["functionCall"] for part in parts if isinstance(part.get("functionCall"), dict)]
        elif turn.kind == "results":
            parts = _build_results(turn, calls) if has_functions else [_render_result(result) for result in turn.results]
        elif turn.kind == "system":
            parts = [{"text": f"<system>{join_text(turn.message.get('content'))}</system>"}]
        else:
            parts = _build_parts(turn.message.get("content")) or [{"text": BLANK}]
        role = "model" if turn.kind == "assistant" else "user"
        if not parts:
            continue
        # Results are a content of their own: the vendor counts them against the calls before.
        if contents and contents[-1]["role"] == role == "model":
            # The request for the second answer ended with this, and later ones begin like it.
            contents.append({"role": "user", "parts": [{"text": CONTINUE}]})
        is_after_results = bool(contents) and any("functionResponse" in part for part in contents[-1]["parts"])
        if contents and contents[-1]["role"] == role and not (is_after_results and turn.kind != "results"):
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": list(parts)})
    if not contents or contents[0]["role"] == "model":
        contents.insert(0, {"role": "user", "parts": [{"text": CONTINUE}]})
    if contents[-1]["role"] == "model":
        contents.append({"role": "user", "parts": [{"text": CONTINUE}]})
    return [*contents]


def _build_answer(turn: Turn, has_functions: bool) -> list[dict[str, Any]]:
    message = turn.message
    if turn.items is not None and (has_functions or not message.get("tool_calls")):
        return [dict(item) for item in turn.items if isinstance(item, dict)]
    text = join_text(message.get("content"))
    parts: list[dict[str, Any]] = [{"text": text}] if text.strip() else []
    for index, call in enumerate(message.get("tool_calls") or ()):
        if not has_functions:
            parts.append({"text": render_call(call)})
            continue
        part: dict[str, Any] = {"functionCall": {"name": call["function"]["name"], "args": parse_arguments(call)}}
        if not index:
            part["thoughtSignature"] = STAND_IN
        parts.append(part)
    return parts


def _build_results(turn: Turn, calls: Sequence[Fields]) -> list[dict[str, Any]]:
    """Return the results in the order of their calls, and the pictures in them after all results."""
    parts: list[dict[str, Any]] = []
    extras: list[dict[str, Any]] = []
    for result, call in zip(turn.results, calls, strict=False):
        content = result.get("content")
        pieces = _build_parts(content) if isinstance(content, list) else []
        extras += [piece for piece in pieces if "text" not in piece]
        text = "\n\n".join(piece["text"] for piece in pieces if "text" in piece) if pieces else str(content or "")
        response: dict[str, Any] = {
            "name": call["name"],
            "response": {"error" if result.get("is_error") else "result": text},
        }
        # Models of before give no ids, and their endpoint refuses them.
        if call.get("id"):
            response["id"] = call["id"]
        parts.append({"functionResponse": response})
    return [*parts, *extras]


def _render_result(result: Message) -> dict[str, Any]:
    return {"text": f"The tool's answer: {join_text(result.get('content'))}"}


def _build_parts(content: object) -> list[dict[str, Any]]:
    parts = [_build_part(part) for part in iter_parts(content)]
    return [part for part in parts if part.get("text") is None or part["text"].strip()]


def _build_part(part: Message) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("image_url", "video_url"):
        holder = part.get(kind)
        url = str(holder.get("url") if isinstance(holder, Mapping) else holder)
        return _build_media(url, "image/png" if kind == "image_url" else "video/mp4")
    if kind == "input_audio" and isinstance(audio := part.get("input_audio"), Mapping):
        return {"inlineData": {"mimeType": f"audio/{audio.get('format') or 'wav'}", "data": audio.get("data")}}
    if kind == "file" and isinstance(file := part.get("file"), Mapping):
        if isinstance(uri := file.get("file_data"), str) and split_data_uri(uri):
            return _build_media(uri, "application/octet-stream")
        if isinstance(uri := file.get("file_url"), str):
            return _build_media(uri, str(file.get("mime") or "application/pdf"))
    # Parts in the vendor's own form.
    if kind is None and {"inlineData", "fileData", "text"} & part.keys():
        return dict(part)
    return {"text": render_part(part)}


def _build_media(url: str, default: str) -> dict[str, Any]:
    if data := split_data_uri(url):
        return {"inlineData": {"mimeType": data[0], "data": data[1]}}
    return {"fileData": {"fileUri": url, "mimeType": default}}
