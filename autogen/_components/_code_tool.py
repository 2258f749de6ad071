"""Tools whose source is in a document: read without running it, and run in an executor."""

from __future__ import annotations

import ast
import json
import secrets
from typing import Any

from .._mistakes import trim_stop
from ..coding.base import CodeBlock, CodeExecutor
from ..specs._protocols import Config
from ..tools.tool import Tool

# What annotations may be: names of JSON's types, and the generic forms of them.
_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "dict": {"type": "object"},
    "None": {"type": "null"},
    "Any": {},
}
# The answer is a line of its own, which begins with a mark that the source can't know beforehand.
_PROGRAM = """\
import json as _json
import sys as _sys

def _main():
    namespace = {{"__name__": "tool"}}
    exec(compile({source!r}, "tool.py", "exec"), namespace)
    try:
        result = namespace[{entry!r}](**_json.loads({arguments!r}))
        if hasattr(result, "__await__"):
            import asyncio
            result = asyncio.run(result)
        answer = {{"result": result}}
    except Exception as error:
        answer = {{"error": f"{{type(error).__name__}}: {{error}}"}}
    _sys.stdout.flush()
    print("\\n{mark}" + _json.dumps(answer, default=str), flush=True)

_main()
"""


class CodeTool(Tool):
    """A function whose source runs in an executor; each call is a process of its own.

    Attributes:
        source: The source of a module.
        executor: The executor.

    Args:
        source: The source.
        entry: Name of the function.
        executor: The executor.
        description: Description for the model; by default the docstring of the function.

    Raises:
        ValueError: if the source is not Python, has no such function, or a signature that no schema describes.
    """

    def __init__(self, source: str, entry: str, executor: CodeExecutor, description: str | None = None) -> None:
        schema, docstring = read_signature(source, entry)
        self.source = source
        self.executor = executor
        self._entry = entry

        def call(**arguments: Any) -> Any:
            return self._run(arguments)

        super().__init__(
            name=entry, description=description or docstring or entry, func_or_tool=call, parameters_json_schema=schema
        )

    def _run(self, arguments: Config) -> Any:
        mark = secrets.token_hex(16)
        program = _PROGRAM.format(source=self.source, entry=self._entry, arguments=json.dumps(arguments), mark=mark)
        result = self.executor.execute_code_blocks([CodeBlock(language="python", code=program)])
        _, _, answer = result.output.rpartition(mark)
        if mark not in result.output:
            raise RuntimeError(
                f"The code ended with exit code {result.exit_code}, without a result: {result.output[-2000:]}"
            )
        loaded = json.loads(answer.partition("\n")[0])
        if "error" in loaded:
            raise RuntimeError(loaded["error"])
        return loaded["result"]


def read_signature(source: str, entry: str) -> tuple[dict[str, Any], str | None]:
    """Return the schema of the parameters of a function, and its docstring. Nothing of the source is run.

    Args:
        source: The source of a module.
        entry: Name of the function, which is at the top of the module.

    Raises:
        ValueError: if the source is not Python, has no such function, or a signature that no schema describes.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = trim_stop(getattr(error, "msg", None) or type(error).__name__)
        raise ValueError(f"The source is not Python: {reason}.") from None
    functions = [node for node in module.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    function = next((node for node in functions if node.name == entry), None)
    if function is None:
        raise ValueError(f"The source has no function {entry!r}.")
    signature = function.args
    if signature.vararg or signature.kwarg or signature.posonlyargs:
        raise ValueError(f"The parameters of {entry!r} must have names: no `*`, `**` or `/`.")
    defaults = [None] * (len(signature.args) - len(signature.defaults)) + list(signature.defaults)
    rows = [*zip(signature.args, defaults, strict=True), *zip(signature.kwonlyargs, signature.kw_defaults, strict=True)]
    properties = {parameter.arg: _describe(parameter, default) for parameter, default in rows}
    required = [parameter.arg for parameter, default in rows if default is None]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return schema, ast.get_docstring(function)


def _describe(parameter: ast.arg, default: ast.expr | None) -> Config:
    schema = {} if parameter.annotation is None else _convert(parameter.annotation, parameter.arg)
    if default is None:
        return schema
    try:
        value = ast.literal_eval(default)
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"The default of {parameter.arg!r} must be a literal of JSON.") from None
    return {**schema, "default": value}


def _convert(node: ast.expr, name: str) -> Config:
    """Return the schema of an annotation."""
    if isinstance(node, ast.Constant) and node.value is None:
        return {"type": "null"}
    if isinstance(node, ast.Name) and node.id in _TYPES:
        return dict(_TYPES[node.id])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return {"anyOf": [_convert(node.left, name), _convert(node.right, name)]}
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id in ("list", "List") and len(items) == 1:
            return {"type": "array", "items": _convert(items[0], name)}
        if node.value.id in ("dict", "Dict") and len(items) == 2:
            return {"type": "object", "additionalProperties": _convert(items[1], name)}
        if node.value.id == "Optional" and len(items) == 1:
            return {"anyOf": [_convert(items[0], name), {"type": "null"}]}
        if node.value.id == "Literal" and all(isinstance(item, ast.Constant) for item in items):
            return {"enum": [item.value for item in items if isinstance(item, ast.Constant)]}
    raise ValueError(
        f"The annotation of {name!r} must be of str, int, float, bool, list, dict, None, Any, Optional, Literal or `|`."
    )
