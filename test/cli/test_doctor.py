"""`autogen doctor`, and the choice of the model: which endpoint is asked, with whose key."""

import pytest

from autogen._cli.choice import DEFAULT_MODELS, choose_model
from autogen._cli.doctor import describe_abilities, list_extras
from autogen._cli.environment import load_env_file
from autogen.oai import OpenAIWrapper
from autogen.oai._endpoints.provider_registry import PROVIDERS
from autogen.testing import Fault

KEY = "sk-test-0123456789abcdefghij"
KEY_VARIABLES = {variable for provider in PROVIDERS.values() for variable in provider.connection.key_variables}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in KEY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_the_doctor_asks_each_model_for_one_token(run_inside, openai_server, config_list):
    good, failing = openai_server("Hi"), openai_server(Fault(status=404, message="No such model."))
    closed = openai_server(api_key="right")
    entries = [
        good.config | {"model": "good", "api_key": KEY},
        failing.config | {"model": "failing", "api_key": KEY},
        closed.config | {"model": "closed", "api_key": KEY},
        {"model": "gone", "base_url": "http://127.0.0.1:9/v1", "api_key": KEY},
    ]
    shown = run_inside("doctor", "--config", config_list(*entries))
    assert shown.returncode == 0
    verdicts = {line.split()[1]: line for line in shown.stdout.splitlines() if line.split()[:1] in (["yes"], ["no"])}
    assert verdicts["good"].split() == ["yes", "good", "at", good.base_url, "price:", "free"]
    assert good.requests[0]["max_tokens"] == 1
    for model, error in (("failing", "NotFoundError"), ("closed", "AuthenticationError"), ("gone", "APIConnectionError")):
        assert verdicts[model].split()[0] == "no"
        assert error in verdicts[model]
    assert KEY not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"model": "gpt-4o", "abilities": {"deprecated": None}}, "128,000 tokens, pictures, tools, price: genai-prices"),
        (
            {"model": "ours", "abilities": {"tools": False, "reasoning": "always"}, "price": 0},
            "no tools, thinking, price: config",
        ),
        ({"model": "ours", "base_url": "https://models.invalid"}, "price: unknown"),
        ({"model": "ours", "abilities": {"tool": True}}, "Did you mean 'tools'?"),
    ],
    ids=["from the table", "from the entry", "unknown", "misspelt"],
)
def test_the_doctor_says_what_is_known_of_a_model(entry, expected):
    assert expected in describe_abilities(entry)


@pytest.mark.parametrize("columns", ["200", "40"])
def test_the_doctor_fails_if_no_model_answers(run_inside, tmp_path, columns):
    shown = run_inside("doctor", AUTOGEN_HOME=str(tmp_path), COLUMNS=columns)
    assert shown.returncode == 1
    words = " ".join(shown.stdout.split())
    assert "smollm2-135m (on this machine)" in words
    assert "No model answers. Without an account: autogen models pull smollm2-135m" in words
    assert all(f"extra {extra}" in words for extra in ("local", "redis", "websockets"))
    assert max(map(len, shown.stdout.splitlines())) <= int(columns)


def test_the_doctor_shows_the_real_address(run_inside):
    shown = run_inside("doctor", OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert shown.returncode == 1
    assert "gpt-4o-mini at http://127.0.0.1:9/v1: APIConnectionError" in shown.stdout
    assert KEY not in shown.stdout


def test_an_error_of_a_chat_names_the_real_address(openai_server, monkeypatch):
    server = openai_server(Fault(status=400, message="Bad."))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    with pytest.raises(Exception, match="Bad") as raised:
        OpenAIWrapper(model="m", api_key=KEY).create(messages=[{"role": "user", "content": "Hi"}])
    assert server.base_url in str([raised.value, *getattr(raised.value, "__notes__", ())])


def test_extras_are_those_of_the_distribution():
    extras = list_extras()
    assert {"azure", "bedrock", "local", "redis", "websockets"} <= set(extras)
    assert not {"dev", "docs", "test"} & set(extras)


PRIVATE = "http://10.0.0.1/v1"
CHOICES = [
    # variables, model, base_url, expected entry
    ({}, None, None, {"model": "smollm2-135m", "api_type": "local"}),
    ({"OPENAI_API_KEY": KEY}, None, None, {"model": "gpt-4o-mini"}),
    ({"OPENAI_API_KEY": KEY}, "gpt-x", None, {"model": "gpt-x"}),
    ({"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}, None, None, {"model": "gpt-4o-mini"}),
    ({"ANTHROPIC_API_KEY": KEY}, None, None, {"model": DEFAULT_MODELS["anthropic"], "api_type": "anthropic"}),
    ({"GEMINI_API_KEY": KEY}, None, None, {"model": DEFAULT_MODELS["google"], "api_type": "google"}),
    ({}, "claude/opus", None, {"model": "opus", "api_type": "anthropic"}),
    ({}, "openrouter/meta/llama", None, {"model": "meta/llama", "api_type": "openrouter"}),
    ({}, "local/smollm2-135m", None, {"model": "smollm2-135m", "api_type": "local"}),
    ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "meta/x", None, {"model": "meta/x", "api_key": "not-needed"}),
    ({}, "m", "http://127.0.0.1:9/v1", {"model": "m", "base_url": "http://127.0.0.1:9/v1", "api_key": "not-needed"}),
    ({"OPENAI_API_KEY": KEY}, "m", PRIVATE, {"model": "m", "base_url": PRIVATE, "api_key": "not-needed"}),
    ({"OPENAI_API_KEY": KEY}, "m", "https://x.example/v1", {"model": "m", "base_url": "https://x.example/v1"}),
    ({}, "groq/m", "https://x.example/v1", {"model": "m", "api_type": "groq", "base_url": "https://x.example/v1"}),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "model", "base_url", "entry"), CHOICES)
def test_a_model_is_chosen(variables, model, base_url, entry, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert choose_model(None, model, base_url).config_list == [entry]


@pytest.mark.parametrize(
    ("model", "base_url", "message"),
    [
        ("gpt-99", None, "There is no local model 'gpt-99'"),
        ("antropic/x", None, "Did you mean anthropic/x"),
        ("zzz/x", None, "Vendors: anthropic, azure"),
        ("m", "ftp://x", "must begin with http"),
        (None, "http://127.0.0.1:9", "needs --model"),
    ],
)
def test_a_model_that_is_not_there(model, base_url, message):
    with pytest.raises(ValueError, match=message):
        choose_model(None, model, base_url)


def test_a_config_list_comes_before_a_vendor(config_list):
    path = config_list({"model": "groq/x", "api_key": "k"}, {"model": "two", "api_key": "k"})
    assert choose_model(path, "groq/x").config_list[0]["api_key"] == "k"
    assert choose_model(path, "groq/y").config_list == [{"model": "y", "api_type": "groq"}]
    with pytest.raises(ValueError, match="has no model 'three'; it has: groq/x, two"):
        choose_model(path, "three")


ENV_FILES = [
    # environment, file, names that are read
    ({}, "OPENAI_API_KEY=a\nMY_TOKEN='b'\n# c\nEMPTY_KEY=\n", {"OPENAI_API_KEY": "a", "MY_TOKEN": "b"}),
    ({"OPENAI_API_KEY": "mine"}, "OPENAI_API_KEY=a\n", {}),
    ({}, "AUTOGEN_USE_DOCKER=0\nPATH=/x\nDOCKER_HOST=x\nHTTPS_PROXY=x\n", {}),
    ({}, "OPENAI_API_KEY=a\nOPENAI_BASE_URL=http://x\n", {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "http://x"}),
    # A key of the environment goes to no address of a file, nor under another name.
    ({"OPENAI_API_KEY": "mine"}, "OPENAI_BASE_URL=http://x\n", {}),
    ({"OPENAI_API_KEY": "mine"}, "OPENAI_API_KEY=a\nOPENAI_BASE_URL=http://x\n", {}),
    ({"OPENAI_API_KEY": "mine"}, "GROQ_API_KEY=${OPENAI_API_KEY}\n", {"GROQ_API_KEY": "${OPENAI_API_KEY}"}),
]


@pytest.mark.parametrize(("environment", "file", "read"), ENV_FILES)
def test_an_env_file_gives_keys_and_nothing_else(environment, file, read, tmp_path, monkeypatch):
    variables = dict(environment)
    monkeypatch.setattr("os.environ", variables)
    (tmp_path / ".env").write_text(file)
    assert set(load_env_file().read) == set(read)
    assert variables == {**read, **environment}


def test_no_env_file_and_one_that_is_no_text(tmp_path):
    assert load_env_file().read == ()
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe")
    with pytest.raises(ValueError, match="must be text in UTF-8"):
        load_env_file()
