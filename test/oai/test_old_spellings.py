"""Configs of the 0.1 line: what they say today."""

import copy
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import OpenAIWrapper
from autogen.oai._config.legacy_keys import translate_legacy_keys
from autogen.oai._once import log_once


def today(config):
    """The config in today's spelling, and the notes."""
    notes: list[str] = []
    return translate_legacy_keys(config, warn=notes.append), notes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"request_timeout": 60}, {"timeout": 60}),
        ({"api_base": "http://host/v1"}, {"base_url": "http://host/v1"}),
        ({"engine": "gpt-4"}, {"model": "gpt-4"}),
        ({"engine": "dep", "model": "gpt-4"}, {"model": "gpt-4"}),
        ({"engine": "dep", "api_type": "azure"}, {"api_type": "azure", "azure_deployment": "dep", "model": "dep"}),
        (
            {"deployment_id": "dep", "api_type": "azure", "model": "gpt-4"},
            {"api_type": "azure", "azure_deployment": "dep", "model": "gpt-4"},
        ),
        ({"use_cache": False}, {"cache_seed": None}),
        ({"use_cache": False, "seed": 42}, {"cache_seed": None}),
        ({"use_cache": True}, {}),
        ({"use_cache": True, "seed": 42}, {"cache_seed": 42}),
        ({"api_type": "open_ai"}, {"api_type": "openai"}),
        ({"retry_wait_time": 10, "max_retry_period": 120}, {}),
        ({"seed": 42, "request_timeout": 60}, {"cache_seed": 42, "timeout": 60}),
    ],
)
def test_an_old_spelling_is_read_as_what_it_meant(old, new):
    config, notes = today({"temperature": 0, **old})
    assert config == {"temperature": 0, **new}
    assert notes


@pytest.mark.parametrize(
    "both",
    [
        {"request_timeout": 60, "timeout": 5},
        {"api_base": "old", "base_url": "new"},
        {"engine": "old", "azure_deployment": "new", "api_type": "azure", "model": "m"},
    ],
)
def test_where_both_spellings_are_there_todays_counts(both):
    config, _ = today(both)
    assert config == {key: value for key, value in both.items() if key not in ("request_timeout", "api_base", "engine")}


@pytest.mark.parametrize(
    "config",
    [
        {"model": "gpt-4o", "seed": 42},
        {"seed": 42, "cache_seed": 41, "config_list": [{"model": "gpt-4o", "api_key": "k"}]},
        {"seed": 42, "config_list": [{"model": "gpt-4o"}], "temperature": 0, "timeout": 60, "functions": []},
        {"seed": 42, "api_type": "azure", "base_url": "u", "api_version": "v", "model": "m"},
        {"config_list": [{"model_client_cls": "Mine", "engine": 1, "seed": 2, "api_base": 3, "use_cache": False}]},
        {"config_list": [{"model_client_cls": "Mine"}], "request_timeout": 4, "seed": 5},
        {"config_list": None},
        {},
    ],
)
def test_a_config_of_today_stays_as_it_is(config):
    assert today(config) == (config, [])


def test_the_usual_name_of_an_api_type_does_not_make_a_seed_old():
    config, notes = today({"seed": 42, "config_list": [{"model": "m", "api_type": "open_ai"}]})
    assert config == {"seed": 42, "config_list": [{"model": "m", "api_type": "openai"}]}
    assert len(notes) == 1


def test_one_old_entry_tells_how_the_seed_is_to_be_read():
    config, notes = today({"seed": 42, "config_list": [{"model": "a", "api_base": "u"}, {"model": "b"}]})
    assert config == {"cache_seed": 42, "config_list": [{"model": "a", "base_url": "u"}, {"model": "b"}]}
    assert len(notes) == 2


@pytest.mark.parametrize("new", [{"cache_seed": 41}, {"tools": []}, {"config_list": [{"timeout": 3}]}])
def test_a_seed_beside_keys_of_today_is_the_one_of_sampling_even_in_a_mixed_config(new):
    config, _ = today({"seed": 42, "request_timeout": 60, **new})
    assert config["seed"] == 42


def test_an_entry_is_azures_if_the_base_says_so():
    config, _ = today({"api_type": "azure", "config_list": [{"engine": "dep"}, {"engine": "m", "api_type": "openai"}]})
    assert config["config_list"] == [{"azure_deployment": "dep", "model": "dep"}, {"model": "m", "api_type": "openai"}]


def test_custom_clients_keep_their_own_keys_beside_old_entries():
    own = {"model_client_cls": "Mine", "engine": "v8"}
    config, _ = today({"config_list": [own, {"engine": "m"}]})
    assert config == {"config_list": [own, {"model": "m"}]}


def test_a_spelling_is_told_once_for_a_config():
    _, notes = today({"request_timeout": 1, "config_list": [{"request_timeout": 2}, {"request_timeout": 3}]})
    assert len(notes) == 1
    assert "'request_timeout'" in notes[0]
    assert "'timeout'" in notes[0]


def test_a_note_is_logged_once_in_a_process(caplog):
    caplog.set_level(logging.WARNING, "autogen.oai.client")
    for _ in range(3):
        log_once("a note that no config has")
    assert [(record.name, record.levelname) for record in caplog.records] == [("autogen.oai.client", "WARNING")]


OLD = ["request_timeout", "api_base", "engine", "deployment_id", "use_cache", "retry_wait_time", "max_retry_period"]
NEW = ["timeout", "base_url", "model", "cache_seed", "azure_deployment", "tools", "model_client_cls"]
keys = st.sampled_from([*OLD, *NEW, "seed", "api_type", "temperature", "anything"])
values = st.sampled_from(["azure", "open_ai", "openai", "gpt-4"]) | st.integers(0, 3) | st.booleans() | st.none()
entries = st.dictionaries(keys, values)
configs = st.builds(
    lambda base, inner: {**base, **inner},
    entries,
    st.just({}) | st.builds(lambda e: {"config_list": e}, st.lists(entries, max_size=3)),
)


@given(configs)
def test_translating_is_done_once_and_changes_nothing_that_was_given(config):
    before = copy.deepcopy(config)
    once, _ = today(config)
    assert config == before
    assert today(once) == (once, [])


@given(configs)
def test_a_config_without_notes_is_the_one_that_was_given(config):
    once, notes = today(config)
    assert (once == config) is not bool(notes)


@given(configs)
def test_no_note_holds_a_value(config):
    _, notes = today({**config, "api_key": "hush", "api_base": "hush"})
    assert "hush" not in str(notes)


def test_a_program_of_the_0_1_line_runs(openai_server):
    server = openai_server("hello")
    entry = {"model": "scripted", "api_base": server.base_url, "api_key": "unused"}
    wrapper = OpenAIWrapper(config_list=[entry], request_timeout=60, seed=7, use_cache=False)
    response = wrapper.create(messages=[{"role": "user", "content": "hi"}])
    assert response.choices[0].message.content == "hello"
    assert "seed" not in server.requests[0]
