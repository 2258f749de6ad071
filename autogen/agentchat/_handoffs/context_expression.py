"""Boolean expressions over context variables.

The values often come from a model, so they are bound to the parsed expression and never become part of its source.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, cast

from ..._mistakes import trim_stop

_TOKEN = re.compile(
    r"""(?xs)
      (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
    | \$\{ (?P<name> [^}]*) \}
    | (?P<sign> !(?!=) | & | \| )
    """
)
_OPERATORS = {"!": " not ", "&": " and ", "|": " or "}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY_OPERATORS: dict[type[ast.unaryop], Callable[[Any], object]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LITERALS = (str, int, float, bool, type(None))
_PLACEHOLDER = "_variable_"


@dataclass(frozen=True)
class ContextExpression:
    """A condition on context variables.

    It consists of variables `${name}`, `not` or `!`, `and` or `&`, `or` or `|`, the comparisons `== != < <= > >=`,
    `len(...)`, parentheses, and literals. Nothing else is evaluated, whatever the variables contain.

    Args:
        expression: Source text.

    Raises:
        SyntaxError: if the text is not an expression.
        ValueError: if it contains anything else.

    >>> ContextExpression("${attempts} >= 3 and not ${solved}").evaluate({"attempts": 3, "solved": False})
    True
    """

    expression: str
    _tree: ast.expr = field(init=False, repr=False, compare=False)
    _names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise TypeError(f"An expression must be text, got {self.expression!r}.")
        tree, names = _parse(self.expression)
        # A frozen dataclass refuses plain assignments.
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "_names", names)
        try:
            self._validate(tree)
        except RecursionError:
            raise SyntaxError("The expression is nested too deeply.") from None

    def evaluate(self, context_variables: Mapping[str, object]) -> bool:
        """Return True if the condition holds.

        Args:
            context_variables: Values by name.

        Raises:
            KeyError: if a variable is missing.
            ValueError: if two values can't be compared, or a value has no length.
        """
        for name in self._names:
            if name not in context_variables:
                raise KeyError(f"The expression {self.expression!r} needs the context variable {name!r}, which is not set.")
        values = {f"{_PLACEHOLDER}{index}": context_variables[name] for index, name in enumerate(self._names)}
        try:
            return bool(_evaluate(self._tree, values))
        except TypeError as error:
            raise ValueError(f"The expression {self.expression!r} does not fit its variables: {error}") from error

    def _validate(self, node: ast.expr) -> None:
        """Validate a part of the expression.

        Raises:
            ValueError: if it is not allowed.
        """
        match node:
            case ast.BoolOp(values=parts):
                pass
            case ast.UnaryOp(op=sign, operand=part) if type(sign) in _UNARY_OPERATORS:
                parts = [part]
            case ast.Compare(left=left, ops=kinds, comparators=others) if all(type(kind) in _COMPARISONS for kind in kinds):
                parts = [left, *others]
            # The only function that is allowed.
            case ast.Call(func=ast.Name(id="len"), args=[part], keywords=[]) if not isinstance(part, ast.Starred):
                parts = [part]
            # The text may contain a name that only looks like a placeholder.
            case ast.Name(id=name) if name.removeprefix(_PLACEHOLDER) in map(str, range(len(self._names))):
                parts = []
            case ast.Constant(value=value) if type(value) in _LITERALS:
                parts = []
            case _:
                raise ValueError(
                    f"{type(node).__name__} is not allowed in the expression {self.expression!r}: use variables as "
                    "${name}, literals, comparisons, not, and, or, len() and parentheses."
                )
        for part in parts:
            self._validate(part)


def _parse(expression: str) -> tuple[ast.expr, tuple[str, ...]]:
    """Return the syntax tree of an expression, with numbered placeholders for the variables, and their names."""
    names: list[str] = []

    def translate(token: re.Match[str]) -> str:
        # Signs and placeholders within a literal are part of it.
        if token["text"] is not None:
            return token["text"]
        if token["sign"] is not None:
            return _OPERATORS[token["sign"]]
        if not token["name"].strip().isidentifier():
            raise SyntaxError(f"{token[0]!r} in the expression {expression!r} is not a variable: write ${{name}}.")
        names.append(token["name"].strip())
        return f" {_PLACEHOLDER}{len(names) - 1} "

    source = _TOKEN.sub(translate, expression).strip()
    try:
        with warnings.catch_warnings():
            # The parser warns about dubious literals, with a location in this file.
            warnings.simplefilter("ignore")
            return ast.parse(source, mode="eval").body, tuple(names)
    except SyntaxError as error:
        raise SyntaxError(f"Can't parse the expression {expression!r}: {trim_stop(error.msg)}.") from None
    # The parser raises these for null bytes, and for a text that is too long or too deeply nested.
    except (ValueError, MemoryError, RecursionError) as error:
        raise SyntaxError(
            f"Can't parse the expression {expression!r}: {trim_stop(error or type(error).__name__)}."
        ) from None


def _evaluate(node: ast.expr, values: Mapping[str, object]) -> object:
    """Return the value of a validated expression."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_evaluate(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_evaluate(part, values) for part in parts)
        case ast.UnaryOp(op=sign, operand=part):
            return _UNARY_OPERATORS[type(sign)](_evaluate(part, values))
        case ast.Compare(left=left, ops=kinds, comparators=others):
            operands = [_evaluate(part, values) for part in (left, *others)]
            # `a < b < c` compares neighbours; the last operand has none.
            triples = zip(kinds, operands, operands[1:], strict=False)
            return all(_COMPARISONS[type(kind)](left_value, right_value) for kind, left_value, right_value in triples)
        case ast.Call(args=[part]):
            # A value without a length raises TypeError, which `evaluate` reports.
            return len(cast(Sized, _evaluate(part, values)))
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=value):
            return value
        case _:
            raise AssertionError("unreachable: the tree is validated")
