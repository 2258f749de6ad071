"""Helpers for clients: checked parameters, hidden tools, the form of a log line."""

import logging
import math
import warnings

import pytest

from autogen.oai.client_utils import logger_formatter, should_hide_tools, validate_parameter

NUMBER = (int, float)


@pytest.mark.parametrize(
    ("given", "types", "none", "bound", "values"),
    [
        ({"p": 0.5}, NUMBER, False, (0, 1), None),
        ({"p": 0}, NUMBER, False, (0, 1), None),
        ({"p": 1}, NUMBER, False, (0, 1), None),
        ({"p": 10**9}, NUMBER, False, (0, None), None),
        ({"p": -5}, NUMBER, False, (None, 0), None),
        ({"p": "a"}, str, False, None, ["a", "b"]),
        ({"p": "free"}, str, False, None, None),
        ({"p": None}, str, True, None, None),
        ({"p": 5}, NUMBER, False, (0, 9), [1]),  # only the first check that applies counts
    ],
)
def test_a_possible_value_is_taken_in_silence(given, types, none, bound, values):
    assert validate_parameter(given, "p", types, none, "default", bound, values) == given["p"]


@pytest.mark.parametrize(
    ("value", "types", "bound", "values", "said"),
    [
        (None, NUMBER, None, None, "must not be None"),
        ("1", NUMBER, None, None, "must be of type int or float, got str"),
        ("1", int, None, None, "must be of type int, got str"),
        (2, NUMBER, (0, 1), None, "must be at least 0 and at most 1"),
        (-1, NUMBER, (0, None), None, "must be at least 0"),
        (math.nan, NUMBER, (0, None), None, "must be at least 0"),
        ("c", str, None, ["a", "b"], "must be one of"),
    ],
)
def test_an_impossible_value_gives_the_default_and_a_warning(value, types, bound, values, said):
    with pytest.warns(UserWarning, match=f"'p' {said}.*default: 7"):
        assert validate_parameter({"p": value}, "p", types, False, 7, bound, values) == 7


def test_a_missing_parameter_is_its_default_which_is_checked_too():
    assert validate_parameter({}, "p", int, False, 3, (0, 5), None) == 3
    with pytest.warns(UserWarning, match="'p' must not be None"):
        assert validate_parameter({}, "p", int, False, None, None, None) is None


def test_the_warning_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        validate_parameter({"p": "x"}, "p", int, False, 1, None, None)
    assert caught[0].filename == __file__


def test_allowed_values_that_are_no_list_are_a_type_error():
    with pytest.raises(TypeError, match="allowed_values must be a list or None, got tuple"):
        validate_parameter({}, "p", str, False, "a", None, ("a", "b"))


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("add", "now")]


def called(name, id):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id, "function": {"name": name, "arguments": "{}"}}]}


def answered(id):
    return {"role": "tool", "tool_call_id": id, "content": "1"}


ADD_RAN = [{"role": "user", "content": "?"}, called("add", "1"), answered("1")]
BOTH_RAN = [*ADD_RAN, called("now", "2"), answered("2")]


@pytest.mark.parametrize(
    ("messages", "when", "hidden"),
    [
        (BOTH_RAN, "never", False),
        ([], "if_any_run", False),
        ([called("add", "1")], "if_any_run", False),
        (ADD_RAN, "if_any_run", True),
        (ADD_RAN, "if_all_run", False),
        ([*ADD_RAN, called("now", "2")], "if_all_run", False),
        ([*ADD_RAN, answered("unknown")], "if_all_run", False),
        (BOTH_RAN, "if_all_run", True),
    ],
)
def test_tools_are_hidden_once_they_ran(messages, when, hidden):
    assert should_hide_tools(messages, TOOLS, when) is hidden


def test_no_tools_need_no_hiding():
    assert should_hide_tools(BOTH_RAN, [], "whatever") is False


def test_another_word_for_when_is_a_type_error():
    with pytest.raises(TypeError, match="'if_any_run' or 'if_all_run', got 'always'"):
        should_hide_tools(ADD_RAN, TOOLS, "always")


def test_a_line_of_the_log():
    record = logging.LogRecord("autogen.oai.client", logging.WARNING, "file", 12, "Mind the %s.", ("gap",), None)
    line = logger_formatter.format(record)
    assert line.startswith("[autogen.oai.client: ")
    assert line.endswith("] {12} WARNING - Mind the gap.")
