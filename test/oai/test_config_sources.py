"""Where config lists are read from, what may stand in them, and what is said when they can't be read."""

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import OpenAIWrapper, config_list_from_json
from autogen.testing import OpenAIServer

ENTRIES = [{"model": "a", "tags": ["x", "y"]}, {"model": "b", "tags": "x"}, {"model": "c"}]
TEXT = json.dumps(ENTRIES)


@pytest.mark.parametrize("how", ["file", "folder", "variable", "variable with a path", "text"])
def test_reading(tmp_path, monkeypatch, how):
    path = tmp_path / "MY_LIST"
    path.write_text(TEXT)
    if how == "file":
        assert config_list_from_json(str(path)) == ENTRIES
    elif how == "folder":
        assert config_list_from_json("MY_LIST", file_location=str(tmp_path)) == ENTRIES
    elif how == "text":
        assert config_list_from_json(f"\n {TEXT}", None) == ENTRIES
    else:
        monkeypatch.setenv("MY_LIST", TEXT if how == "variable" else str(path))
        assert config_list_from_json("MY_LIST") == ENTRIES


@pytest.mark.parametrize(("named", "asked"), [("L.json", "L"), ("L", "L.json"), ("L.v2.json", "L.v2")])
def test_a_file_is_found_with_and_without_json_at_its_end(tmp_path, named, asked):
    (tmp_path / named).write_text(TEXT)
    assert config_list_from_json(asked, str(tmp_path)) == ENTRIES


def test_a_file_of_exactly_that_name_comes_first(tmp_path):
    (tmp_path / "L").write_text('[{"model": "exact"}]')
    (tmp_path / "L.json").write_text(TEXT)
    assert config_list_from_json("L", str(tmp_path)) == [{"model": "exact"}]


def test_a_variable_comes_before_a_file_and_an_empty_one_does_not(tmp_path, monkeypatch):
    (tmp_path / "L").write_text(TEXT)
    monkeypatch.setenv("L", '[{"model": "variable"}]')
    assert config_list_from_json("L", str(tmp_path)) == [{"model": "variable"}]
    monkeypatch.setenv("L", "")
    assert config_list_from_json("L", str(tmp_path)) == ENTRIES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_editors_write_is_read(tmp_path, encoding):
    path = tmp_path / "L"
    path.write_bytes(json.dumps([{"model": "é"}], ensure_ascii=False).encode(encoding))
    assert config_list_from_json(str(path)) == [{"model": "é"}]


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "L"
    path.write_bytes(b'[{"model": "\xe9"}]')
    with pytest.raises(ValueError, match=r"L is not text in UTF-8: .* at byte 12"):
        config_list_from_json(str(path))


def test_comments_are_passed_over_and_urls_are_not():
    text = """
    // the first
    [{"model": "a", // cheap
      "base_url": "http://host//v1", "note": "say \\" // no comment"}] // end
    """
    assert config_list_from_json(text) == [{"model": "a", "base_url": "http://host//v1", "note": 'say " // no comment'}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="$")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=3), max_size=3), st.sampled_from([None, 1]))
def test_every_list_of_objects_is_read_as_json_reads_it(entries, indent):
    assert config_list_from_json(json.dumps(entries, indent=indent), None) == entries
    assert config_list_from_json(json.dumps(entries, indent=indent, ensure_ascii=False), None) == entries


# Variables in values


def test_variables_are_replaced_anywhere_in_an_entry(monkeypatch):
    monkeypatch.setenv("MY_KEY", "k1")
    monkeypatch.setenv("EMPTY", "")
    text = json.dumps(
        [
            {
                "model": "${MISSING:-gpt-4o}",
                "api_key": "${MY_KEY}",
                "default_headers": {"x-team": "team ${MY_KEY}!"},
                "tags": ["${EMPTY:-x}", "${EMPTY}", "$${MY_KEY}", "$MY_KEY", "${not a name}"],
                "temperature": 0,
            }
        ]
    )
    assert config_list_from_json(text) == [
        {
            "model": "gpt-4o",
            "api_key": "k1",
            "default_headers": {"x-team": "team k1!"},
            "tags": ["x", "", "${MY_KEY}", "$MY_KEY", "${not a name}"],
            "temperature": 0,
        }
    ]


def test_what_a_variable_holds_is_not_read_for_variables_again(monkeypatch):
    monkeypatch.setenv("MY_KEY", "${OTHER}")
    assert config_list_from_json('[{"api_key": "${MY_KEY}"}]') == [{"api_key": "${OTHER}"}]


def test_a_variable_that_is_not_set_is_told_with_entry_and_key(monkeypatch):
    monkeypatch.setenv("L", '[{"model": "a"}, {"model": "b", "api_key": "${MISSING}", "h": {"x": ["", "-${ALSO}"]}}]')
    with pytest.raises(ValueError, match=r"variable L, entry 2 \(b\)") as caught:
        config_list_from_json("L")
    assert "'api_key' needs MISSING, 'h.x[1]' needs ALSO" in str(caught.value)


def test_an_entry_that_the_filter_removes_needs_no_variables():
    text = '[{"model": "a", "api_key": "${MISSING}"}, {"model": "b"}]'
    assert config_list_from_json(text, None, {"model": ["b"]}) == [{"model": "b"}]
    with pytest.raises(ValueError, match="entry 1"):
        config_list_from_json(text, None, {"model": ["a"]})


def test_a_filter_sees_what_variables_hold(monkeypatch):
    monkeypatch.setenv("MODEL", "a")
    assert config_list_from_json('[{"model": "${MODEL}"}]', None, {"model": ["a"]}) == [{"model": "a"}]


# What is said


def test_a_missing_list_is_told_with_the_places_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MY_LIST.txt").touch()
    with pytest.raises(FileNotFoundError) as caught:
        config_list_from_json("MY_LIST")
    text = str(caught.value)
    assert "environment variable MY_LIST is not set" in text
    assert f"{tmp_path / 'MY_LIST'} nor MY_LIST.json" in text
    assert "There is: MY_LIST.txt" in text


@pytest.mark.parametrize("name", ["", ".", "no/such/folder/L", "x" * 5000, "L.json"])
def test_any_name_that_is_none_is_a_missing_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="No config list was found"):
        config_list_from_json(name)


def test_bad_json_is_told_with_its_place_and_line(monkeypatch):
    monkeypatch.setenv("MY_LIST", '[\n  {"model": "a", "temperature": 0.5,}\n]')
    with pytest.raises(json.JSONDecodeError, match=r"MY_LIST is not valid JSON: .*line 2 column") as caught:
        config_list_from_json("MY_LIST")
    assert '{"model": "a", "temperature": 0.5' in str(caught.value)
    assert caught.value.lineno == 2


def test_a_variable_with_a_path_that_leads_nowhere_is_told(monkeypatch):
    monkeypatch.setenv("MY_LIST", "/no/such/file")
    with pytest.raises(json.JSONDecodeError, match="nor the path of a file that exists"):
        config_list_from_json("MY_LIST")


def test_json_that_is_nested_without_end_is_told():
    with pytest.raises(json.JSONDecodeError, match="is not valid JSON"):
        config_list_from_json("[" * 200_000)


BROKEN = [
    '[{"model": "m", "api_key": "SECRET",}]',
    '[{"model": "m", "api_key": "SECRET]',
    "[{'model': 'm', 'api_key': 'SECRET'}]",
    '[{"model": "m", api_key: SECRET}]',
    '[{"model": "m", "api_key" "SECRET"}]',
    '[{"model": "m, "api_key": "SECRET"}]',
    '[{"model": "m\\", "aws_secret_key": "SECRET"}]',
    '[{"model": "m\\", \\"aws_secret_key\\": \\"SECRET\\"}]',
    '[{"tags": ["m"], "api_key" "SECRET"}]',
    '[{"model": "m", "api_key":\n"SECRET"\n"x"}]',
    '[{"model": , "api_key" "SECRET"}]',
    '[{"base_url": "http://u:SECRET@host/?key=SECRET", }]',
    "SECRET",
    "sk-SECRET",
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_said_of_bad_json_holds_no_key(monkeypatch, text):
    monkeypatch.setenv("MY_LIST", text)
    with pytest.raises(json.JSONDecodeError) as caught:
        config_list_from_json("MY_LIST")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value)) + caught.value.doc


@given(st.data())
def test_a_key_in_json_that_was_cut_or_lost_a_character_is_not_shown(data):
    text = '[{"model": "m", "api_key": "SECRET", "tags": ["x"]}, {"default_headers": {"x": "SECRET"}, "max_tokens": 5}]'
    place = data.draw(st.integers(1, len(text) - 1))
    broken = text[:place] if data.draw(st.booleans()) else text[:place] + text[place + 1 :]
    said = ""
    try:
        config_list_from_json(broken, None)
    except json.JSONDecodeError as error:
        said = str(error) + error.doc
    assert "SECRET" not in said


@pytest.mark.parametrize("text", ['{"model": "a"}', "[1]", '"a"', "null"])
def test_json_that_is_no_list_of_objects_is_refused(monkeypatch, text):
    monkeypatch.setenv("MY_LIST", text)
    with pytest.raises(ValueError, match="must hold a JSON list of objects"):
        config_list_from_json("MY_LIST")


def test_a_filter_that_leaves_nothing_is_told_with_what_removed_each_entry(monkeypatch, caplog):
    monkeypatch.setenv("MY_LIST", json.dumps([*ENTRIES, {"model": "z", "api_key": "hush"}]))
    assert config_list_from_json("MY_LIST", filter_dict={"model": ["z"], "tags": ["x"], "api_key": ["other"]}) == []
    assert len(caplog.records) == 1
    assert "environment variable MY_LIST" in caplog.text
    assert "- entry 1 (a): 'model' is 'a', it has no 'api_key'" in caplog.text
    assert "- entry 4 (z): it has no 'tags', 'api_key' is '***'" in caplog.text
    assert "hush" not in caplog.text


def test_a_filter_that_leaves_something_is_no_news(monkeypatch, caplog):
    monkeypatch.setenv("MY_LIST", TEXT)
    assert config_list_from_json("MY_LIST", filter_dict={"model": ["c"]}) == [{"model": "c"}]
    assert not caplog.records


# Keys


def test_a_key_that_was_read_hides_in_what_is_shown_and_works_as_a_key():
    with OpenAIServer("hi", "hi", api_key="hush") as server:
        entry = {**server.config, "default_headers": {"x-team": "hidden"}}
        (config,) = config_list_from_json(json.dumps([entry]))
        assert config == entry
        assert "hush" not in repr(config)
        assert "hidden" not in f"{config}"
        for same in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
            assert same == entry
            assert "hush" not in repr(same)
        client = OpenAIWrapper(config_list=[config], cache_seed=None)
        assert client.create(messages=[{"role": "user", "content": "?"}]).choices[0].message.content == "hi"
    assert server.headers[0]["authorization"] == "Bearer hush"
    assert server.headers[0]["x-team"] == "hidden"
    assert json.loads(json.dumps(config)) == entry


@pytest.mark.parametrize("name", ["api_key", "default_headers"])
def test_endpoints_that_differ_in_a_hidden_text_alone_are_two(name):
    with OpenAIServer("hi", "hi") as server:
        for text in ("one", "two"):
            value = text if name == "api_key" else {"x-team": text}
            config = config_list_from_json(json.dumps([{**server.config, name: value}]))
            OpenAIWrapper(config_list=config, cache_seed=None).create(messages=[{"role": "user", "content": "?"}])
    sent = [headers["authorization" if name == "api_key" else "x-team"] for headers in server.headers]
    assert [text.removeprefix("Bearer ") for text in sent] == ["one", "two"]
