"""Expressions over context variables: what they mean, what they refuse, and that values are never evaluated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.agentchat.group import ContextExpression, ContextVariables

HOSTILE = [
    "'",
    '"',
    "' or True or '",
    '") or __import__("os").system("x") or ("',
    "__import__('os')",
    "${other}",
    "{other}",
    "\\",
    "\n",
    "'''",
    "True",
    "1) or (1",
    "_variable_0",
]
VALUES = {"t": True, "f": False, "n": 3, "s": "gold", "e": "", "items": [1, 2], "none": None, "x1": 1.5}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("${t}", True),
        ("${f}", False),
        ("not ${t}", False),
        ("!${f}", True),
        ("! ${f} & ${t}", True),
        ("${t} and ${f}", False),
        ("${t} & ${f}", False),
        ("${t} or ${f}", True),
        ("${f} | ${f}", False),
        ("${n} > 2 & ${n} < 4", True),
        ("1 < ${n} < 3", False),
        ("${n} >= 3 and ${n} <= 3", True),
        ("${s} == 'gold'", True),
        ('${s} != "gold"', False),
        ("${n} != 4", True),
        ("len(${items}) == 2", True),
        ("len(${s}) > 10", False),
        ("${e}", False),
        ("${none} == None", True),
        ("(${f} or ${t}) and not (${n} == 1)", True),
        ("${x1} > -1", True),
        ("${s} == 'a & b | !c'", False),
        ("'${n}' == '${n}'", True),
        ("${ n } == 3", True),
        ("True", True),
        ("0", False),
    ],
)
def test_it_means_what_it_says(expression, holds):
    assert ContextExpression(expression).evaluate(VALUES) is holds
    assert ContextExpression(expression).evaluate(ContextVariables(VALUES)) is holds


@pytest.mark.parametrize(
    "expression",
    ["", "   ", "${t} and", "(${t}", "${}", "${a b}", "${a.b}", "${a[0]}", "$t", "${t", "== 3", "${t} ${f}", "x = 1"],
)
def test_bad_syntax_is_a_syntax_error(expression):
    with pytest.raises(SyntaxError):
        ContextExpression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "n > 1",
        "__import__('os')",
        "${n}.real",
        "${items}[0]",
        "${n} + 1 > 2",
        "${n} ** 9",
        "open('x')",
        "len(${s}, 1)",
        "len(*${items})",
        "len(obj=${s})",
        "[x for x in ${items}]",
        "lambda: 1",
        "f'{1}'",
        "f'${n}'",
        "b'x'",
        "(a := 1)",
        "1 if ${t} else 2",
        "${n} in ${items}",
        "[1, 2]",
        "{}",
        "~${n}",
        "len",
        "_variable_7",
    ],
)
def test_what_is_not_allowed_is_a_value_error(expression):
    with pytest.raises(ValueError, match="not allowed") as caught:
        ContextExpression(expression)
    assert not isinstance(caught.value, SyntaxError)


@pytest.mark.parametrize("expression", ["${t} or ${missing}", "${missing}", "${f} and ${missing}", "len(${missing}) > 1"])
def test_a_missing_variable_is_a_key_error(expression):
    with pytest.raises(KeyError, match="missing"):
        ContextExpression(expression).evaluate(VALUES)


@pytest.mark.parametrize("expression", ["${s} > 3", "len(${n}) == 1", "-${s} == 1"])
def test_values_that_do_not_fit_are_a_value_error(expression):
    with pytest.raises(ValueError, match="does not fit"):
        ContextExpression(expression).evaluate(VALUES)


@pytest.mark.parametrize("nested", ["(" * 5000 + "1" + ")" * 5000, "not " * 20000 + "${t}"])
def test_nesting_without_end_is_a_syntax_error(nested):
    with pytest.raises(SyntaxError):
        ContextExpression(nested)


def test_it_must_be_text():
    with pytest.raises(TypeError, match="must be text"):
        ContextExpression(3)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_data(value):
    assert ContextExpression("${v} == 'admin'").evaluate({"v": value}) is False
    assert ContextExpression("${v} == ${w}").evaluate({"v": value, "w": value}) is True
    assert ContextExpression("len(${v}) == ${size}").evaluate({"v": value, "size": len(value)}) is True
    assert ContextExpression("not ${v}").evaluate({"v": value}) is False


@given(st.text() | st.sampled_from(HOSTILE), st.text() | st.sampled_from(HOSTILE))
def test_values_compare_as_python_compares_them(one, other):
    variables = {"one": one, "other": other}
    for sign, answer in (("==", one == other), ("!=", one != other), ("<", one < other), (">=", one >= other)):
        assert ContextExpression(f"${{one}} {sign} ${{other}}").evaluate(variables) is answer


@given(st.text(alphabet="${}()'\"!&|=<> abn0.,_[]-", max_size=30))
def test_a_wild_expression_is_read_or_refused(text):
    try:
        expression = ContextExpression(text)
    except (SyntaxError, ValueError):
        return
    try:
        assert expression.evaluate({"a": 1, "b": "x", "n": None}) in (True, False)
    except (KeyError, ValueError):
        return


PRINTED = st.characters(exclude_categories=("C", "Z"), exclude_characters="\\'") | st.just(" ")


@given(st.text(PRINTED, max_size=20))
def test_a_literal_in_the_expression_means_itself(text):
    assert ContextExpression(f"${{v}} == '{text}'").evaluate({"v": text}) is True


def test_equal_texts_are_equal_expressions():
    assert ContextExpression("${a}") == ContextExpression("${a}")
    assert ContextExpression("${a}") != ContextExpression("${b}")
