"""Bodies of requests to the Converse API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from ....types import JSON
from ..._once import log_once
from ..anthropic.thinking import build_thinking, can_go_on_thinking, describe_demand, is_thinking
from ..params import COMMON_UNKNOWN, fit_effort, get_function_name, get_schema, list_stops, select_params
from ..protocol import Body, Fields, NeutralRequest
from ..turns import Turn, alternate_roles, describe_format, join_text, split_history, split_system
from .blocks import BLANK, build_content, build_result, get_kind, make_text, rebuild_answer
from .caching import add_cache_points, is_claude

DEFAULT_MAX_TOKENS = 16384
"""Limit of an answer with a budget of thinking, for a model whose maximum is unknown."""

_INFERENCE = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    # 0.2's spellings.
    "maxTokens": "maxTokens",
    "topP": "topP",
}
_TOP_LEVEL = {
    "guardrail_config": "guardrailConfig",
    "performance_config": "performanceConfig",
    "service_tier": "serviceTier",
    "prompt_variables": "promptVariables",
    "metadata": "requestMetadata",
    "additional_model_response_field_paths": "additionalModelResponseFieldPaths",
}
_OWN_FIELDS = (*_TOP_LEVEL.values(), "inferenceConfig", "outputConfig", "projectIdentifier")
_UNKNOWN = {
    **COMMON_UNKNOWN,
    "seed": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "top_logprobs": (),
    "user": (),
    "verbosity": (),
    "supports_system_prompts": (True,),
}
_TRANSLATED = (
    *("stop", "stop_sequences", "response_format", "reasoning_effort", "tool_choice", "parallel_tool_calls"),
    *("prompt_cache", "stream", "additional_model_request_fields", "additionalModelRequestFields"),
    # boto3's retries, which are up to a `RetryPolicy`.
    *("total_max_attempts", "max_attempts", "mode"),
)
# Kinds of blocks under the names of Anthropic's protocol, which say whether thinking may go on.
_KINDS = {"reasoningContent": "thinking", "toolResult": "tool_result"}


def build_body(request: NeutralRequest) -> Body:
    """Return the JSON of a request, with the name of the model under `model`."""
    texts, turns = split_system(split_history(request.messages, request.items))
    response_format = request.params.get("response_format")
    if response_format and not get_schema(response_format):
        texts.append(describe_format(response_format))
    body: Body = {"model": request.model}
    if system := [make_text(text) for text in texts if text.strip()]:
        body["system"] = system
    # There is no choice of `none`: the tools are left out.
    is_offered = request.params.get("tool_choice") != "none"
    tools = [_build_tool(tool) for tool in request.tools] if is_offered else []
    # Results stand before text, and calls are refused in requests without tools.
    body["messages"] = alternate_roles(turns, partial(_build_blocks, has_tools=bool(tools)), make_text)
    if tools:
        body["toolConfig"] = {"tools": tools}
    _add_params(request, body)
    return add_cache_points(body, request.params.get("prompt_cache"))


def _add_params(request: NeutralRequest, body: Body) -> None:
    params = request.params
    selected = select_params(request, _UNKNOWN, _TRANSLATED)
    inference: dict[str, Any] = {}
    model_fields = dict(params.get("additional_model_request_fields") or params.get("additionalModelRequestFields") or {})
    for name, value in selected.items():
        if name in _INFERENCE:
            inference.setdefault(_INFERENCE[name], value)
        elif name in _TOP_LEVEL or name in _OWN_FIELDS:
            body[_TOP_LEVEL.get(name, name)] = (
                {"type": value} if name == "service_tier" and isinstance(value, str) else value
            )
        else:
            # Parameters of the model, which the vendor passes on.
            model_fields.setdefault(name, value)
    if stops := list_stops(params.get("stop") or params.get("stop_sequences")):
        inference["stopSequences"] = stops
    _add_effort(request, body, inference, model_fields)
    _add_tool_choice(request, body, model_fields)
    if schema := get_schema(params.get("response_format")):
        structure = {"jsonSchema": {"name": "answer", "schema": json.dumps(schema, ensure_ascii=False)}}
        text_format = {"type": "json_schema", "structure": structure}
        body["outputConfig"] = {"textFormat": text_format, **(body.get("outputConfig") or {})}
    if inference:
        body["inferenceConfig"] = {**inference, **(body.get("inferenceConfig") or {})}
    if model_fields:
        body["additionalModelRequestFields"] = model_fields


def _add_effort(request: NeutralRequest, body: Body, inference: dict[str, Any], model_fields: dict[str, Any]) -> None:
    """Ask for the effort: Claude's models take Anthropic's own fields for thinking."""
    if not (effort := fit_effort(request)):
        return
    words: dict[str, Any] = {"effort": effort}
    if is_claude(request.model):
        limit = inference.get("maxTokens") or request.abilities.max_output or DEFAULT_MAX_TOKENS
        may_think = can_go_on_thinking([_name_kinds(message) for message in body["messages"]])
        thinking, words = build_thinking(request.abilities, effort, limit, may_think=may_think)
        if thinking:
            model_fields.setdefault("thinking", thinking)
        if thinking and "budget_tokens" in thinking:
            inference.setdefault("maxTokens", limit)
    if words and effort != "none":
        body["outputConfig"] = {**words, **(body.get("outputConfig") or {})}


def _name_kinds(message: Fields) -> dict[str, Any]:
    kinds = [get_kind(block) for block in message["content"]]
    return {**message, "content": [{"type": _KINDS.get(kind, kind)} for kind in kinds]}


def _add_tool_choice(request: NeutralRequest, body: Body, model_fields: dict[str, Any]) -> None:
    if "toolConfig" not in body:
        return
    form = _build_tool_choice(request.params.get("tool_choice"))
    thinks = request.abilities.forced_with_thinking is False and is_thinking(request.abilities, model_fields.get("thinking"))
    if form and thinks and "auto" not in form:
        demand = describe_demand((form.get("tool") or {}).get("name"))
        last = body["messages"][-1]
        body["messages"][-1] = {**last, "content": [*last["content"], make_text(demand)]}
        form = {"auto": {}}
    if form:
        body["toolConfig"]["toolChoice"] = form
    if request.params.get("parallel_tool_calls") is not False:
        return
    if is_claude(request.model):
        kind = next(iter(form or {"auto": {}}))
        named = {"name": form["tool"]["name"]} if form and kind == "tool" else {}
        model_fields.setdefault("tool_choice", {"type": kind, **named, "disable_parallel_tool_use": True})
    else:
        log_once(f"{request.label} does not take parallel_tool_calls for {request.model}: not sent.")


def _build_tool_choice(choice: object) -> dict[str, Any] | None:
    if isinstance(choice, str):
        return {{"required": "any"}.get(choice, choice): {}}
    if isinstance(choice, Mapping):
        name = get_function_name(choice)
        return dict(choice) if name is None else {"tool": {"name": name}}
    return None


def _build_tool(tool: Fields) -> Fields:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        kind = tool.get("type")
        if not isinstance(kind, str):
            return tool
        # The form of other vendors: {"type": "system_tool", "name": "nova_grounding"}.
        head, *words = kind.split("_")
        rest = {key: value for key, value in tool.items() if key != "type"}
        return {head + "".join(word.capitalize() for word in words): rest}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    description = {"description": function["description"]} if str(function.get("description") or "").strip() else {}
    return {"toolSpec": {"name": function["name"], **description, "inputSchema": {"json": schema}}}


def _build_blocks(turn: Turn, *, has_tools: bool) -> list[JSON]:
    if turn.kind == "results":
        if has_tools:
            return [build_result(result) for result in turn.results]
        return [make_text(f"The tool's answer: {join_text(result.get('content'))}") for result in turn.results]
    if turn.kind == "assistant":
        if turn.items is not None and (has_tools or not turn.message.get("tool_calls")):
            return turn.items
        return rebuild_answer(turn.message, has_tools=has_tools)
    if turn.kind == "system":
        return [make_text(f"<system>{join_text(turn.message.get('content'))}</system>")]
    return build_content(turn.message.get("content")) or [make_text(BLANK)]
