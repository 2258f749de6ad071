"""Vendors as their documents describe them: what each refuses, in its words. For the tests of the table of providers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from autogen.testing import Fault, Reply, ScriptedModel, tool_call

Rule = Callable[[dict[str, Any]], "str | None"]


class Vendor(ScriptedModel):
    """A model at an endpoint that refuses what breaks one of its rules."""

    def __init__(self, rules: Iterable[Rule], *replies: Any, status: int = 400) -> None:
        super().__init__(*(replies or (lambda messages: Reply("fine"),)))
        self.rules, self.status = list(rules), status
        self.refused: list[str] = []

    def answer(self, params):
        for rule in self.rules:
            if complaint := rule(params):
                self.refused.append(complaint)
                return Fault(status=self.status, message=complaint)
        return super().answer(params)


def turns(body):
    return [m for m in body["messages"] if m["role"] not in ("system", "developer")]


def without(*names: str, says: str) -> Rule:
    return lambda body: next((says.format(name) for name in names if name in body), None)


def only(*names: str, says: str) -> Rule:
    usual = ("model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop", "tools", "tool_choice")
    return lambda body: next((says.format(name) for name in body if name not in (*usual, *names)), None)


def within(name: str, low: float, high: float, says: str) -> Rule:
    return lambda body: None if low <= body.get(name, low) <= high else says


def no_names(body):
    for i, m in enumerate(body["messages"]):
        if "name" in m:
            return (
                f"'messages.{i}' : for 'role:{m['role']}' the following must be satisfied"
                f"[('messages.{i}' : property 'name' is unsupported)]"
            )
    return None


def no_names_extra(body):
    for i, m in enumerate(body["messages"]):
        if "name" in m:
            loc = f"['body', 'messages', {i}, '{m['role']}', 'name']"
            return f"{{'type': 'extra_forbidden', 'loc': {loc}, 'msg': 'Extra inputs are not permitted'}}"
    return None


def content_is_text(body):
    return next(("invalid message content type: <nil>" for m in body["messages"] if m.get("content") is None), None)


def content_is_not_blank(body):
    for m in body["messages"]:
        content = m.get("content")
        blank = not (content.strip() if isinstance(content, str) else content)
        if blank and not m.get("tool_calls"):
            return "'messages' array must only contain objects with a 'content' field that is not empty."
        if blank and content is not None:
            return "messages: text content blocks must contain non-whitespace text"
    return None


def no_developer(body):
    return next(
        ("unknown variant `developer`, expected `system`" for m in body["messages"] if m["role"] == "developer"), None
    )


def no_function_role(body):
    return next(
        ("Invalid role: function" for m in body["messages"] if m["role"] == "function" or "function_call" in m), None
    )


def system_in_front(body):
    late = any(m["role"] == "system" for m in body["messages"][1:])
    return "System message must be at the beginning." if late else None


def no_system(body):
    return "System role not supported" if any(m["role"] == "system" for m in body["messages"]) else None


def alternation(body):
    letters = "".join(m["role"][0] for m in turns(body))
    if not re.fullmatch("(ua)*u?", re.sub("t+u?", "u", letters)):
        return "Conversation roles must alternate user/assistant/user/assistant/..."
    return None


def user_last(body):
    last = body["messages"][-1]["role"]
    if last in ("user", "tool"):
        return None
    return "This model does not support assistant message prefill. The conversation must end with a user message."


def mistral_order(body):
    roles = [m["role"] for m in body["messages"]]
    for one, other in pairwise(roles):
        if (one, other) in {("assistant", "system"), ("tool", "user"), ("tool", "system"), ("user", "system")}:
            return f"Unexpected role '{other}' after role '{one}'"
    if roles[-1] not in ("user", "tool"):
        return f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {roles[-1]}"
    return None


def short_ids(body):
    ids = [call["id"] for m in body["messages"] for call in m.get("tool_calls") or ()]
    wrong = next((one for one in ids if not re.fullmatch("[a-zA-Z0-9]{9}", one)), None)
    return f"Tool call id was {wrong} but must be a-z, A-Z, 0-9, with a length of 9." if wrong else None


GEMINI_SCHEMA = {
    *("type", "format", "description", "nullable", "enum", "properties", "required", "items"),
    *("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern"),
}


def gemini_tools(body):
    def visit(schema, path):
        for key in schema:
            if key not in GEMINI_SCHEMA:
                return f"Invalid JSON payload received. Unknown name \"{key}\" at '{path}': Cannot find field."
        kind = schema.get("type")
        if not isinstance(kind, str):
            return f"{path}.type: must be specified"
        if kind == "object" and not schema.get("properties"):
            return f"{path}.properties: should be non-empty for OBJECT type"
        if kind == "array" and not schema.get("items"):
            return f"{path}.items: missing field"
        if "enum" in schema and (kind != "string" or not all(isinstance(choice, str) for choice in schema["enum"])):
            return f"{path}.enum: only allowed for STRING type"
        if kind == "string" and schema.get("format", "enum") not in ("enum", "date-time"):
            return f"{path}.format: only 'enum' and 'date-time' are supported for STRING type"
        parts = [*schema.get("properties", {}).items(), *([("items", schema["items"])] if "items" in schema else [])]
        return next(filter(None, (visit(part, f"{path}.{name}") for name, part in parts)), None)

    functions = [tool["function"] for tool in body.get("tools") or ()]
    return next(filter(None, (visit(f["parameters"], f["name"]) for f in functions if "parameters" in f)), None)


def gemini_calls(body):
    for one, other in pairwise(turns(body)):
        if other.get("tool_calls") and one["role"] == "assistant":
            return "Please ensure that function call turn comes immediately after a user turn or a function response turn."
    return None


def calls_need_tools(body):
    uses = any(m["role"] == "tool" or m.get("tool_calls") for m in body["messages"])
    told = "Requests which include `tool_use` or `tool_result` blocks must define `tools`."
    return told if uses and not body.get("tools") else None


UNSUPPORTED = "property '{}' is not supported"
EXTRA = "Extra inputs are not permitted: {}"
RULES: dict[str, list[Rule]] = {
    "groq": [
        no_names,
        no_function_role,
        content_is_text,
        without("logprobs", "top_logprobs", "logit_bias", "functions", says=UNSUPPORTED),
        lambda body: "'n' : number must be at most 1" if body.get("n", 1) != 1 else None,
        within("temperature", 0, 2, "temperature must be at most 2"),
    ],
    "cerebras": [
        no_names,
        no_function_role,
        without("frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "functions", says=UNSUPPORTED),
        within("temperature", 0, 1.5, "temperature must be at most 1.5"),
    ],
    "mistral": [
        no_names_extra,
        no_function_role,
        mistral_order,
        short_ids,
        only(
            *("random_seed", "safe_prompt", "prompt_mode", "presence_penalty", "frequency_penalty", "n", "response_format"),
            *("parallel_tool_calls", "reasoning_effort"),
            says=EXTRA,
        ),
        within("temperature", 0, 1.5, "temperature: Input should be less than or equal to 1.5"),
    ],
    "cohere": [
        no_names,
        no_function_role,
        no_developer,
        content_is_not_blank,
        only("top_k", "seed", "frequency_penalty", "presence_penalty", "response_format", "n", says="unknown field: {}"),
        within("frequency_penalty", 0, 1, "frequency_penalty must be between 0 and 1"),
    ],
    "anthropic": [
        no_function_role,
        content_is_not_blank,
        alternation,
        user_last,
        calls_need_tools,
        within("temperature", 0, 1, "temperature: range: 0..1"),
        lambda body: None if body.get("max_tokens") else "max_tokens: Field required",
    ],
    "google": [
        no_function_role,
        no_developer,
        content_is_not_blank,
        gemini_tools,
        gemini_calls,
        user_last,
        only(
            *("n", "response_format", "stream_options", "reasoning_effort", "extra_body", "presence_penalty"),
            *("frequency_penalty", "parallel_tool_calls", "logprobs", "top_logprobs"),
            says='Unknown name "{}": Cannot find field.',
        ),
    ],
    "bedrock": [no_function_role, no_names, alternation, user_last, calls_need_tools, without("top_k", says=EXTRA)],
    "together": [no_function_role, no_developer, content_is_text],
    "ollama": [no_function_role, content_is_text, without("repeat_penalty", "num_predict", says="unknown field {}")],
    "deepseek": [no_developer, no_function_role, content_is_text],
    "lmstudio": [no_developer, content_is_not_blank],
    "vllm": [no_developer, no_function_role, content_is_text],
    "llamacpp": [no_developer, no_function_role, content_is_text],
    "xai": [no_function_role, content_is_text, within("temperature", 0, 2, "temperature must be at most 2")],
    "perplexity": [
        no_function_role,
        no_names_extra,
        system_in_front,
        alternation,
        user_last,
        without("n", "seed", "user", "logit_bias", "logprobs", "top_logprobs", says=EXTRA),
    ],
    "openrouter": [],
    "litellm": [],
}

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "default": 1, "description": "The first."},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "c": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "d": {"$ref": "#/$defs/Point"},
        "e": {"type": "object", "additionalProperties": {"type": "integer"}},
        "f": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
        "default": {"type": "boolean"},
    },
    "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number", "default": 0}}, "title": "Point"}},
    "required": ["a"],
}
TOOLS = [
    {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
]
WILD = [
    {"role": "system", "content": "Be brief."},
    {"role": "assistant", "content": "Hello.", "name": "me"},
    {"role": "user", "content": "One.", "name": "ann", "function_call": None},
    {"role": "user", "content": [{"type": "text", "text": "Two."}], "name": "bob"},
    {"role": "system", "content": "Be kind."},
    {"role": "assistant", "content": None, "name": "me"},
    {"role": "assistant", "content": None, "tool_calls": [tool_call("add", call_id="call_1", a=1)], "name": "me"},
    {"role": "tool", "content": "", "tool_call_id": "call_1", "name": "add"},
    {"role": "user", "content": "  ", "name": "ann"},
    {"role": "assistant", "content": "", "function_call": {"name": "now", "arguments": "{}"}},
    {"role": "function", "name": "now", "content": "noon"},
    {"role": "developer", "content": "Be wise."},
    {"role": "assistant", "content": "So?", "name": "me"},
    {"role": "system", "content": "Who speaks next?"},
    {"role": "assistant", "content": "Bob."},
]
