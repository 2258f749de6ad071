"""What a model writes as the arguments of a call."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def called_with(arguments):
    """What a function gets when it is called with such arguments, and whether that succeeded."""
    got = []
    agent = ConversableAgent("a", human_input_mode="NEVER", function_map={"f": lambda **given: got.append(given)})
    success, answer = agent.execute_function({"name": "f", "arguments": arguments})
    assert answer["role"] == "function"
    assert success is bool(got)
    return got[0] if success else answer["content"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (None, {}),
        ("", {}),
        ("  \n", {}),
        ("null", {}),
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ('{"code": "print(1)\nprint(2)\t"}', {"code": "print(1)\nprint(2)\t"}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": "`b`"}\n```', {"a": "`b`"}),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": ",}", }', {"a": ",}"}),
        ("{'a': True, 'b': None, 'c': \"it's\"}", {"a": True, "b": None, "c": "it's"}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("{a: 1}", {"a": 1}),
        ('{"say": "the "end" of it"}', {"say": 'the "end" of it'}),
    ],
)
def test_what_can_mean_one_thing_only_is_understood(text, meant):
    assert called_with(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "line 1 column 8"),
        ("a = 1", "line 1 column 1"),
        ("[1, 2]", "this is a list"),
        ("3", "this is a int"),
        ('"hello"', "this is a str"),
        ("{1, 2}", "line 1 column 2"),
        ("{'a': {1}}", "line 1 column 2"),
        ("{'a': b'x'}", "line 1 column 2"),
        ("f(a=1)", "line 1 column 1"),
        ("[" * 100_000, "Error"),
        ('{"a": ' * 100_000, "Error"),
        ("{'a': " * 100_000, "Error"),
    ],
)
def test_what_else_there_is_is_told_to_the_model(text, said):
    answer = called_with(text)
    assert answer.startswith("Error: ")
    assert said in answer
    assert answer.endswith("The arguments must be a JSON object.")


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_valid_arguments_are_never_changed(arguments):
    assert called_with(json.dumps(arguments)) == arguments
    assert called_with(json.dumps(arguments, ensure_ascii=False, indent=2)) == arguments


@given(st.text(alphabet="{}[]\",:'\\`\n\t aTrue1.", max_size=60))
def test_nothing_that_a_model_writes_is_an_exception(text):
    assert isinstance(called_with(text), dict | str)


@pytest.mark.parametrize("name", ["functions.f", "functions_f"])
def test_a_namespace_in_front_of_a_name_is_understood(name):
    agent = ConversableAgent("a", human_input_mode="NEVER", function_map={"f": lambda: "done"})
    assert agent.execute_function({"name": name, "arguments": ""}) == (
        True,
        {"name": name, "role": "function", "content": "done"},
    )
