"""Calls of functions that a model wrote: each is a program of its own, run by an executor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ...._steps import Steps, run_sync
from ....coding._execute import execute_blocks
from .actions import JSONObject, LearnedFunction

if TYPE_CHECKING:
    from ....coding.base import CodeExecutor

_PROGRAM = """\
def __run__(name, packages, code, arguments, mark):
    import asyncio, importlib.metadata, inspect, json, re, subprocess, sys, traceback

    def is_missing(package):
        try:
            importlib.metadata.distribution(re.split(r"[^A-Za-z0-9._-]", package)[0])
        except importlib.metadata.PackageNotFoundError:
            return True
        return False

    missing = [package for package in packages if is_missing(package)]
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--", *missing]
        installation = subprocess.run(pip, capture_output=True, text=True)
        if installation.returncode:
            raise SystemExit("the packages can't be installed: " + installation.stderr.strip()[-1000:])
    scope = {"__name__": "functions"}
    try:
        exec(compile(code, "<function>", "exec", dont_inherit=True), scope)
        result = scope[name](**json.loads(arguments))
        if inspect.isawaitable(result):
            async def wait():
                return await result
            result = asyncio.run(wait())
        result = result if isinstance(result, str) else None if result is None else json.dumps(result, ensure_ascii=False)
    except Exception as error:
        lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == "<function>"]
        where = f" (in line {lines[-1]})" if lines else ""
        raise SystemExit("".join(traceback.format_exception_only(type(error), error)).strip() + where)
    print("\\n" + mark + json.dumps(result))


"""


class FunctionFailed(RuntimeError):
    """Raised if a function that a model wrote raises an error, or takes too long. The text is for the model."""


class Caller:
    """The Python function that calls a function that a model wrote, in an executor.

    Args:
        function: The function.
        executor: The executor; None for a container.
    """

    def __init__(self, function: LearnedFunction, executor: CodeExecutor | None) -> None:
        self._function = function
        self._executor = executor
        self.__name__ = function.name
        self.__doc__ = function.description

    def __call__(self, **args: Any) -> str:
        """Call the function, and return its result as text.

        Raises:
            FunctionFailed: if it fails.
        """
        return run_sync(self.run(args))

    def run(self, arguments: JSONObject) -> Steps[str]:
        """Call the function; a step."""
        from ....coding.base import CodeBlock

        program, mark = build_program(self._function, arguments)
        executor = self._executor or get_default_executor()
        result = yield from execute_blocks(executor, [CodeBlock(code=program, language="python")])
        printed, is_marked, returned = result.output.partition(mark)
        if not is_marked or result.exit_code != 0:
            reason = printed.strip() or f"exit code {result.exit_code}"
            raise FunctionFailed(f"{self._function.name} failed: {reason}")
        value = json.loads(returned.strip().splitlines()[0])
        # Of a function that prints its result, this is the result.
        return printed.strip() if value is None else str(value)


def build_program(function: LearnedFunction, arguments: JSONObject) -> tuple[str, str]:
    """Return the program that calls a function, and the text that its output has in front of the result.

    Raises:
        TypeError: if an argument can't be written as JSON.
    """
    values = json.dumps(arguments)
    mark = f"[result {hashlib.sha256(f'{function.code}:{values}'.encode('utf-8', 'replace')).hexdigest()[:16]}] "
    call = (function.name, list(function.packages), function.code, values, mark)
    return f"{_PROGRAM}__run__({', '.join(map(repr, call))})\n", mark


@cache
def get_default_executor() -> CodeExecutor:
    """Return the executor of functions without one of their own: a container, which ends with this process.

    Raises:
        RuntimeError: if Docker is not available.
    """
    from ....coding.docker_commandline_code_executor import DockerCommandLineCodeExecutor

    return DockerCommandLineCodeExecutor()


def call_function(name: str, packages: Sequence[str], code: str, arguments: JSONObject) -> str:
    """Call a function in a container, and return its result as text."""
    return Caller(LearnedFunction(name, name, {}, tuple(packages), code), None)(**arguments)
