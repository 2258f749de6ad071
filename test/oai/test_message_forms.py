"""Messages in the forms of endpoints: no text is lost, what is forbidden is gone, twice is once, what is given stays."""

import copy
import datetime
import json
import re
from inspect import isfunction
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PositiveInt

from autogen.function_utils import get_function_schema, load_basemodels_if_needed
from autogen.oai._endpoints import message_forms as forms
from autogen.oai._endpoints.provider_registry import PROVIDERS
from autogen.oai._endpoints.tool_schemas import simplify_tools

WORDS = st.text("abc \n", max_size=5)
PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, WORDS), st.just({"type": "image_url", "image_url": {"url": "u"}})
)
CONTENT = st.one_of(st.none(), WORDS, st.lists(PART, max_size=3))
NAME = st.sampled_from([None, "ann", "bob"])
CALL = st.builds(
    lambda call_id, word: {
        "id": call_id,
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"x": word})},
    },
    st.sampled_from(["call_1", "abcdefghi", "c2"]),
    WORDS,
)


def message(role, content, name, call, keys):
    made = {"role": role, "content": content}
    if "name" in keys:
        made["name"] = name
    if role == "tool":
        made["tool_call_id"] = call["id"]
    if role == "function":
        made["name"] = "f"
    if role == "assistant" and "calls" in keys:
        made["tool_calls"] = [call]
    if role == "assistant" and "function" in keys:
        made["function_call"] = call["function"]
    if "null" in keys:
        made["refusal"] = None
    if role == "assistant" and "thinking" in keys:
        made["reasoning_content"] = "hm"
    return made


ROLES = ["system", "developer", "user", "user", "assistant", "assistant", "tool", "function"]
KEYS = st.sets(st.sampled_from(["name", "calls", "function", "null", "thinking"]))
HISTORY = st.lists(st.builds(message, st.sampled_from(ROLES), CONTENT, NAME, CALL, KEYS), max_size=8)


def words(messages):
    """All that anyone says, without blanks: whatever joins it."""
    texts = []
    for m in messages:
        content = m.get("content")
        texts += [content] if isinstance(content, str) else [part.get("text", "IMAGE") for part in content or ()]
        texts += [call["function"]["arguments"] for call in m.get("tool_calls") or ()]
        texts += [m["function_call"]["arguments"]] if m.get("function_call") else []
    return [word for text in texts for word in re.sub(r'[^abcx:{}"IMAGE]+', " ", text).split()]


def is_blank(m):
    content = m.get("content")
    return not (content.strip() if isinstance(content, str) else content)


def roles(messages):
    return [m["role"] for m in messages]


def starts(messages):
    return sum(1 for m in messages if m["role"] in forms.SYSTEM)


FORBIDDEN = {
    forms.remove_nulls: lambda ms: any(value is None for m in ms for key, value in m.items() if key != "content"),
    forms.remove_names: lambda ms: any("name" in m for m in ms if m["role"] != "function"),
    forms.merge_system_messages: lambda ms: any(m["role"] in forms.SYSTEM for m in ms[1:]),
    forms.convert_late_system_to_user: lambda ms: any(m["role"] in forms.SYSTEM for m in ms[1:]),
    forms.convert_system_to_user: lambda ms: any(m["role"] in forms.SYSTEM for m in ms),
    forms.convert_developer_to_system: lambda ms: "developer" in roles(ms),
    forms.ensure_alternation: lambda ms: any(
        one["role"] == other["role"]
        and one["role"] in ("user", "assistant", "system")
        and not (one.get("function_call") and other.get("function_call"))
        for one, other in pairwise(ms)
    ),
    forms.ensure_user_last: lambda ms: ms[-1]["role"] not in ("user", "tool", "function"),
    forms.insert_tool_acknowledgements: lambda ms: ("tool", "user") in pairwise(roles(ms)),
    forms.fill_missing_content: lambda ms: any(m.get("content") is None for m in ms),
    forms.replace_blanks: lambda ms: any(
        is_blank(m) and not (m["content"] is None and (m.get("tool_calls") or m.get("function_call"))) for m in ms
    ),
    forms.join_text_parts: lambda ms: any(
        isinstance(m["content"], list) and all(part["type"] == "text" for part in m["content"]) for m in ms
    ),
    forms.shorten_call_ids: lambda ms: any(
        len(one) != 9
        for m in ms
        for one in [m.get("tool_call_id", "123456789"), *(c["id"] for c in m.get("tool_calls", ()))]
    ),
    forms.convert_functions_to_tools: lambda ms: any(m["role"] == "function" or m.get("function_call") for m in ms),
    forms.remove_thinking: lambda ms: any("reasoning_content" in m for m in ms),
    forms.keep_thinking_beside_calls: lambda ms: any(
        ("reasoning_content" in m) is not bool(m.get("tool_calls")) for m in ms
    ),
    forms.sign_calls: lambda ms: any(
        "extra_content" not in m["tool_calls"][0]
        for m in ms[max((i for i, m in enumerate(ms) if m["role"] == "user"), default=0) + 1 :]
        if m.get("tool_calls")
    ),
    forms.render_calls_as_text: lambda ms: any(m["role"] in ("tool", "function") or m.get("tool_calls") for m in ms),
}


@pytest.mark.parametrize("form", FORBIDDEN, ids=lambda form: form.__name__)
@given(history=HISTORY)
def test_a_form_keeps_every_text_and_its_word(form, history):
    before = copy.deepcopy(history)
    result = form(history)
    assert history == before
    assert not FORBIDDEN[form](result)
    assert form(result) == result
    left = words(result)
    for word in words(before):
        left.remove(word)  # each is there, as often as before


@pytest.mark.parametrize("api_type", {row.forms: api_type for api_type, row in PROVIDERS.items()}.values())
@given(history=HISTORY)
def test_a_vendors_forms_together_lose_nothing_and_settle(api_type, history):
    before = copy.deepcopy(history)
    provider = PROVIDERS[api_type]
    result = provider.adapt({"messages": history})["messages"]
    assert history == before
    assert provider.adapt({"messages": result})["messages"] == result
    left = words(result)
    for word in words(before):
        left.remove(word)


def test_every_form_is_tried_here():
    # All public functions of the module are transforms; this one adds text.
    functions = [value for value in vars(forms).values() if isfunction(value) and value.__module__ == forms.__name__]
    made = {function for function in functions if not function.__name__.startswith("_")}
    made -= {forms.describe_response_format}
    assert made == FORBIDDEN.keys()


def test_two_speakers_are_told_apart_and_one_needs_no_name():
    ann, bob = ({"role": "user", "content": "hi", "name": name} for name in ("ann", "bob"))
    assert [m["content"] for m in forms.remove_names([ann, bob])] == ["ann: hi", "bob: hi"]
    assert forms.remove_names([ann, ann]) == [{"role": "user", "content": "hi"}] * 2


def test_a_question_in_a_last_system_message_stays_last():
    history = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "who?"}]
    for form in (forms.merge_system_messages, forms.convert_late_system_to_user):
        assert form(history) == [*history[:2], {"role": "user", "content": "who?"}]


def test_functions_become_tools_with_matching_ids():
    call = {"name": "f", "arguments": "{}"}
    history = [
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "f", "content": "1"},
    ]
    asked, answered = forms.convert_functions_to_tools(history)
    assert asked["tool_calls"][0]["function"] == call
    assert answered == {"role": "tool", "content": "1", "tool_call_id": asked["tool_calls"][0]["id"]}


SCHEMA = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "object"},
            {"type": ["string", "null"]},
            {"$ref": "#/$defs/T"},
            {},
            True,
            {"type": "null"},
            {"enum": [1, 2], "type": "integer", "default": 1},
            {"enum": ["a", None]},
            {"enum": [None]},
            {"const": True, "type": "boolean"},
            {"type": "array"},
            {"items": True, "type": "array", "uniqueItems": True},
            {"type": "integer", "exclusiveMinimum": 0},
            {"type": "string", "format": "date", "writeOnly": True},
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {"anyOf": [a, b], "default": None}, inner, inner),
        st.builds(lambda a, b: {"allOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"type": "array", "items": a, "default": []}, inner),
        st.builds(lambda a, b: {"type": "array", "prefixItems": [a, b], "minItems": 2, "maxItems": 2}, inner, inner),
        st.builds(lambda a: {"type": "object", "additionalProperties": a}, inner),
        st.builds(lambda a, b: {"type": "object", "properties": {"default": a, "y": b}, "title": "t"}, inner, inner),
    ),
    max_leaves=6,
)


@given(schema=SCHEMA, definition=SCHEMA)
def test_plain_tools_know_nothing_that_strict_endpoints_refuse(schema, definition):
    from vendors import gemini_tools

    parameters = {"type": "object", "properties": {"p": schema}, "$defs": {"T": definition}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    before = copy.deepcopy(tools)
    plain = simplify_tools(tools)
    assert tools == before
    assert gemini_tools({"tools": plain}) is None
    assert simplify_tools(plain) == plain


class Tree(BaseModel):
    n: int
    children: list["Tree"] = []


GEMINI_FORMS = [
    (dict[str, int], {"type": "string"}, '{"a": 1}', {"a": 1}),
    (dict, {"type": "string"}, '{"a": [1]}', {"a": [1]}),
    (tuple[int, int], {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}, [1, 2], (1, 2)),
    (tuple[int, str], {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}, ["1", "2"], (1, "2")),
    (list, {"type": "array", "items": {"type": "string"}}, ["a"], ["a"]),
    (set[int], {"type": "array", "items": {"type": "integer"}}, [1], {1}),
    (Literal[1, 2], {"type": "string", "enum": ["1", "2"]}, "2", 2),
    (Literal["a", None], {"type": "string", "enum": ["a"], "nullable": True}, None, None),
    (Any, {"type": "string"}, '[{"a": 1}]', [{"a": 1}]),
    (Any, {"type": "string"}, "text", "text"),
    (datetime.date, {"type": "string"}, "2020-01-31", datetime.date(2020, 1, 31)),
    (PositiveInt, {"type": "integer"}, 1, 1),
]


@pytest.mark.parametrize(("annotation", "schema", "argument", "value"), GEMINI_FORMS)
def test_the_forms_of_the_strictest_endpoints_are_converted_back(annotation, schema, argument, value):
    def tool(p):
        return p

    tool.__annotations__ = {"p": annotation, "return": str}
    [simple] = simplify_tools([get_function_schema(tool, description="A tool.")])
    form = simple["function"]["parameters"]["properties"]["p"]
    assert {key: part for key, part in form.items() if key != "description"} == schema
    assert load_basemodels_if_needed(tool)(p=argument) == value


def test_a_recursive_model_ends_with_text_that_is_converted_back():
    def tool(p: Tree) -> str:
        return str(len(p.children[0].children))

    [simple] = simplify_tools([get_function_schema(tool, description="A tool.")])
    children = simple["function"]["parameters"]["properties"]["p"]["properties"]["children"]
    assert children["items"]["type"] == "string"
    text = json.dumps({"n": 2, "children": [{"n": 3}]})
    assert load_basemodels_if_needed(tool)(p={"n": 1, "children": [text]}) == "1"
