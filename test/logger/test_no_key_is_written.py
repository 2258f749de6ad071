"""Keys are planted everywhere, and looked for in all that was written."""

import functools
import json
import logging
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from autogen import ConversableAgent, register_function, runtime_logging
from autogen.testing import Fault, tool_call

SHAPED = "sk-PLANTED0123456789abcdef"
SHAPELESS = "PLANTED.by-no-vendor"


@pytest.fixture(params=["sqlite", "file"])
def written(request, tmp_path, caplog):
    """Start a logger; call it for all that was written down: its files, and the log."""
    caplog.set_level(logging.DEBUG)
    config = {"dbname": str(tmp_path / "x.db"), "filename": str(tmp_path / "x.log")}
    runtime_logging.start(logger_type=request.param, config=config)

    def written() -> str:
        runtime_logging.stop()
        files = "".join(path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
        assert len(files) > 100
        return files + caplog.text

    return written


NESTED = {
    "api_key": SHAPELESS,
    "default_headers": {"Authorization": f"Bearer {SHAPELESS}", "X-Trace": SHAPELESS},
    "aws_access_key": SHAPELESS,
    "aws_secret_key": SHAPELESS,
    "aws_session_token": SHAPELESS,
    "google_application_credentials": SHAPELESS,
    "credentials": {"deep": [{"er": SHAPELESS}]},
    "apiKey": SHAPELESS,
    "accessToken": SHAPELESS,
    "secretKeyOfMine": SHAPELESS,
    "azure_ad_token_provider": functools.partial(str, SHAPELESS),
    "api_keys": [SHAPELESS],
    "db_password_1": SHAPELESS,
    "proxy": f"http://me:{SHAPELESS}@host/",
    "headers_list": [("Authorization", SHAPELESS), ["x-api-key", SHAPELESS]],
    "pairs": [("Authorization", SHAPELESS), {"name": "api-key", "value": SHAPELESS}],
    "json": json.dumps({"password": SHAPELESS, "list": [{"client_secret": SHAPELESS}]}),
    "text": f"my key is {SHAPED}, and the URL https://x/?token={SHAPELESS}",
    "held": SecretStr(SHAPELESS),
    b"token": SHAPELESS,
    SHAPED: 1,
}


def nothing_planted(text: str) -> bool:
    return "PLANTED" not in text


def test_records_of_every_kind(written):
    def planted(key=SHAPELESS):
        return "PLANTED"

    agent = ConversableAgent("a", llm_config=False, human_input_mode="NEVER", is_termination_msg=planted, silent=True)
    runtime_logging.log_new_agent(agent, {"llm_config": {"config_list": [NESTED]}, "hook": planted})
    runtime_logging.log_new_wrapper(agent, {"config_list": [NESTED], "base_config": NESTED})
    runtime_logging.log_new_client(agent, agent, NESTED)
    runtime_logging.log_event(agent, SHAPED, message=NESTED, other=(NESTED,))
    runtime_logging.log_function_use(agent, planted, NESTED, [NESTED, SHAPED])
    runtime_logging.log_chat_completion(1, 2, 3, SHAPED, NESTED, NESTED, 0, 0.0, SHAPED)
    runtime_logging.log_chat_completion(1, 2, 3, agent, {}, SHAPED, 0, 0.0, "")
    assert nothing_planted(written())


def test_a_key_that_was_seen_in_a_config_is_known_in_texts(written, agent):
    runtime_logging.log_new_wrapper(agent("a"), {"config_list": [{"api_key": SHAPELESS}]})
    agent("b").receive(f"It said {SHAPELESS!r} is wrong", agent("c"))
    runtime_logging.log_function_use("b", print, {"text": f"<{SHAPELESS}>"}, f"x{SHAPELESS}y")
    assert nothing_planted(written())


def test_a_key_of_the_environment_is_known_in_texts(monkeypatch, tmp_path, agent):
    monkeypatch.setenv("SOME_API_KEY", "PLANTED-in-the-environment")
    runtime_logging.start(config={"dbname": str(tmp_path / "x.db")})
    agent("b").receive("SOME=PLANTED-in-the-environment", agent("c"))
    connection = runtime_logging.get_connection()
    assert nothing_planted(str(connection.execute("SELECT json_state FROM events").fetchall()))


def test_a_chat_whose_endpoint_quotes_its_key(call, written, agent, openai_server):
    def leak(token: str) -> str:
        return f"{{'Authorization': 'Bearer {SHAPELESS}'}}"

    right = openai_server(tool_call("leak", token=SHAPELESS), f"it is {SHAPED}", api_key=SHAPELESS)
    wrong = openai_server(Fault(status=401, message=f"Incorrect API key provided: {SHAPELESS}."))
    config_list = [
        wrong.config | {"api_key": SHAPELESS, "default_headers": {"X-Org": SHAPELESS}},
        right.config | {"base_url": right.base_url},
    ]
    caller = agent("caller", llm_config={"config_list": config_list, "cache_seed": None})
    executor = agent("executor")
    register_function(leak, caller=caller, executor=executor, description="Leak.")
    result = call(executor.initiate_chat, caller, message=f"use {SHAPED}", max_turns=2)
    assert result.chat_history[-1]["content"] == f"it is {SHAPED}"
    assert nothing_planted(written())


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": "PLANTED"},
        {"key": "PLANTED-1"},
        {"primary_key": "PLANTEDbyNoVendor"},
        {"password": 73570},
        [("Cookie", "PLANTED")],
        {"name": "x-api-key", "value": "PLANTED"},
        {b"api-key": "PLANTED"},
    ],
    ids=str,
)
def test_a_value_that_only_the_name_beside_it_gives_away(written, value):
    runtime_logging.log_event("me", "x", value=[value, json.dumps(value, default=str, skipkeys=True)])
    runtime_logging.log_function_use("me", print, {"value": value}, value)
    text = written()
    assert nothing_planted(text)
    assert ": 73570" not in text


def test_what_is_no_secret_stays(rows):
    kept = {
        "max_tokens": 5,
        "usage": {"total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1}},
        "key_points": ["one", "two"],
        "monkey": "x",
        "key": "paris",
        "primary_key": 7,
        "sort-key": "name and date",
        "pairs": [["key", "paris"], {"name": "key", "value": "paris"}],
        "arguments": '{"key":  "paris"}',
        "token_usage": {"n": 3},
        "empty": {"api_key": "", "password": None},
        "text": '{"a":  1}',
    }
    runtime_logging.log_event("me", "x", **kept)
    assert json.loads(rows("events")[0]["json_state"]) == kept


WORD = st.text(string.ascii_letters + string.digits, min_size=12, max_size=20)
NAMES = st.sampled_from(
    ["api_key", "API-KEY", "apikey", "x_api_key", "secret", "clientSecret", "token", "refreshToken", "password", "headers",
     "authorization", "Cookie", "aws_secret_access_key", "privateKeyFile", "token_provider", "dbPassword"]
)  # fmt: skip


def around(inner):
    plain = st.sampled_from(["a", "b", "messages", "config_list"])
    return st.one_of(
        st.tuples(plain, inner).map(lambda pair: {pair[0]: pair[1]}),
        inner.map(lambda value: [1, value, "x"]),
        inner.map(lambda value: (value,)),
        inner.map(lambda value: json.dumps(value, default=str)),
        st.tuples(NAMES, inner).map(lambda pair: {pair[0]: [pair[1]]}),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), word=WORD, name=NAMES)
def test_a_secret_at_any_depth_under_any_spelling_of_its_name(caplog, data, word, name):
    value = data.draw(st.recursive(st.just({name: word}), around, max_leaves=4))
    runtime_logging.start(config={"dbname": ":memory:"})
    runtime_logging.log_event("me", "x", value=value)
    runtime_logging.log_function_use("me", print, {"value": value}, value)
    runtime_logging.log_chat_completion(1, 2, 3, "me", {"value": value}, {"value": value}, 0, 0.0, "")
    connection = runtime_logging.get_connection()
    tables = ("events", "function_calls", "chat_completions")
    found = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    runtime_logging.stop()
    assert len(found) == 3
    assert word not in str(found) + caplog.text
