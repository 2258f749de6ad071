"""The actions by which a model edits functions, checked before any of them takes effect."""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...._mistakes import trim_stop

JSONObject: TypeAlias = dict[str, Any]
"""An object of JSON."""

# Names and versions of packages: no options of pip, no addresses and no paths.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?([=<>!~]=?=?[A-Za-z0-9.*+!_-]+)?")
_MAX_NAME = 64  # characters, as endpoints allow


class InvalidAction(ValueError):
    """Raised if an action of a model is not valid. The text says why, for the model."""


@dataclass(frozen=True)
class LearnedFunction:
    """A function that a model wrote.

    Attributes:
        name: Its name.
        description: Its purpose.
        arguments: The JSON schemas of its arguments, by name.
        packages: The packages that it needs.
        code: The source code that defines it.
    """

    name: str
    description: str
    arguments: JSONObject = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    code: str = ""

    @property
    def signature(self) -> JSONObject:
        """The function as a model that calls it gets it."""
        parameters = {"type": "object", "properties": dict(self.arguments), "required": list_required(self)}
        return {"name": self.name, "description": self.description, "parameters": parameters}

    def to_dict(self) -> JSONObject:
        """Return the function as a dict of JSON values."""
        fields = {"arguments": dict(self.arguments), "packages": list(self.packages), "code": self.code}
        return {"name": self.name, "description": self.description, **fields}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> LearnedFunction:
        """Make a function from a dict.

        Raises:
            InvalidAction: if it does not describe a function.
        """
        name = data.get("name")
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or len(name) > _MAX_NAME:
            raise InvalidAction(f"name must be that of a Python function, got {name!r}.")
        arguments = parse_object("arguments", data.get("arguments"))
        if not all(isinstance(schema, Mapping) for schema in arguments.values()):
            raise InvalidAction("arguments must have a JSON schema for each name.")
        description = data.get("description")
        if not isinstance(description, str) or not description.strip():
            raise InvalidAction(f"description must be a text, got {description!r}.")
        function = cls(
            name, description.strip(), arguments, parse_packages(data.get("packages")), str(data.get("code") or "")
        )
        check_code(function)
        return function


@dataclass(frozen=True)
class Edit:
    """An action of a model.

    Attributes:
        name: The name of the function.
        function: The function that is added, or that replaces another; None if it is removed.
        example: Arguments for a trial call.
    """

    name: str
    function: LearnedFunction | None
    example: JSONObject = field(default_factory=dict)


def parse_edit(tool: str, arguments: object, functions: Mapping[str, LearnedFunction]) -> Edit:
    """Return the action that a call of a tool asks for.

    Args:
        tool: The name of the tool.
        arguments: The arguments of the call, as JSON or as a dict.
        functions: The functions as they are, by name.

    Raises:
        InvalidAction: if it is not valid.
    """
    fields = parse_object("the arguments of the call", arguments)
    name = fields.get("name")
    known = ", ".join(functions) or "none"
    if tool in ("remove_function", "revise_function") and name not in functions:
        raise InvalidAction(f"there is no function {name!r}; the functions are: {known}.")
    if tool == "remove_function":
        return Edit(str(name), None)
    if tool not in ("add_function", "revise_function"):
        raise InvalidAction(f"there is no tool {tool!r}.")
    if tool == "add_function" and name in functions:
        raise InvalidAction(f"there is a function {name!r} already; call revise_function to change it.")
    function = LearnedFunction.from_dict(fields)
    example = parse_object("example", fields.get("example"))
    if missing := [argument for argument in list_required(function) if argument not in example]:
        raise InvalidAction(f"example must have values for {', '.join(missing)}.")
    if unknown := [argument for argument in example if argument not in function.arguments]:
        raise InvalidAction(f"example has {', '.join(unknown)}, which arguments does not describe.")
    return Edit(function.name, function, example)


def parse_object(name: str, value: object) -> JSONObject:
    """Return a JSON object that a model wrote; an empty one for none.

    Raises:
        InvalidAction: if it is not an object.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidAction(f"{name} must be a JSON object: {trim_stop(error)}.") from error
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidAction(f"{name} must be a JSON object, got {value!r:.100}.")
    return dict(value)


def parse_packages(value: object) -> tuple[str, ...]:
    """Return the packages of a list, or of a text that names them.

    Raises:
        InvalidAction: if one of them is not the name of a package, perhaps with a version.
    """
    names = re.split(r"[,;\s]+", value) if isinstance(value, str) else value or ()
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InvalidAction(f"packages must be names that are separated by commas, got {value!r:.100}.")
    packages = tuple(name.strip("\"'[]") if name.startswith(("'", '"', "[")) else name for name in names)
    packages = tuple(name for name in packages if name and name.lower() not in ("none", "null"))
    for name in packages:
        if not _REQUIREMENT.fullmatch(name):
            raise InvalidAction(f"packages must be names of packages, got {name!r:.100}.")
    return packages


def check_code(function: LearnedFunction) -> None:
    """Check that the code of a function can be compiled, and defines it with its arguments.

    Raises:
        InvalidAction: if not.
    """
    try:
        compile(function.code, f"<{function.name}>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidAction(f"the code can't be compiled: {trim_stop(error)}.") from error
    node = _find_definition(function)
    if node is None:
        raise InvalidAction(f"the code must define a function {function.name!r}.")
    spec = node.args
    names = [argument.arg for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]]
    if spec.posonlyargs:
        raise InvalidAction("the arguments of the function are passed by name: it can't have positional-only parameters.")
    if unknown := [name for name in function.arguments if name not in names and spec.kwarg is None]:
        raise InvalidAction(f"the function has no parameters {', '.join(unknown)}, which arguments describes.")
    if undescribed := [name for name in list_required(function) if name not in function.arguments]:
        raise InvalidAction(f"arguments must describe {', '.join(undescribed)}, too.")


def list_required(function: LearnedFunction) -> list[str]:
    """Return the names of the parameters that have no default."""
    node = _find_definition(function)
    if node is None:
        return []
    spec = node.args
    positional = [argument.arg for argument in spec.args]
    required = positional[: len(positional) - len(spec.defaults)] if spec.defaults else positional
    keywords = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    return [*required, *(argument.arg for argument, default in keywords if default is None)]


def _find_definition(function: LearnedFunction) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the definition of a function in its code: the last, which is called."""
    nodes = ast.parse(function.code).body if function.code else []
    definitions = (node for node in reversed(nodes) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return next((node for node in definitions if node.name == function.name), None)
