"""Config lists: where they are read from, how they are filtered."""

import json

import pytest

from autogen import config_list_from_json, filter_config, get_config_list
from autogen.oai.openai_utils import get_key

ENTRIES = [{"model": "a", "tags": ["x", "y"]}, {"model": "b", "tags": "x"}, {"model": "c"}]


@pytest.mark.parametrize("how", ["file", "folder", "variable", "variable with a path"])
def test_reading(tmp_path, monkeypatch, how):
    path = tmp_path / "MY_LIST"
    path.write_text(json.dumps(ENTRIES))
    if how == "file":
        assert config_list_from_json(str(path)) == ENTRIES
    elif how == "folder":
        assert config_list_from_json("MY_LIST", file_location=str(tmp_path)) == ENTRIES
    else:
        monkeypatch.setenv("MY_LIST", json.dumps(ENTRIES) if how == "variable" else str(path))
        assert config_list_from_json("MY_LIST") == ENTRIES


def test_a_missing_list_is_told_with_the_places_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        config_list_from_json("MY_LIST")
    assert "environment variable MY_LIST is not set" in str(caught.value)
    assert str(tmp_path / "MY_LIST") in str(caught.value)


def test_bad_json_is_told_with_its_place(monkeypatch):
    monkeypatch.setenv("MY_LIST", '[{"model": "a",}]')
    with pytest.raises(json.JSONDecodeError, match=r"MY_LIST is not valid JSON: .*line 1 column"):
        config_list_from_json("MY_LIST")


@pytest.mark.parametrize("text", ['{"model": "a"}', "[1]", '"a"'])
def test_json_that_is_no_list_of_objects_is_refused(monkeypatch, text):
    monkeypatch.setenv("MY_LIST", text)
    with pytest.raises(ValueError, match="must hold a JSON list of objects"):
        config_list_from_json("MY_LIST")


def test_a_filter_that_leaves_nothing_is_told(monkeypatch, caplog):
    monkeypatch.setenv("MY_LIST", json.dumps(ENTRIES))
    assert config_list_from_json("MY_LIST", filter_dict={"model": ["z"]}) == []
    assert "there are: a, b, c" in caplog.text


@pytest.mark.parametrize(
    ("wanted", "exclude", "models"),
    [
        ({"model": ["a", "c"]}, False, "ac"),
        ({"tags": ["x"]}, False, "ab"),
        ({"tags": ["y", "z"]}, False, "a"),
        ({"tags": ["x"], "model": ["b"]}, False, "b"),
        ({"model": ["a"]}, True, "bc"),
        ({"tags": ["x"]}, True, "c"),
        ({"missing": [None]}, False, ""),
        ({}, False, "abc"),
        (None, False, "abc"),
    ],
)
def test_filtering(wanted, exclude, models):
    assert "".join(entry["model"] for entry in filter_config(ENTRIES, wanted, exclude)) == models


def test_lists_of_keys():
    assert get_config_list(["k1", " ", "k3"], ["u1", "u2", "u3"], "azure", "v") == [
        {"api_key": "k1", "base_url": "u1", "api_type": "azure", "api_version": "v"},
        {"api_key": "k3", "base_url": "u3", "api_type": "azure", "api_version": "v"},
    ]
    with pytest.raises(AssertionError, match="lengths must match"):
        get_config_list(["k1"], [])


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
