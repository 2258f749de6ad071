"""JSON schemas of parameters, from annotations that are read and not evaluated."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]
"""A JSON schema."""

_TYPES = {
    **dict.fromkeys(("str", "bytes", "date", "datetime", "Path"), "string"),
    "int": "integer",
    **dict.fromkeys(("float", "Decimal"), "number"),
    "bool": "boolean",
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "set", "Set", "Sequence", "Iterable"), "array"),
    **dict.fromkeys(("dict", "Dict", "Mapping"), "object"),
    "None": "null",
}
_UNIONS = ("Union", "Optional")


def make_schema(arguments: ast.arguments, descriptions: Mapping[str, str]) -> Schema:
    """Return the schema of the parameters of a function.

    Args:
        arguments: Parameters. Those that can't be passed by name are left out.
        descriptions: Descriptions of parameters by name.
    """
    properties: dict[str, Any] = {}
    required = []
    for argument, default in _iter_parameters(arguments):
        schema = _convert(argument.annotation)
        if description := descriptions.get(argument.arg):
            schema = {"description": description, **schema}
        if default is None:
            required.append(argument.arg)
        elif isinstance(default, ast.Constant) and isinstance(default.value, (str, int, float, bool)):
            schema = {**schema, "default": default.value}
        properties[argument.arg] = schema
    return {"type": "object", "properties": properties, "required": required}


def _iter_parameters(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    missing = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    defaults = [*([None] * missing), *arguments.defaults]
    yield from zip(arguments.args, defaults[len(arguments.posonlyargs) :], strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _convert(annotation: ast.expr | None) -> Schema:
    """Return the schema of an annotation; an empty one, which allows everything, if it is not known."""
    if annotation is None:
        return {}
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return _convert(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:
            return {}
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return {"anyOf": [_convert(annotation.left), _convert(annotation.right)]}
    if isinstance(annotation, ast.Subscript):
        return _convert_generic(annotation)
    kind = _TYPES.get(ast.unparse(annotation).rpartition(".")[2])
    return {} if kind is None else {"type": kind}


def _convert_generic(annotation: ast.Subscript) -> Schema:
    name = ast.unparse(annotation.value).rpartition(".")[2]
    items = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if name == "Literal":
        return {"enum": [item.value for item in items if isinstance(item, ast.Constant)]}
    if name == "Annotated":
        text = items[1].value if len(items) > 1 and isinstance(items[1], ast.Constant) else None
        return {**_convert(items[0]), **({"description": text} if isinstance(text, str) else {})}
    if name in _UNIONS:
        return {"anyOf": [*map(_convert, items), *([{"type": "null"}] if name == "Optional" else [])]}
    kind = _TYPES.get(name)
    if kind == "array" and name not in ("tuple", "Tuple"):
        return {"type": kind, "items": _convert(items[0])}
    return {} if kind is None else {"type": kind}
