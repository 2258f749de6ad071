"""Config lists made of keys, how they are filtered, and the key of a request."""

import json
import logging
import os

import pytest

from autogen import (
    config_list_from_dotenv,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
    filter_config,
    get_config_list,
)
from autogen.oai.openai_utils import DEFAULT_AZURE_API_VERSION, get_config, get_key, is_valid_api_key

ENTRIES = [{"model": "a", "tags": ["x", "y"]}, {"model": "b", "tags": "x"}, {"model": "c"}]


@pytest.mark.parametrize(
    ("wanted", "exclude", "models"),
    [
        ({"model": ["a", "c"]}, False, "ac"),
        ({"tags": ["x"]}, False, "ab"),
        ({"tags": ["y", "z"]}, False, "a"),
        ({"tags": ["x"], "model": ["b"]}, False, "b"),
        ({"tags": "xyz"}, False, "ab"),
        ({"model": {"a": 1}}, False, "a"),
        ({"model": ["a"]}, True, "bc"),
        ({"tags": ["x"]}, True, "c"),
        ({"tags": ["y"], "model": ["b"]}, True, "c"),
        ({"missing": [None]}, False, ""),
        ({"missing": [None]}, True, "abc"),
        ({}, False, "abc"),
        (None, False, "abc"),
    ],
)
def test_filtering(wanted, exclude, models):
    assert "".join(entry["model"] for entry in filter_config(ENTRIES, wanted, exclude)) == models


def test_no_filter_gives_the_same_list():
    assert filter_config(ENTRIES, None) is ENTRIES
    assert filter_config(ENTRIES, {}, exclude=True) is ENTRIES


def test_tags_that_cannot_be_compared_are_a_type_error():
    with pytest.raises(TypeError):
        filter_config([{"tags": [["x"]]}], {"tags": ["x"]})


def test_lists_of_keys():
    assert get_config_list(["k1", " ", "k3"], ["u1", "u2", "u3"], "azure", "v") == [
        {"api_key": "k1", "base_url": "u1", "api_type": "azure", "api_version": "v"},
        {"api_key": "k3", "base_url": "u3", "api_type": "azure", "api_version": "v"},
    ]
    assert get_config_list(["k"]) == [{"api_key": "k"}]


@pytest.mark.parametrize("urls", [[], ["u1", "u2"]])
def test_as_many_urls_as_keys_are_needed(urls):
    with pytest.raises(AssertionError, match="lengths must match"):
        get_config_list(["k1"], urls)


def test_a_config_takes_its_settings_from_variables_of_their_names(monkeypatch):
    assert get_config("k", api_type="azure", api_version=None) == {"api_key": "k", "api_type": "azure"}
    monkeypatch.setenv("base_url", "http://there")
    assert get_config("k", base_url="http://here") == {"api_key": "k", "base_url": "http://there"}
    with pytest.raises(TypeError):
        get_config("k", colour="red")


def test_no_helper_shows_a_key_in_a_printed_list(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    lists = [get_config_list(["hush"]), [get_config("hush")], config_list_openai_aoai(None), config_list_gpt4_gpt35(None)]
    assert all(entry["api_key"] == "hush" for entries in lists for entry in entries)
    assert "hush" not in repr(lists)


@pytest.mark.parametrize(
    ("key", "valid"),
    [("sk-" + "a1" * 16, True), ("sk-proj-x-" + "a1" * 24, True), ("sk-" + "a" * 31, False), ("a" * 51, False), ("", False)],
)
def test_what_a_key_looks_like(key, valid):
    assert is_valid_api_key(key) is valid


# Files with nothing but keys


@pytest.fixture
def key_files(tmp_path, monkeypatch):
    """A folder for key files; the variables that they become are put back."""
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_BASE"):
        monkeypatch.setenv(name, "")

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.txt").write_text(text)
        return str(tmp_path)

    return write


def test_key_files_make_entries_for_openai_then_azure(key_files):
    folder = key_files(key_openai="o1\no2\n", key_aoai="a1\n\na2", base_aoai="u1\n\nu2")
    azure = {"api_type": "azure", "api_version": DEFAULT_AZURE_API_VERSION}
    openai = [{"api_key": "o1"}, {"api_key": "o2"}]
    assert config_list_openai_aoai(folder) == [
        *openai,
        {"api_key": "a1", "base_url": "u1", **azure},
        {"api_key": "a2", "base_url": "u2", **azure},
    ]
    assert os.environ["OPENAI_API_KEY"] == "o1\no2"
    assert config_list_openai_aoai(folder, exclude="aoai") == openai
    assert all(entry["api_type"] == "azure" for entry in config_list_openai_aoai(folder, exclude="openai"))


def test_a_half_that_is_excluded_has_its_files_left_alone(key_files):
    config_list_openai_aoai(key_files(key_openai="o1", key_aoai="a1"), exclude="openai")
    assert os.environ["OPENAI_API_KEY"] == ""


def test_without_files_the_environment_counts(key_files, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("OPENAI_API_KEY", "o")
    monkeypatch.setenv("OPENAI_API_BASE", "http://proxy")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "a")
    openai, azure = config_list_openai_aoai(key_files())
    assert openai == {"api_key": "o", "base_url": "http://proxy"}
    assert azure["base_url"] == ""
    assert "key_openai.txt" in caplog.text
    caplog.clear()
    assert config_list_openai_aoai(None) == [openai, azure]
    assert not caplog.records


def test_azure_needs_a_url_for_each_of_several_keys(key_files):
    with pytest.raises(AssertionError, match="lengths must match"):
        config_list_openai_aoai(key_files(key_aoai="a1\na2"))


def test_models_are_the_outer_loop(key_files):
    folder = key_files(key_openai="o1\no2")
    found = config_list_from_models(folder, model_list=["m", "n"])
    assert [(entry["model"], entry["api_key"]) for entry in found] == [("m", "o1"), ("m", "o2"), ("n", "o1"), ("n", "o2")]
    assert config_list_from_models(folder) == [{"api_key": "o1"}, {"api_key": "o2"}]
    assert [entry["model"] for entry in config_list_gpt4_gpt35(folder)] == ["gpt-4"] * 2 + ["gpt-3.5-turbo"] * 2


# A .env file


@pytest.fixture
def dotenv(tmp_path, monkeypatch):
    """Write a `.env` file; what it sets is put back."""
    for name in ("MY_KEY", "OTHER_KEY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / ".env").write_text(text)
        return str(tmp_path / ".env")

    return write


def test_each_model_gets_the_key_that_the_map_names(dotenv):
    path = dotenv("MY_KEY=mine\nOTHER_KEY=other\n")
    wanted = {"gpt-4": "MY_KEY", "special": {"api_key_env_var": "OTHER_KEY", "api_type": "azure", "base_url": "u"}}
    given = json.loads(json.dumps(wanted))
    assert config_list_from_dotenv(path, wanted) == [
        {"api_key": "mine", "model": "gpt-4"},
        {"api_key": "other", "api_type": "azure", "base_url": "u", "model": "special"},
    ]
    assert wanted == given
    assert config_list_from_dotenv(path, wanted, {"model": ["special"]})[0]["api_key"] == "other"


def test_the_nearest_file_above_the_working_directory_is_found(dotenv, tmp_path, monkeypatch):
    dotenv("MY_KEY=mine")
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    assert config_list_from_dotenv(model_api_key_map={"m": "MY_KEY"}) == [{"api_key": "mine", "model": "m"}]


def test_a_file_that_is_missing_is_told_with_its_path(dotenv, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    path = str(tmp_path / "nowhere.env")
    assert [entry["model"] for entry in config_list_from_dotenv(path)] == ["gpt-4", "gpt-3.5-turbo"]
    assert f"{path} does not exist" in caplog.text
    assert caplog.records[0].name == "root"


def test_without_any_file_that_is_told(dotenv, monkeypatch, caplog):
    monkeypatch.setattr("dotenv.find_dotenv", lambda **_: "")  # there may be one above the folder of the tests
    assert config_list_from_dotenv() == []
    assert "No .env file found" in caplog.text
    assert "API key not found or empty for model gpt-4" in caplog.text
    assert caplog.records[-1].levelname == "ERROR"


def test_a_map_with_a_wrong_value_skips_that_model_only(dotenv, caplog):
    path = dotenv("MY_KEY=mine")
    found = config_list_from_dotenv(path, {"first": "MY_KEY", "odd": 7, "last": "MY_KEY"})
    assert [entry["model"] for entry in found] == ["first", "last"]
    assert "odd must be named by a str or a dict, got int" in caplog.text


def test_an_unknown_setting_in_the_map_is_told_with_the_model(dotenv):
    with pytest.raises(TypeError, match=r"\['m'\] has unknown keys: colour"):
        config_list_from_dotenv(dotenv("MY_KEY=mine"), {"m": {"api_key_env_var": "MY_KEY", "colour": "red"}})


def test_a_filter_that_leaves_no_model_of_the_file_is_told(dotenv, caplog):
    assert config_list_from_dotenv(dotenv("MY_KEY=mine"), {"m": "MY_KEY"}, {"model": ["z"]}) == []
    assert "the filter removes all of m" in caplog.text


# The key of a request


def test_the_key_of_a_request():
    params = {
        "model": "gpt-4",
        "temperature": 0,
        "api_key": "k",
        "base_url": "u",
        "messages": [{"role": "user", "content": "é"}],
    }
    assert get_key(params) == '{"messages": [{"content": "\\u00e9", "role": "user"}], "model": "gpt-4", "temperature": 0}'
    assert "api_key" in params
