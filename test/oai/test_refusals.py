"""Endpoints that nobody knows: what they refuse is learnt, and remembered."""

import asyncio
import json

import openai
import pytest
import vendors
from protocol_servers import SERVERS
from vendors import RULES, TOOLS, WILD, Vendor, without

from autogen import OpenAIWrapper
from autogen.oai import _once
from autogen.testing import Fault, tool_call

HI = [{"role": "user", "content": "hi"}]
NAMED = [{"role": "system", "content": "s"}, {"role": "user", "content": "a", "name": "ann"}]
NAMED += [{"role": "user", "content": "b", "name": "bob"}]
LATE = [{"role": "system", "content": "s"}, *HI, {"role": "assistant", "content": "a"}, {"role": "system", "content": "t"}]
CALLED = [*HI, {"role": "assistant", "content": None, "tool_calls": [tool_call("now", call_id="call_1")]}]
CALLED += [{"role": "tool", "tool_call_id": "call_1", "content": "noon"}]
ENDED = [*HI, {"role": "assistant", "content": "a"}]
MANY = [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}, *HI, *HI]


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    """Emit each warning in each test, instead of once per process."""
    monkeypatch.setattr(_once, "_emitted", set())


@pytest.fixture
def create(mode):
    def create(config, **params):
        wrapper = OpenAIWrapper(config_list=[config], cache_seed=None)
        return wrapper.create(**params) if mode == "sync" else asyncio.run(wrapper.a_create(**params))

    return create


def value(name, says):
    return lambda body: says if name in body else None


MAX_TOKENS = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
)
DEVELOPER = [{"role": "developer", "content": "s"}, *HI]
FORM = {"type": "json_schema", "json_schema": {"name": "City", "schema": {"type": "object", "title": "City"}}}
PARTS = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


TEXTS = {"type": "array", "items": {"type": "string", "maxLength": 5000}, "maxItems": 10}
LIMITED = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"texts": TEXTS}}},
}
NAMED_TOOL = "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"
THINKING = "parameter.enable_thinking must be set to false for non-streaming calls"
LITELLM = "litellm.UnsupportedParamsError: Bedrock doesn't support tool calling without `tools=` param specified."


def no_parts(body):
    told = "invalid type: sequence, expected a string"
    return next((told for m in body["messages"] if not isinstance(m["content"], str)), None)


def bad_name(body):
    told = "Invalid 'messages[0].name': string does not match pattern."
    return told if any(" " in m.get("name", "") for m in body["messages"]) else None


REFUSALS = {
    "names, as Groq says it": (vendors.no_names, NAMED, {}),
    "names, as Mistral says it": (vendors.no_names_extra, NAMED, {}),
    "names with a blank, as OpenAI says it": (bad_name, [{"role": "user", "content": "hi", "name": "Ann B"}], {}),
    "turns in a row": (vendors.alternation, MANY, {}),
    "late system messages": (vendors.system_in_front, LATE, {}),
    "system messages": (vendors.no_system, LATE, {}),
    "developer messages": (vendors.no_developer, DEVELOPER, {}),
    "the assistant last": (vendors.user_last, ENDED, {}),
    "orders that Mistral refuses": (vendors.mistral_order, [*CALLED, *HI], {"tools": TOOLS}),
    "long ids": (vendors.short_ids, CALLED, {"tools": TOOLS}),
    "null content": (vendors.content_is_text, CALLED, {"tools": TOOLS}),
    "blank content": (vendors.content_is_not_blank, [*HI, {"role": "assistant", "content": ""}, *HI], {}),
    "content in parts": (no_parts, PARTS, {}),
    "calls without tools": (vendors.calls_need_tools, CALLED, {}),
    "schemas": (vendors.gemini_tools, HI, {"tools": TOOLS}),
    "a form of the answer": (
        value("response_format", "This response_format type is unavailable now"),
        HI,
        {"response_format": FORM},
    ),
    "a form of the answer, as LM Studio says it": (
        value("response_format", "'response_format.type' must be 'json_schema' or 'text'"),
        HI,
        {"response_format": {"type": "json_object"}},
    ),
    "a form of the answer, as llama.cpp says it": (
        value("response_format", "Failed to initialize samplers: failed to parse grammar"),
        HI,
        {"response_format": FORM},
    ),
    "a form of the answer beside tools, as llama.cpp says it": (
        value("response_format", "Cannot use custom grammar constraints with tools."),
        HI,
        {"response_format": FORM, "tools": TOOLS},
    ),
    "large limits of tools, as llama.cpp says it": (
        lambda body: (
            "Failed to initialize samplers: number of repetitions exceeds sane defaults"
            if "5000" in json.dumps(body["tools"])
            else None
        ),
        HI,
        {"tools": [LIMITED]},
    ),
    "thinking without a budget, as DashScope says it": (
        lambda body: None if body.get("thinking_budget") else "The thinking_budget parameter must be a positive integer",
        HI,
        {},
    ),
    "a named tool, as LM Studio says it": (
        lambda body: NAMED_TOOL if isinstance(body.get("tool_choice"), dict) else None,
        HI,
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "now"}}},
    ),
    "a forced tool while thinking": (
        lambda body: (
            "tool_choice='required' is not supported in thinking mode" if body.get("tool_choice") == "required" else None
        ),
        HI,
        {"tools": TOOLS, "tool_choice": "required"},
    ),
    "thinking without a stream, as DashScope says it": (
        lambda body: None if body.get("enable_thinking") is False else THINKING,
        HI,
        {},
    ),
    "null content, as llama.cpp says it": (
        lambda body: (
            "Value is not an array or object: null" if any(m["content"] is None for m in body["messages"]) else None
        ),
        CALLED,
        {"tools": TOOLS},
    ),
    "calls without tools, as LiteLLM says it": (
        lambda body: LITELLM if any("tool_calls" in m for m in body["messages"]) else None,
        CALLED,
        {},
    ),
    "max_tokens": (value("max_tokens", MAX_TOKENS), HI, {"max_tokens": 5}),
    "max_completion_tokens": (without("max_completion_tokens", says="unknown field {}"), HI, {"max_completion_tokens": 5}),
}
WARNED = {
    "temperature": (value("temperature", TEMPERATURE), HI, {"temperature": 0.2}),
    "stream_options": (
        without("stream_options", says="Extra inputs are not permitted: {}"),
        HI,
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "reasoning_effort, as xAI says it": (
        value("reasoning_effort", "Model grok-3 does not support parameter reasoningEffort."),
        HI,
        {"reasoning_effort": "low"},
    ),
    "parallel_tool_calls": (
        without("parallel_tool_calls", says="Unrecognized request argument supplied: {}"),
        HI,
        {"tools": TOOLS, "parallel_tool_calls": False},
    ),
}


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_refused_is_sent_in_another_form_and_never_again(create, openai_server, refusal, status):
    rule, messages, params = REFUSALS[refusal]
    vendor = Vendor([rule], status=status)
    config = openai_server(vendor).config
    for _ in range(2):
        assert create(config, messages=messages, **params).choices[0].message.content == "fine"
    assert len(vendor.refused) == 1


@pytest.mark.parametrize("refused", WARNED)
def test_a_parameter_that_is_refused_is_left_out_with_a_warning(create, openai_server, refused):
    rule, messages, params = WARNED[refused]
    vendor = Vendor([rule])
    config = openai_server(vendor).config
    with pytest.warns(UserWarning, match=f"does not take {refused.partition(',')[0]}"):
        create(config, messages=messages, **params)
    create(config, messages=messages, **params)
    assert len(vendor.refused) == 1


def test_several_refusals_are_learnt_one_after_the_other(create, openai_server):
    vendor = Vendor([vendors.no_names, vendors.no_system, vendors.alternation])
    config = openai_server(vendor).config
    for _ in range(2):
        assert create(config, messages=[*NAMED, *LATE]).choices[0].message.content == "fine"
    assert len(vendor.refused) <= 3
    assert "ann: a" in vendor.requests[0]["messages"][0]["content"]


@pytest.mark.parametrize("api_type", ["anthropic", "mistral", "google", "groq", "cohere"])
def test_a_proxy_of_a_known_vendor_is_found_out_without_its_name(openai_server, api_type):
    rules = [rule for rule in RULES[api_type] if rule.__module__ == "vendors" and rule.__name__ != "<lambda>"]
    vendor = Vendor(rules)
    server = openai_server(vendor)
    history = [m for m in WILD if m["role"] != "function" and "function_call" not in m]
    response = OpenAIWrapper(config_list=[server.config], cache_seed=None).create(messages=history, tools=TOOLS)
    assert response.choices[0].message.content == "fine"


def test_what_did_not_help_is_not_remembered(create, openai_server):
    def stubborn(body):
        return "property 'name' is unsupported, and so is everything else"

    vendor = Vendor([stubborn])
    config = openai_server(vendor).config
    with pytest.raises(openai.BadRequestError, match="everything else"):
        create(config, messages=NAMED)
    vendor.rules.clear()
    create(config, messages=NAMED)
    assert vendor.requests[0]["messages"] == NAMED


def test_what_one_model_refuses_is_not_held_against_another(create, openai_server):
    vendor = Vendor([lambda body: vendors.no_names(body) if body["model"] == "picky" else None])
    config = openai_server(vendor).config
    for model in ("picky", "easy"):
        create({**config, "model": model}, messages=NAMED)
    assert "name" not in vendor.requests[0]["messages"][1]
    assert vendor.requests[1]["messages"] == NAMED


@pytest.mark.parametrize("message", ["You have no credit left.", "This model's maximum context length is 10 tokens."])
def test_another_error_is_not_asked_about_again(create, openai_server, message):
    vendor = Vendor([lambda body: message])
    with pytest.raises(openai.BadRequestError, match=message):
        create(openai_server(vendor).config, messages=WILD, temperature=0.5)
    assert len(vendor.refused) == 1


def test_nothing_is_tried_where_requests_are_to_be_left_as_they_are(create, openai_server):
    vendor = Vendor([vendors.no_names])
    with pytest.raises(openai.BadRequestError):
        create({**openai_server(vendor).config, "adapt_request": False}, messages=NAMED)
    assert len(vendor.refused) == 1


VENDORS = {
    "responses": ({"service_tier": "flex"}, "Unsupported parameter: 'service_tier' is not supported with this model."),
    "anthropic": ({"stop": "END"}, "stop_sequences: Extra inputs are not permitted"),
    "google": (
        {"seed": 1},
        "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config': Cannot find field.",
    ),
    "converse": ({"top_k": 5}, "The model returned the following errors: extraneous key [top_k] is not permitted"),
}


@pytest.mark.parametrize("protocol", [name for name in SERVERS if name != "chat"])
def test_a_parameter_that_a_model_behind_a_vendors_protocol_refuses_is_left_out(protocol):
    params, refusal = VENDORS[protocol]
    with SERVERS[protocol](Fault(400, refusal), "ok", "ok") as server:
        wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
        for _ in range(2):
            wrapper.create(messages=HI, **params)
        bodies = [json.dumps(body).replace("_", "").lower() for body in server.requests]
    word = "stopsequences" if "stop" in params else next(iter(params)).replace("_", "")
    assert [word in body for body in bodies] == [True, False, False]
