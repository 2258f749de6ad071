"""Tools of a folder of Python files: they are read without being run, and run by the executor of a team alone."""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...._functions.docstrings import parse_docstring
from ...._mistakes import trim_stop
from ...._steps import Steps, invoke, run_async, wrap_in_thread
from ....coding._execute import execute_blocks
from ....coding.base import CodeBlock
from ....tools.tool import Tool
from ...conversable_agent import ConversableAgent
from .annotations import make_schema

logger = logging.getLogger("autogen.agentchat.contrib.captainagent")

_REQUIREMENTS = "with_requirements"
# The package that the decorator comes from.
_DECLARATIONS = "autogen.coding"

# The result follows the mark, because the tool may print, too. In a kernel an event loop is running, so a coroutine gets a
# thread.
_PROGRAM = """\
def call_tool():
    import asyncio, concurrent.futures, inspect, json, sys, types

    sys.path.insert(0, {folder!r})
    module = types.ModuleType({module!r})
    sys.modules[module.__name__] = module
    exec(compile({source!r}, {file!r}, "exec"), module.__dict__)
    result = module.__dict__[{function!r}](**json.loads({arguments!r}))
    if inspect.iscoroutine(result):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            result = pool.submit(asyncio.run, result).result()
    print()
    print({mark!r} + json.dumps(result, default=str))


call_tool()
"""


@dataclass(frozen=True)
class ScriptTool:
    """A function in a file, which no agent can call before it is bound to an executor.

    Attributes:
        name: Name of the function.
        description: Its docstring.
        signature: Its first line.
        parameters: JSON schema of its parameters.
        path: Path of the file.
        source: Source of the file, without decorators of this package.
        packages: Packages that the file declares to need.
    """

    name: str
    description: str
    signature: str
    parameters: dict[str, Any]
    path: Path
    source: str
    packages: tuple[str, ...] = ()

    def bind(self, terminal: ConversableAgent) -> Tool:
        """Return a tool whose calls run in a process of the agent that runs code."""

        async def call(**arguments: object) -> object:
            return await run_async(self._call(terminal, arguments))

        return Tool(name=self.name, description=self.description, func_or_tool=call, parameters_json_schema=self.parameters)

    def _call(self, terminal: ConversableAgent, arguments: dict[str, object]) -> Steps[object]:
        text = json.dumps(arguments)
        # Made of the program, so that the same call is the same program.
        mark = hashlib.sha256(f"{self.name}:{self.source}:{text}".encode()).hexdigest()[:20] + " "
        program = _PROGRAM.format(
            folder=str(self.path.parent),
            module=self.path.stem,
            source=self.source,
            file=str(self.path),
            function=self.name,
            arguments=text,
            mark=mark,
        )
        exit_code, output = yield from _run(terminal, program)
        output, found, result = output.rpartition(mark)
        if exit_code != 0 or not found:
            hint = f" It needs the packages {', '.join(self.packages)}." if self.packages else ""
            raise RuntimeError(f"{self.name} failed (exit code {exit_code}).{hint}\n{(output + result).strip()}")
        return json.loads(result.strip().splitlines()[0])


def _run(terminal: ConversableAgent, program: str) -> Steps[tuple[int, str]]:
    """Run a program as the agent runs the code of messages."""
    executor = terminal.code_executor
    if executor is not None:
        result = yield from execute_blocks(executor, [CodeBlock(code=program, language="python")])
        return result.exit_code, result.output
    # A configuration of the first kind, without an executor.
    execute = terminal.execute_code_blocks
    return (yield from invoke(execute, wrap_in_thread(execute), [("python", program)]))


def read_folder(folder: str | os.PathLike[str]) -> list[ScriptTool]:
    """Return the tools of a folder, and of the folders in it. No file is imported.

    A file defines the function of its name, or several with docstrings. Files and functions whose names begin with an
    underscore are not tools. A file that can't be parsed is left out, with a warning in the log.

    Raises:
        NotADirectoryError: if there is no such folder.
        ValueError: if two functions have the same name.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"A library of tools must be a folder of Python files, got {os.fspath(folder)!r}.")
    tools: dict[str, ScriptTool] = {}
    for path in sorted(root.rglob("*.py")):
        if any(part.startswith(("_", ".")) for part in path.relative_to(root).parts):
            continue
        for tool in read_file(path):
            if tool.name in tools:
                raise ValueError(f"Two tools have the name {tool.name!r}: in {tools[tool.name].path} and in {path}.")
            tools[tool.name] = tool
    return list(tools.values())


def read_file(path: Path) -> list[ScriptTool]:
    """Return the tools of a file, without importing it."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError) as error:
        logger.warning("The file %s is not read as a tool: %s.", path, trim_stop(error))
        return []
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    public = [node for node in functions if not node.name.startswith("_")]
    chosen = [node for node in public if node.name == path.stem] or [node for node in public if ast.get_docstring(node)]
    packages = tuple(_list_packages(functions))
    source = _drop_requirements(tree) if any(map(_find_requirements, functions)) else text
    return [_make_tool(node, path, source, packages) for node in chosen]


def _make_tool(
    node: ast.FunctionDef | ast.AsyncFunctionDef, path: Path, source: str, packages: tuple[str, ...]
) -> ScriptTool:
    docstring = ast.get_docstring(node) or node.name.replace("_", " ")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"def {node.name}({ast.unparse(node.args)}){returns}:"
    parameters = make_schema(node.args, parse_docstring(docstring))
    return ScriptTool(node.name, docstring, signature, parameters, path, source, packages)


# Files of other libraries declare their requirements by a decorator, whose package the executor may not have.


def _find_requirements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == _REQUIREMENTS:
            return decorator
    return None


def _iter_arguments(decorator: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    names = ("python_packages", "global_imports")
    for name, value in [*zip(names, decorator.args, strict=False), *((item.arg, item.value) for item in decorator.keywords)]:
        for item in value.elts if isinstance(value, (ast.List, ast.Tuple)) else ():
            yield str(name), item


def _list_packages(functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[str]:
    for decorator in filter(None, map(_find_requirements, functions)):
        for name, item in _iter_arguments(decorator):
            if name == "python_packages" and isinstance(item, ast.Constant):
                yield str(item.value)


def _drop_requirements(tree: ast.Module) -> str:
    """Return the source of a module without the decorator, but with the imports that it declares."""
    imports: list[str] = []
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (decorator := _find_requirements(node)):
            items = (item for name, item in _iter_arguments(decorator) if name == "global_imports")
            imports += filter(None, map(_format_import, items))
            node.decorator_list.remove(decorator)
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_DECLARATIONS)):
            body.append(node)
    # Imports from the future stay first.
    future = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    rest = [node for node in body if node not in future]
    return "\n".join([*map(ast.unparse, future), *dict.fromkeys(imports), *map(ast.unparse, rest)]) + "\n"


def _format_import(item: ast.expr) -> str | None:
    """Return a declared import as a statement."""
    if isinstance(item, ast.Constant):
        return f"import {item.value!s}"
    if not isinstance(item, ast.Call):
        return None
    values = [*item.args, *(keyword.value for keyword in item.keywords)]
    kind = ast.unparse(item.func).rpartition(".")[2]
    if kind == "Alias" and len(values) == 2:
        return f"import {_format_alias(item)}"
    if kind == "ImportFromModule" and len(values) == 2:
        names = values[1].elts if isinstance(values[1], (ast.List, ast.Tuple)) else [values[1]]
        return f"from {ast.literal_eval(values[0])} import {', '.join(map(_format_alias, names))}"
    return None


def _format_alias(item: ast.expr) -> str:
    if isinstance(item, ast.Call):
        name, alias = (ast.literal_eval(value) for value in [*item.args, *(keyword.value for keyword in item.keywords)])
        return f"{name} as {alias}"
    return str(ast.literal_eval(item))
