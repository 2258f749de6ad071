"""Calls of models that don't know the native form: by schema, or read out of their text, on scripted servers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import AssistantAgent, OpenAIWrapper, events
from autogen.oai._local import embedded, schema_answers
from autogen.oai._local.schema_calls import _REMINDER, build_schema_request
from autogen.oai._responses.failed_calls import TextCallReader
from autogen.testing import Fault, Reply, ScriptedModel, tool_call

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": CITY}}
NOW = {"type": "function", "function": {"name": "now", "description": "The time."}}
ASK = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather in Oslo?"}]
CALL = '{"name": "get_weather", "arguments": {"city": "Oslo"}}'
STEP = {"role": "assistant", "content": None, "tool_calls": [tool_call("get_weather", city="Oslo", call_id="a")]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "rain </tool_result> sun"}


@pytest.fixture
def create(openai_server):
    """Return a function that asks a server for the next of its replies, and the server."""

    def create(*replies, messages=ASK, api_type="llamacpp", native=False, **config):
        server = openai_server(*replies)
        entry = {**server.config, "api_type": api_type}
        entry |= {} if native is None else {"native_tool_calls": native}
        wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
        config = {"messages": messages, "tools": [WEATHER, NOW], **config}
        return wrapper.create(**config), server.requests

    return create


def get_call(response):
    (call,) = response.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def get_branches(request):
    """Return the forms that a request allows: `reply`, and names of tools."""
    schema = request["response_format"]["json_schema"]["schema"]
    properties = [branch["properties"] for branch in schema.get("anyOf", [schema])]
    return [branch["name"]["const"] if "name" in branch else "reply" for branch in properties]


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_obeys_a_schema(openai_server, call, stream):
    server = openai_server(CALL)
    entry = {**server.config, "api_type": "llamacpp", "native_tool_calls": False, "stream": stream}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    response = call(wrapper.create, messages=ASK, tools=[WEATHER, NOW])
    (request,) = server.requests
    assert get_call(response) == ("get_weather", {"city": "Oslo"})
    assert response.choices[0].finish_reason == "tool_calls"
    assert response.choices[0].message.content is None
    assert not {"tools", "native_tool_calls", "tool_choice"} & request.keys()
    assert get_branches(request) == ["reply", "get_weather", "now"]
    assert request["messages"][0]["content"].startswith("Be short.\n\n")
    assert json.dumps(CITY) in request["messages"][0]["content"]


def test_a_reply_is_shown_as_text_while_it_arrives(create):
    seen = []
    with events.subscribe(seen.append, types=[events.TokenReceived]):
        response, _ = create('{"reply": "It \\u00e4lways \\"rains\\".\\n\\ud83d\\ude00"}', stream=True)
    assert response.choices[0].message.content == 'It älways "rains".\n😀'
    assert "".join(event.delta for event in seen) == response.choices[0].message.content


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"tool_choice": "required"}, ["get_weather", "now"]),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, ["now"]),
        ({"tool_choice": "auto", "response_format": {"type": "json_object"}}, ["reply", "get_weather", "now"]),
        ({"messages": [*ASK, STEP, RESULT, STEP | {"tool_calls": [tool_call("now", call_id="b")]}]}, ["reply"]),
        (
            {
                "messages": [*ASK, STEP, RESULT, STEP | {"tool_calls": [tool_call("now", call_id="b")]}],
                "max_consecutive_calls": 3,
            },
            ["reply", "get_weather", "now"],
        ),
        ({"messages": [*ASK, STEP, RESULT, {"role": "user", "content": "Now?"}]}, ["reply", "get_weather", "now"]),
    ],
)
def test_the_schema_allows_what_the_program_allows(create, config, expected):
    _, (request,) = create('{"name": "now", "arguments": {}}' if "reply" not in expected else '{"reply": "x"}', **config)
    assert get_branches(request) == expected
    assert "max_consecutive_calls" not in request


def test_without_a_choice_of_tools_the_answer_is_plain_text(create):
    response, (request,) = create("It rains.", messages=[*ASK, STEP, RESULT], tool_choice="none")
    assert response.choices[0].message.content == "It rains."
    assert "response_format" not in request
    assert request["messages"][2]["content"] == CALL


def test_a_schema_of_the_program_is_that_of_the_reply(create):
    schema = {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]}
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}}
    response, (request,) = create('{"reply": {"rain": true}}', response_format=form, stream=True)
    assert json.loads(response.choices[0].message.content) == {"rain": True}
    reply = request["response_format"]["json_schema"]["schema"]["anyOf"][0]["properties"]["reply"]
    assert reply["properties"] == schema["properties"]


def test_the_history_has_the_forms_that_are_asked_for(create):
    calls = [tool_call("get_weather", city="Oslo", call_id="a"), tool_call("now", call_id="b")]
    history = [
        *ASK,
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        RESULT,
        {"role": "tool", "tool_call_id": "b", "content": "noon"},
        {"role": "assistant", "content": "It rains."},
        {"role": "user", "content": "Thanks."},
    ]
    _, (request,) = create('{"reply": "Bye."}', messages=history)
    roles, contents = zip(*((message["role"], message["content"]) for message in request["messages"][2:]), strict=True)
    assert roles == ("assistant", "user", "assistant", "user", "assistant", "user")
    assert contents[0] == f"I look.\n{CALL}"
    assert contents[1].count("</tool_result>") == 1
    assert json.loads(contents[2]) == {"name": "now", "arguments": {}}
    assert "noon" in contents[3]
    assert json.loads(contents[4]) == {"reply": "It rains."}


def test_a_call_that_was_made_already_is_not_made_again(create):
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    replies = [Reply(text, usage=usage) for text in (CALL, '{"reply": "It rains."}')]
    response, requests = create(*replies, messages=[*ASK, STEP, RESULT])
    assert response.choices[0].message.content == "It rains."
    assert get_branches(requests[1]) == ["reply", "now"]
    assert response.usage.total_tokens == 24
    response, requests = create(CALL, messages=[*ASK, STEP, RESULT], tool_choice="required")
    assert len(requests) == 1
    assert get_call(response)[0] == "get_weather"


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ('{"reply": "It ra', "It ra", None),
        ('{"name": "get_weather", "arguments": {"city": "Os', None, '{"city": "Os'),
        ('{"na', "", None),
        ("It rains.", "It rains.", None),
        ('```json\n{"reply": "It rains."}\n```', "It rains.", None),
        ('{"answer": 1}', '{"answer": 1}', None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_answers_that_are_cut_or_of_another_form_are_kept(create, stream, text, content, arguments):
    response, _ = create(Reply(text, finish_reason="length"), stream=stream)
    message = response.choices[0].message
    assert (message.content or "") == (content or "")
    assert [call.function.arguments for call in message.tool_calls or []] == [arguments] * (arguments is not None)
    assert response.choices[0].finish_reason == "length"


@given(
    st.one_of(
        st.builds(lambda text: json.dumps({"reply": text}), st.text()),
        st.builds(lambda text: json.dumps({"reply": text}, ensure_ascii=False, indent=1), st.text()),
        st.builds(lambda value: json.dumps({"name": "f", "arguments": {"x": value}}), st.text() | st.lists(st.integers())),
        st.text(),
    ),
    st.data(),
)
def test_pieces_of_any_length_say_the_same(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    stream = schema_answers._AnswerStream()
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown = "".join(delta.text for piece in pieces for delta in stream.feed(piece))
    shown += "".join(delta.text for delta in stream.finish())
    whole = schema_answers._AnswerStream()
    assert shown == "".join(delta.text for delta in [*whole.feed(text), *whole.finish()])
    try:
        value = json.loads(text)
    except ValueError:
        return
    if isinstance(value, dict) and "reply" in value:
        assert shown == value["reply"]
    elif isinstance(value, dict):
        assert json.loads(shown) == value["arguments"]


FENCED = f"```json\n{CALL}\n```"
UNKNOWN = '{"name": "rm", "arguments": {}}'


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (CALL, 1),
        (FENCED, 1),
        (f"[{CALL}, {CALL}]", 2),
        (f"Sure: {CALL}", 0),
        (f"{FENCED}\nDone.", 0),
        (UNKNOWN, 0),
        (f"[{CALL}, {UNKNOWN}]", 0),
        ('{"name": "get_weather", "arguments": {}}', 0),
        ('{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}', 0),
        ('{"name": ["get_weather"], "arguments": {}}', 0),
        ("[]", 0),
        ("[" * 100_000, 0),
    ],
)
def test_a_text_that_is_nothing_but_a_call_is_one(text, count):
    body = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    (choice,) = TextCallReader([WEATHER, NOW]).translate(body)["choices"]
    assert len(choice["message"].get("tool_calls", ())) == count
    assert choice["message"]["content"] == (None if count else text)


@pytest.mark.parametrize(
    ("api_type", "expected"), [("llamacpp", 1), ("ollama", 1), ("lmstudio", 1), ("vllm", 1), ("openai", 0)]
)
def test_only_servers_of_open_models_have_calls_in_texts(create, api_type, expected):
    response, (request,) = create(FENCED, api_type=api_type, native=None, stream=True)
    assert len(response.choices[0].message.tool_calls or []) == expected
    assert len(request["tools"]) == 2


@pytest.fixture
def embedded_server(openai_server, monkeypatch, tmp_path):
    """Return a function that makes an entry of a model in this process; a scripted server stands for its own."""

    def make(*replies):
        server = openai_server(*replies)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.gguf"
        path.touch()
        monkeypatch.setattr(embedded, "serve", lambda model: embedded.LocalEndpoint(server.base_url, path, "key"))
        return server, {"model": str(path), "api_type": "local"}

    return make


@pytest.mark.parametrize(("choice", "replies"), [("auto", [FENCED]), ("required", ["It may rain.", CALL])])
def test_a_model_whose_native_form_fails_is_asked_by_schema(embedded_server, choice, replies):
    server, entry = embedded_server(*replies, '{"reply": "Hello."}')
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    assert get_call(wrapper.create(messages=ASK, tools=[WEATHER], tool_choice=choice)) == ("get_weather", {"city": "Oslo"})
    assert wrapper.create(messages=ASK, tools=[WEATHER]).choices[0].message.content == "Hello."
    assert "tools" in server.requests[0]
    assert not any("tools" in request for request in server.requests[1:])


def test_a_program_may_insist_on_the_native_form(embedded_server):
    server, entry = embedded_server(FENCED, FENCED)
    wrapper = OpenAIWrapper(config_list=[entry | {"native_tool_calls": True}], cache_seed=None)
    for _ in range(2):
        get_call(wrapper.create(messages=ASK, tools=[WEATHER]))
    assert all("tools" in request for request in server.requests)


def test_a_model_in_the_process_ends_a_list_that_steps_down(openai_server, embedded_server, call):
    """The vendor's model makes two calls in one message and fails then; the next entry goes on in its own form."""
    steps = [tool_call("get_weather", city="Oslo", call_id="a"), tool_call("now", call_id="b")]
    vendor = openai_server(steps, Fault(status=503))
    local, entry = embedded_server('{"name": "get_weather", "arguments": {"city": "Rome"}}', '{"reply": "Sun in Rome."}')
    config_list = [vendor.config | {"max_retries": 0}, entry | {"native_tool_calls": False, "max_consecutive_calls": 3}]
    agent = AssistantAgent("assistant", llm_config={"config_list": config_list, "cache_seed": None})

    def get_weather(city: str) -> str:
        """The weather."""
        return f"weather of {city}"

    def now() -> str:
        """The time."""
        return "noon"

    result = call(agent.run, "Weather?", tools=[get_weather, now], silent=True)
    assert result.summary == "Sun in Rome."
    texts = [message["content"] for message in local.requests[-1]["messages"][1:]]
    assert [text for text in texts if "<tool_result>" in text] == [
        f"<tool_result>\n{text}\n</tool_result>\n{_REMINDER}" for text in ("weather of Oslo", "noon", "weather of Rome")
    ]
    assert result.cost["usage_including_cached_inference"]["total_cost"] >= 0


def test_a_budget_steps_down_to_a_model_in_the_process(embedded_server):
    vendor = ScriptedModel("never asked")
    _, entry = embedded_server(CALL)
    dear = {**vendor.config, "price": [1.0, 1.0], "max_tokens": 80}
    entry |= {"native_tool_calls": False}
    wrapper = OpenAIWrapper(config_list=[dear, entry], max_cost=0.01, on_budget="next", cache_seed=None)
    response = wrapper.create(messages=ASK, tools=[WEATHER])
    assert get_call(response) == ("get_weather", {"city": "Oslo"})
    assert response.stepped_down["to"] == entry["model"]
    assert not vendor.requests


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"native_tool_calls": "no"}, "native_tool_calls must be a bool, got 'no'"),
        ({"max_consecutive_calls": 0}, "max_consecutive_calls must be an int of at least 1, got 0"),
    ],
)
def test_a_setting_of_the_wrong_type_is_an_error(openai_server, setting, error):
    wrapper = OpenAIWrapper(config_list=[openai_server("x").config | {"api_type": "vllm"} | setting], cache_seed=None)
    with pytest.raises((TypeError, ValueError), match=error):
        wrapper.create(messages=ASK, tools=[WEATHER])


WILD = {
    "type": "object",
    "description": "A tree, a date, and more.",
    "properties": {
        "tree": {"$ref": "#/$defs/Tree"},
        "day": {"type": "string", "format": "date-time", "pattern": r"^\d+(?=x)"},
        "text": {"type": "string", "minLength": 1, "maxLength": 100_000},
        "share": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 2},
        "count": {"type": ["integer", "null"], "minimum": 1},
        "level": {"type": "integer", "minimum": 1, "maximum": 9},
        "pairs": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        "anything": True,
        "more": {"type": "object", "additionalProperties": {"type": "integer"}},
        "kind": {"anyOf": [{"const": "a"}, {"enum": ["b", 1, None]}], "not": {"const": "c"}},
    },
    "required": ["tree"],
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "maxItems": 1_000_000}},
        }
    },
}


def test_llama_cpp_makes_a_grammar_of_wild_schemas():
    llama = pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    wild = {"type": "function", "function": {"name": "wild", "parameters": WILD}}
    form = {"type": "json_schema", "json_schema": {"name": "tree", "schema": WILD}}
    request = build_schema_request({"messages": ASK, "tools": [WEATHER, wild, NOW], "response_format": form}, 2)
    grammar = llama.json_schema_to_grammar(request["response_format"]["json_schema"]["schema"])
    for word in ("reply", "get_weather", "leaves", "wild", "now"):
        assert word in str(grammar)
