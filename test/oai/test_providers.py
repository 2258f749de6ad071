"""The table of providers: the real SDK against loopback servers that refuse what the vendors refuse."""

import asyncio
import copy
import json
import warnings

import openai
import pytest
from vendors import RULES, TOOLS, WILD, Vendor

from autogen import ConversableAgent, OpenAIWrapper
from autogen.oai import _once
from autogen.oai._endpoints.provider_registry import PROVIDERS
from autogen.testing import Reply, tool_call

HI = [{"role": "user", "content": "hi"}]
SETTINGS = {
    "temperature": 0.5,
    "max_tokens": 50,
    "seed": 3,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "logit_bias": {"1": 1},
    "n": 1,
    "user": "me",
}


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    """Emit each warning in each test, instead of once per process."""
    monkeypatch.setattr(_once, "_emitted", set())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for row in PROVIDERS.values():
        for name in row.connection.key_variables:
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def create(mode):
    """Ask the one endpoint of a config in the mode under test, sync or async."""

    def create(config, **params):
        wrapper = OpenAIWrapper(config_list=[config], cache_seed=None)
        return wrapper.create(**params) if mode == "sync" else asyncio.run(wrapper.a_create(**params))

    return create


def config_for(api_type, server, **more):
    settings = {"aws_region": "us-east-1"} if api_type == "bedrock" else {}
    # The vendor's layer for chat completions, whether its own SDK is installed or not.
    return {**server.config, "api_type": api_type, "protocol": "chat", **settings, **more}


def said(response):
    [reply] = OpenAIWrapper.extract_text_or_completion_object(response)
    return reply if isinstance(reply, str) else reply.content


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api_type", RULES)
def test_a_vendor_takes_a_wild_history_and_every_setting(create, openai_server, api_type, stream):
    vendor = Vendor(RULES[api_type])
    config = config_for(api_type, openai_server(vendor), **SETTINGS)
    before = copy.deepcopy(WILD)
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        response = create(config, messages=WILD, tools=TOOLS, **options)
    assert said(response) == "fine"
    assert not vendor.refused
    assert before == WILD
    sent = json.dumps(vendor.requests[0]["messages"])
    assert all(
        word in sent for word in ("brief", "kind", "wise", "Hello", "One", "Two", "noon", "So?", "Who speaks", "Bob.")
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api_type", RULES)
def test_a_vendor_calls_tools(create, openai_server, api_type, stream):
    vendor = Vendor(RULES[api_type], tool_call("add", call_id="abcdefghi", a=1), "done")
    config = config_for(api_type, openai_server(vendor))
    [message] = OpenAIWrapper.extract_text_or_completion_object(create(config, messages=HI, tools=TOOLS, stream=stream))
    assert message.tool_calls[0].function.arguments == '{"a": 1}'
    history = [*HI, message.model_dump(), {"role": "tool", "tool_call_id": "abcdefghi", "content": "2"}]
    assert said(create(config, messages=history, tools=TOOLS, stream=stream)) == "done"
    assert not vendor.refused


@pytest.mark.parametrize("api_type", RULES)
def test_a_history_with_calls_is_taken_without_tools(create, openai_server, api_type):
    vendor = Vendor(RULES[api_type])
    assert said(create(config_for(api_type, openai_server(vendor)), messages=WILD)) == "fine"
    assert not vendor.refused


def test_agents_talk_through_a_vendor(call, openai_server, agent):
    vendor = Vendor(RULES["anthropic"], "one", "two")
    config = {"config_list": [config_for("anthropic", openai_server(vendor))], "cache_seed": None}
    claude, user = agent("claude", llm_config=config), agent("user", default_auto_reply="go on")
    call(user.initiate_chat, claude, message="begin", max_turns=2)
    assert not vendor.refused
    assert [m["role"] for m in vendor.asked[1]] == ["system", "user", "assistant", "user"]
    assert isinstance(claude, ConversableAgent)


@pytest.mark.parametrize("api_type", [name for name, row in PROVIDERS.items() if row.connection.base_url])
def test_a_key_comes_from_the_environment_and_never_from_openai(monkeypatch, api_type):
    monkeypatch.setenv("OPENAI_API_KEY", "for OpenAI alone")
    row = PROVIDERS[api_type]
    if row.connection.requires_key:
        if api_type != "google":  # without a key Google is Vertex AI
            with pytest.raises(openai.OpenAIError, match=row.connection.key_variables[0]) as caught:
                OpenAIWrapper(config_list=[{"model": "m", "api_type": api_type}])
            assert isinstance(caught.value, (ValueError, AssertionError))
        monkeypatch.setenv(row.connection.key_variables[0], "from the environment")
    entry = {"model": "m", "api_type": api_type, "protocol": "chat"}
    client = OpenAIWrapper(config_list=[entry])._clients[0]._oai_client
    assert client.api_key == ("from the environment" if row.connection.requires_key else "not-needed")
    assert str(client.base_url).rstrip("/") == row.connection.base_url.rstrip("/")


def test_what_is_out_of_bounds_is_told_and_replaced(create, openai_server):
    vendor = Vendor(RULES["anthropic"])
    with pytest.warns(UserWarning, match="Anthropic") as told:
        create(config_for("anthropic", openai_server(vendor)), messages=HI, temperature=1.5, max_tokens=0, top_k=3)
    texts = [str(one.message) for one in told]
    assert "Anthropic: temperature must be 0 to 1, got 1.5: sending 1.0." in texts
    assert "Anthropic: max_tokens must be at least 1, got 0: sending 4096." in texts
    assert "Anthropic does not take top_k: not sent." in texts
    assert (vendor.requests[0]["temperature"], vendor.requests[0]["max_tokens"]) == (1.0, 4096)


def test_a_warning_comes_once(create, openai_server):
    config = config_for("groq", openai_server(Vendor(RULES["groq"])), logit_bias={"1": 1})
    with pytest.warns(UserWarning, match="Groq does not take logit_bias"):
        create(config, messages=HI)
    create(config, messages=HI)  # a warning would be an error


def test_what_changes_nothing_is_left_out_without_a_word(create, openai_server):
    vendor = Vendor(RULES["cerebras"])
    create(config_for("cerebras", openai_server(vendor)), messages=HI, presence_penalty=0, parallel_tool_calls=True)
    assert not vendor.refused


RENAMED = [
    ("mistral", {"seed": 1, "safe_prompt": True}, {"random_seed": 1, "safe_prompt": True}),
    ("cohere", {"k": 5, "p": 0.5}, {"top_k": 5, "top_p": 0.5}),
    ("ollama", {"num_predict": 9}, {"max_tokens": 9}),
    ("google", {"max_output_tokens": 9, "stop_sequences": ["x"]}, {"max_tokens": 9, "stop": ["x"]}),
    ("google", {"safety_settings": [{"a": 1}]}, {"extra_body": {"google": {"safety_settings": [{"a": 1}]}}}),
    ("bedrock", {"topP": 0.5, "maxTokens": 9}, {"top_p": 0.5, "max_tokens": 9}),
    ("together", {"top_k": 5, "min_p": 0.1, "extra_body": {"top_k": 6}}, {"top_k": 6, "min_p": 0.1}),
    ("vllm", {"guided_choice": ["a", "b"]}, {"guided_choice": ["a", "b"]}),
    ("openrouter", {"models": ["a", "b"]}, {"models": ["a", "b"]}),
]


@pytest.mark.parametrize(("api_type", "given", "sent"), RENAMED, ids=[f"{row[0]}: {', '.join(row[1])}" for row in RENAMED])
def test_settings_of_a_vendor_go_where_they_belong(create, openai_server, api_type, given, sent):
    server = openai_server("x")
    create(config_for(api_type, server, **given), messages=HI)
    body = server.requests[0]
    assert {key: body.get(key) for key in sent} == sent
    assert not (given.keys() - sent.keys()) & body.keys()


def test_the_form_of_an_answer_is_said_in_words_where_it_can_not_be_set(create, openai_server):
    server = openai_server('{"name": "Oslo"}')
    form = {"type": "json_schema", "json_schema": {"name": "City", "schema": {"title": "City"}}}
    create(config_for("anthropic", server), messages=[{"role": "system", "content": "s"}, *HI], response_format=form)
    assert "response_format" not in server.requests[0]
    system = server.requests[0]["messages"][0]["content"]
    assert system.startswith("s\n\n")
    assert system.endswith('{"title": "City"}')


def test_functions_are_sent_as_tools_where_they_are_not_known(create, openai_server):
    server = openai_server("x")
    functions = [TOOLS[1]["function"]]
    create(config_for("groq", server), messages=HI, functions=functions, function_call={"name": "now"})
    assert server.requests[0]["tools"] == [TOOLS[1]]
    assert server.requests[0]["tool_choice"] == {"type": "function", "function": {"name": "now"}}


def test_gemini_gets_plain_schemas(create, openai_server):
    server = openai_server("x")
    create(config_for("google", server), messages=HI, tools=TOOLS)
    add, now = (tool["function"] for tool in server.requests[0]["tools"])
    assert now == {"name": "now"}
    properties = add["parameters"]["properties"]
    assert properties["a"] == {"type": "integer", "description": "The first (default: 1)."}
    assert properties["b"] == {"type": "string", "nullable": True}
    assert properties["c"] == {"type": "integer", "description": 'Or {"type": "string"}.'}
    assert properties["d"]["properties"]["x"] == {"type": "number", "description": "Default: 0."}
    assert properties["e"]["type"] == "string"
    assert properties["default"] == {"type": "boolean"}


@pytest.mark.parametrize("hide", ["never", "if_any_run", "if_all_run"])
def test_tools_are_hidden_once_they_ran(create, openai_server, hide):
    server = openai_server("x")
    call = tool_call("now", call_id="abcdefghi")
    history = [*HI, {"role": "assistant", "content": "", "tool_calls": [call]}]
    history.append({"role": "tool", "tool_call_id": "abcdefghi", "content": "noon"})
    create(config_for("groq", server, hide_tools=hide), messages=history, tools=TOOLS)
    assert ("tools" in server.requests[0]) is (hide != "if_any_run")
    assert "hide_tools" not in server.requests[0]


def test_models_at_home_cost_nothing(create, openai_server, caplog):
    server = openai_server("x")
    server.model.name = f"home-{id(server)}"
    assert create(config_for("ollama", server), messages=HI).cost == 0
    assert "is not known" not in caplog.text


def test_a_list_of_an_agent_may_fall_back_from_one_vendor_to_another(openai_server):
    busy, other = openai_server(Vendor([lambda body: "busy"], status=503)), openai_server("from Mistral")
    entries = [config_for("groq", busy), config_for("mistral", other)]
    wrapper = OpenAIWrapper(config_list=entries, cache_seed=None)
    assert said(wrapper.create(messages=HI)) == "from Mistral"


@pytest.mark.parametrize(("given", "hint"), [("antropic", "'anthropic'"), ("gemini-pro", "'google'"), ("xyz", "Known are")])
def test_an_unknown_api_type_is_taken_for_openai_with_a_hint(create, openai_server, given, hint):
    with pytest.warns(UserWarning, match=f"{given}.*{hint}"):
        assert said(create(config_for(given, openai_server("x")), messages=HI)) == "x"


def test_names_that_begin_like_a_vendor_are_that_vendor(create, openai_server):
    vendor = Vendor(RULES["groq"])
    create(config_for("groq-eu", openai_server(vendor)), messages=WILD, tools=TOOLS)
    assert not vendor.refused
    assert said(create(config_for("open_ai", openai_server("x")), messages=HI)) == "x"


def test_an_api_type_for_all_entries_is_enough(openai_server):
    vendor = Vendor(RULES["groq"])
    server = openai_server(vendor)
    wrapper = OpenAIWrapper(config_list=[server.config], api_type="groq", cache_seed=None, api_version="2024-02-01")
    wrapper.create(messages=WILD, tools=TOOLS)
    assert not vendor.refused


def test_answers_of_the_vendors_of_0_2_are_message_objects(create, openai_server):
    for api_type, kind in (("groq", "ChatCompletionMessage"), ("vllm", "str")):
        response = create(config_for(api_type, openai_server(Reply("x"))), messages=HI)
        assert type(OpenAIWrapper.extract_text_or_completion_object(response)[0]).__name__ == kind


def test_a_request_can_be_left_as_it_is(create, openai_server):
    server = openai_server("x")
    named = [{"role": "user", "content": "hi", "name": "ann"}]
    create(config_for("groq", server, adapt_request=False, temperature=9), messages=named)
    assert server.requests[0]["messages"] == named
    assert server.requests[0]["temperature"] == 9
    assert "adapt_request" not in server.requests[0]
