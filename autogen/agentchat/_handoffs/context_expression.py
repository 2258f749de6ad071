"""Conditions on context variables, written as expressions.

Values often come from a model, so they are bound to the parsed expression and never become part of a source text.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""(?xs)
      (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
    | \$\{ (?P<name> [^}]*) \}
    | (?P<sign> !(?!=) | & | \| )
    """
)
_WORDS = {"!": " not ", "&": " and ", "|": " or "}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LITERALS = (str, int, float, bool, type(None))
_STAND_IN = "_variable_"


@dataclass(frozen=True)
class ContextExpression:
    """A condition on context variables.

    It knows variables `${name}`, `not` or `!`, `and` or `&`, `or` or `|`, the comparisons `== != < <= > >=`, `len(...)`,
    parentheses, and literals. Nothing else is evaluated, whatever the variables hold.

    Args:
        expression: The text.

    Raises:
        SyntaxError: It is no expression.
        ValueError: It has something in it that is not allowed.

    >>> ContextExpression("${attempts} >= 3 and not ${solved}").evaluate({"attempts": 3, "solved": False})
    True
    """

    expression: str
    _tree: ast.expr = field(init=False, repr=False, compare=False)
    _names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise TypeError(f"An expression must be text, not {self.expression!r}.")
        tree, names = _parsed(self.expression)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "_names", names)
        try:
            self._check(tree)
        except RecursionError:
            raise SyntaxError("The expression is nested too deeply.") from None

    def evaluate(self, variables: Mapping[str, Any]) -> bool:
        """Whether the condition holds.

        Args:
            variables: The values by name.

        Raises:
            KeyError: A variable is missing.
            ValueError: Two values can't be compared, or one has no length.
        """
        for name in self._names:
            if name not in variables:
                raise KeyError(f"The expression {self.expression!r} needs the context variable {name!r}, which is not set.")
        bound = {f"{_STAND_IN}{place}": variables[name] for place, name in enumerate(self._names)}
        try:
            return bool(_value(self._tree, bound))
        except TypeError as error:
            raise ValueError(f"The expression {self.expression!r} does not fit its variables: {error}") from error

    def _check(self, node: ast.expr) -> None:
        """Raises:
        ValueError: A part is not allowed.
        """
        match node:
            case ast.BoolOp(values=parts):
                pass
            case ast.UnaryOp(op=sign, operand=part) if type(sign) in _SIGNS:
                parts = [part]
            case ast.Compare(left=left, ops=kinds, comparators=others) if all(type(kind) in _COMPARISONS for kind in kinds):
                parts = [left, *others]
            case ast.Call(func=ast.Name(id="len"), args=[part], keywords=[]) if not isinstance(part, ast.Starred):
                parts = [part]
            case ast.Name(id=name) if name.removeprefix(_STAND_IN) in map(str, range(len(self._names))):
                parts = []
            case ast.Constant(value=value) if type(value) in _LITERALS:
                parts = []
            case _:
                raise ValueError(
                    f"The expression {self.expression!r} has {type(node).__name__} in it, which is not allowed: use "
                    "variables as ${name}, literals, comparisons, not, and, or, len() and parentheses."
                )
        for part in parts:
            self._check(part)


def _parsed(expression: str) -> tuple[ast.expr, tuple[str, ...]]:
    """The syntax tree of an expression in which numbered names stand for the variables, and their names."""
    names: list[str] = []

    def translated(token: re.Match[str]) -> str:
        if token["text"] is not None:
            return token["text"]
        if token["sign"] is not None:
            return _WORDS[token["sign"]]
        if not token["name"].strip().isidentifier():
            raise SyntaxError(f"{token[0]!r} in the expression {expression!r} is no variable: write ${{name}}.")
        names.append(token["name"].strip())
        return f" {_STAND_IN}{len(names) - 1} "

    source = _TOKEN.sub(translated, expression).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parser about a text that is not ours
            return ast.parse(source, mode="eval").body, tuple(names)
    except SyntaxError as error:
        raise SyntaxError(f"The expression {expression!r} can't be read: {error.msg}.") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise SyntaxError(f"The expression {expression!r} can't be read: {error or type(error).__name__}.") from None


def _value(node: ast.expr, bound: Mapping[str, Any]) -> Any:
    """The value of a checked expression."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, bound) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, bound) for part in parts)
        case ast.UnaryOp(op=sign, operand=part):
            return _SIGNS[type(sign)](_value(part, bound))
        case ast.Compare(left=left, ops=kinds, comparators=others):
            values = [_value(part, bound) for part in (left, *others)]
            pairs = zip(kinds, values, values[1:], strict=False)
            return all(_COMPARISONS[type(kind)](one, other) for kind, one, other in pairs)
        case ast.Call(args=[part]):
            return len(_value(part, bound))
        case ast.Name(id=name):
            return bound[name]
        case ast.Constant(value=value):
            return value
        case _:
            raise AssertionError("unreachable: the tree was checked")
