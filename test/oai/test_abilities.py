"""What models can do: the table, the facts of entries, and the requests that depend on them."""

import json
import re

import pytest

from autogen import OpenAIWrapper
from autogen._models.abilities import NAMES, TABLE
from autogen.oai.abilities import Abilities, get_abilities, get_price_source
from autogen.testing import AnthropicServer, GeminiServer, OpenAIServer, ResponsesServer

HI = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}},
}


def get_body(server, *, messages=HI, **entry):
    """Return the body of a request that a server got."""
    OpenAIWrapper(config_list=[{**server.config, **entry}], cache_seed=None).create(messages=messages)
    return server.requests[-1]


def test_the_table_has_known_names_and_values():
    table = json.loads(TABLE.read_text())
    assert {"litellm", "genai-prices"} <= table["sources"].keys()
    rows = [(row, section) for section in table["models"].values() for row in section.values()]
    assert len(rows) > 1000
    for row, section in rows:
        # A text is the name of an equal model.
        row = section[row] if isinstance(row, str) else row
        assert row.keys() <= set(NAMES)
        get_abilities({"model": "m", "abilities": row})
    lines = TABLE.read_text().splitlines()
    assert max(map(len, lines)) < 600


@pytest.mark.parametrize(
    ("model", "api_type", "expected"),
    [
        ("gpt-4o", "openai", {"vision": True, "schema": "native", "max_output": 16384, "reasoning": "no"}),
        ("gpt-4o-2024-08-06", None, {"context": 128000}),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", None, {"context": 128000, "tools": True}),
        ("gpt-41", "azure", {"schema": "native"}),
        ("gpt-35-turbo", "azure", {"vision": False}),
        ("gpt-4-32k-0314", None, {"context": 32768}),
        ("openai/gpt-5", "openrouter", {"reasoning": "always", "sampling": False}),
        ("gpt-5.1", "responses", {"sampling": "without_effort"}),
        ("gpt-9", "openai", {"thinking_form": "effort", "schema": "native", "context": None}),
        ("claude-opus-5-5", "anthropic", {"forced_with_thinking": False, "reasoning": "always", "prefill": False}),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "bedrock", {"context": 200000, "thinking_form": "enabled"}),
        ("anthropic/claude-opus-5", "openrouter", {"thinking_form": "adaptive"}),
        ("models/gemini-2.5-pro", "google", {"thinking_form": "budget", "audio_in": True}),
        ("gemini-3.5-flash", "google", {"thinking_form": "level"}),
        ("deepseek-chat", "deepseek", {"schema": "object", "vision": False}),
        # The settings of a server decide about its models, not their names.
        ("gpt-4o", "ollama", {"context": None, "max_output": None, "schema": "native", "vision": True}),
        ("qwen2.5-coder:7b", "ollama", {"vision": False, "tools": None}),
        ("a-model-of-my-own", None, vars(Abilities())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_abilities_of_a_model(model, api_type, expected):
    entry = {"model": model} if api_type is None else {"model": model, "api_type": api_type}
    abilities = vars(get_abilities(entry))
    assert {name: abilities[name] for name in expected} == expected


def test_an_entry_knows_better_than_the_table():
    entry = {"model": "ours", "abilities": {"like": "gpt-4o", "context": 1000, "tools": None, "efforts": ["low"]}}
    abilities = get_abilities(entry)
    assert (abilities.context, abilities.tools, abilities.efforts) == (1000, None, ("low",))
    assert (abilities.vision, abilities.schema) == (True, "native")
    assert get_abilities({**entry, "vision": False}).vision is False


@pytest.mark.parametrize(
    ("abilities", "message"),
    [
        ("vision", "must be a dict"),
        ({"visions": True}, "Did you mean 'vision'?"),
        ({"vision": 1}, "must be True or False, got 1"),
        ({"context": True}, "positive whole number of tokens, got True"),
        ({"schema": "json"}, "one of 'native', 'tool', 'object', 'words', got 'json'"),
        ({"sampling": 1}, "one of True, False, 'without_effort', got 1"),
        ({"efforts": "low"}, "a list of values of reasoning_effort"),
        ({"like": 4}, "must be a text"),
    ],
)
def test_invalid_abilities_are_errors_before_any_request(abilities, message):
    with OpenAIServer("a") as server, pytest.raises(ValueError, match=re.escape(message)):
        OpenAIWrapper(config_list=[{**server.config, "abilities": abilities}])


@pytest.mark.filterwarnings("ignore:The model")
def test_parameters_that_a_model_refuses_are_not_sent():
    settings = {
        "temperature": 0.5,
        "max_tokens": 9,
        "parallel_tool_calls": False,
        "tools": [TOOL],
        "reasoning_effort": "low",
    }
    with OpenAIServer(*"abcd") as server:
        # A deployment has a name of its own: what it is must be said.
        sent = get_body(server, model="ours", **settings)
        assert {"temperature", "max_tokens", "parallel_tool_calls", "tools"} <= sent.keys()
        sent = get_body(server, model="ours", abilities={"like": "o3"}, **settings)
        assert not {"temperature", "max_tokens", "parallel_tool_calls", "abilities"} & sent.keys()
        assert sent["max_completion_tokens"] == 9
        sent = get_body(server, model="gpt-6-luna", **{**settings, "reasoning_effort": "none"})
        assert sent["temperature"] == 0.5
        assert "tools" not in get_body(server, model="ours", abilities={"tools": False}, **settings)
    with ResponsesServer("a") as server:
        sent = get_body(server, model="ours", abilities={"sampling": False, "efforts": ["low", "high"]}, **settings)
        assert "temperature" not in sent


@pytest.mark.parametrize(
    ("model", "entry", "expected"),
    [
        ("claude-opus-5", {}, 21333),
        ("claude-opus-5", {"stream": True}, 128000),
        ("claude-opus-5", {"max_tokens": 5}, 5),
        ("claude-x", {}, 16384),
        ("claude-x", {"abilities": {"max_output": 4000}}, 4000),
    ],
)
def test_the_limit_of_a_response_is_that_of_the_model(model, entry, expected):
    with AnthropicServer("a") as server:
        assert get_body(server, model=model, **entry)["max_tokens"] == expected


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output"),
    [
        ("claude-opus-5", "high", {"type": "adaptive"}, {"effort": "high"}),
        ("claude-opus-5", "minimal", {"type": "adaptive"}, {"effort": "low"}),
        ("claude-opus-5", "none", {"type": "disabled"}, None),
        (
            "claude-opus-5-5",
            "none",
            {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, "type": "adaptive"},
            {"effort": "low"},
        ),
        ("claude-haiku-4-5", "high", {"type": "enabled", "budget_tokens": 16384}, None),
        ("claude-haiku-4-5", "low", {"type": "enabled", "budget_tokens": 2048}, None),
    ],
)
def test_thinking_is_asked_for_in_the_form_of_the_model(model, effort, thinking, output):
    with AnthropicServer("a") as server:
        sent = get_body(server, model=model, reasoning_effort=effort)
        assert (sent.get("thinking"), sent.get("output_config")) == (thinking, output)


def test_a_budget_of_thinking_fits_into_the_limit_and_the_history():
    calls = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    with AnthropicServer(*"abc") as server:
        entry = {"model": "claude-haiku-4-5", "reasoning_effort": "high", "tools": [TOOL]}
        assert get_body(server, max_tokens=3000, **entry)["thinking"]["budget_tokens"] == 2999
        assert "thinking" not in get_body(server, max_tokens=900, **entry)
        # The call of another model has no thinking before it, which the vendor refuses.
        assert "thinking" not in get_body(server, messages=calls, **entry)


def test_a_model_that_always_thinks_is_asked_for_a_call_in_words():
    choice = {"type": "function", "function": {"name": "f"}}
    with AnthropicServer(*"ab") as server:
        sent = get_body(server, model="claude-opus-5-5", tools=[TOOL], tool_choice=choice)
        assert sent["tool_choice"] == {"type": "auto"}
        assert [block["text"] for block in sent["messages"][-1]["content"]] == ["hi", "Call the tool f now."]
        assert get_body(server, model="claude-opus-5", tools=[TOOL], tool_choice=choice)["tool_choice"]["type"] == "tool"


@pytest.mark.parametrize("server_class", [OpenAIServer, ResponsesServer, AnthropicServer, GeminiServer])
def test_a_model_of_which_no_call_can_be_demanded_is_asked_in_words(server_class):
    choice = {"type": "function", "function": {"name": "f"}}
    with server_class(*"ab") as server:
        for demand, words in ((choice, "Call the tool f now."), ("required", "Call one of the tools now.")):
            sent = get_body(server, tools=[TOOL], tool_choice=demand, abilities={"tool_choice": "auto"})
            assert "tool_choice" not in sent
            assert "toolConfig" not in sent
            assert words in json.dumps(sent)


def test_strict_tools_are_asked_for_where_the_model_has_them():
    strict = {**TOOL, "function": {**TOOL["function"], "strict": True}}
    found = []
    for server_class in (AnthropicServer, ResponsesServer, GeminiServer):
        with server_class(*"abc") as server:
            bodies = [
                get_body(server, tools=[tool], abilities={"strict_tools": can})
                for tool, can in ((strict, True), (strict, False), (TOOL, True))
            ]
        if server_class is GeminiServer:
            found.append(["VALIDATED" in json.dumps(body) for body in bodies])
        else:
            found.append([body["tools"][0].get("strict", False) for body in bodies])
    assert found == [[True, False, False]] * 3


def test_a_breakpoint_after_tools_is_set_if_they_are_worth_it():
    # The shortest prefixes that they cache have 512 and 4,096 tokens.
    models = ("claude-opus-5", "claude-haiku-4-5")
    tool = {**TOOL, "function": {**TOOL["function"], "description": "F." * 600}}
    with AnthropicServer(*"ab") as server:
        found = ["cache_control" in get_body(server, model=model, tools=[tool])["tools"][0] for model in models]
    assert found == [True, False]


def test_a_system_text_stays_where_it_stands_if_the_model_heeds_it_there():
    answer, rule = {"role": "assistant", "content": "Yes?"}, {"role": "system", "content": "Be brief."}
    with AnthropicServer(*"abcd", mid_system=True) as server:

        def list_roles(*history, model="claude-opus-5"):
            sent = get_body(server, messages=history, model=model, tools=[TOOL])["messages"]
            return [message["role"] for message in sent]

        assert list_roles(*HI, answer, rule, *HI) == ["user", "assistant", "system", "user"]
        # A request ends with the user, and later ones begin like it.
        assert list_roles(*HI, answer, rule) == ["user", "assistant", "system", "user"]
        assert list_roles(*HI, answer, rule, answer, *HI) == ["user", "assistant", "system", "user", "assistant", "user"]
        assert list_roles(*HI, answer, rule, *HI, model="claude-haiku-4-5") == ["user", "assistant", "user"]
        assert "<system>Be brief.</system>" in json.dumps(server.requests[-1])


def test_a_model_without_a_system_text_gets_it_from_the_user():
    history = [{"role": "system", "content": "Be brief."}, *HI]
    with GeminiServer("a") as server:
        sent = get_body(server, messages=history, abilities={"system": "user"})
    assert "systemInstruction" not in sent
    assert [part["text"] for part in sent["contents"][0]["parts"]] == ["Be brief.", "hi"]


def test_gemini_takes_a_budget_or_a_level():
    with GeminiServer(*"abc") as server:
        for model, expected in [("gemini-2.5-pro", "thinkingBudget"), ("gemini-3.5-flash", "thinkingLevel")]:
            config = get_body(server, model=model, reasoning_effort="low")["generationConfig"]["thinkingConfig"]
            assert expected in config
        config = get_body(server, model="ours", reasoning_effort="low", abilities={"like": "gemini-2.5-pro"})
        assert "thinkingBudget" in config["generationConfig"]["thinkingConfig"]


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ({"model": "gpt-4o"}, "genai-prices"),
        ({"model": "gpt-4-32k"}, "OAI_PRICE1K"),
        ({"model": "x", "price": [1, 2]}, "config"),
        ({"model": "x", "api_type": "ollama"}, "free"),
        ({"model": "x", "base_url": "http://127.0.0.1:9/v1"}, "free"),
        ({"model": "x", "base_url": "https://models.example.org/v1"}, None),
    ],
)
def test_the_source_of_a_price(entry, source):
    assert get_price_source(entry) == source
