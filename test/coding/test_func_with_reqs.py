"""Functions that generated code may import."""

import functools
import os
import sys
from types import SimpleNamespace

import pytest

from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor
from autogen.coding.func_with_reqs import (
    Alias,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    ImportFromModule,
    _build_python_functions_file,
    to_stub,
    with_requirements,
)


def add_two_numbers(a: int, b: int) -> int:
    """Add two numbers together."""
    return a + b


@with_requirements(
    python_packages=["pip"],
    global_imports=["os", Alias("json", "js"), ImportFromModule("math", ["pi", Alias("tau", "circle")])],
)
@functools.lru_cache
def use_imports() -> str:
    """Say what there is.

    At length.
    """
    return js.dumps([round(pi, 2), round(circle, 2), os.sep])  # noqa: F821


def halve(x: "float") -> float:
    return x / 2


async def wait() -> None:
    """Wait."""


@pytest.mark.parametrize(
    ("func", "stub"),
    [
        (add_two_numbers, 'def add_two_numbers(a: int, b: int) -> int:\n    """Add two numbers together."""\n    ...'),
        (use_imports, 'def use_imports() -> str:\n    """Say what there is.\n\n    At length."""\n    ...'),
        (halve, "def halve(x: float) -> float:\n    ..."),
        (wait, 'def wait() -> None:\n    """Wait."""\n    ...'),
        (FunctionWithRequirements.from_str("def f(x=1): ..."), "def f(x=1):\n    ..."),
        (FunctionWithRequirements.from_callable(halve), "def halve(x: float) -> float:\n    ..."),
    ],
)
def test_a_stub(func, stub):
    assert to_stub(func) == stub


def test_the_decorated_function_is_still_one():
    wrapped = with_requirements(["x"], ["y"])(add_two_numbers)
    assert wrapped(1, b=2) == 3
    assert (wrapped.__name__, wrapped.__doc__) == ("add_two_numbers", "Add two numbers together.")
    assert (wrapped.func, wrapped.python_packages, wrapped.global_imports) == (add_two_numbers, ["x"], ["y"])
    assert wrapped.__wrapped__ is add_two_numbers


@pytest.mark.parametrize("source", ["def f(): return 1", "async def f(): ...", "f = lambda: 1", "import os\ndef f(): ..."])
def test_a_function_as_text(source):
    func = FunctionWithRequirementsStr(source)
    assert func.func == source
    with pytest.raises(NotImplementedError):
        func()


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("x = 1", "The string must contain exactly one function"),
        ("def f(): ...\ndef g(): ...", "The string must contain exactly one function"),
        ("from textwrap import dedent\ndef f(): ...", "The string must contain exactly one function"),
        ("def f(", "Could not compile function: "),
        ("1 / 0", "Could not compile function: division by zero"),
    ],
)
def test_a_text_that_is_no_function(source, error):
    with pytest.raises(ValueError, match=error):
        FunctionWithRequirements.from_str(source)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("pandas", "import pandas"),
        (Alias("pandas", "pd"), "import pandas as pd"),
        (ImportFromModule("pandas", ["DataFrame", Alias("Series", "S")]), "from pandas import DataFrame, Series as S"),
        (ImportFromModule("pandas", "DataFrame"), "from pandas import DataFrame"),
        (ImportFromModule("pandas", Alias("DataFrame", "D")), "from pandas import DataFrame as D"),
    ],
)
def test_imports(what, line):
    func = FunctionWithRequirements.from_str("def f(): ...", [], [what, what])
    assert _build_python_functions_file([func, func]) == f"{line}\n\ndef f(): ...\n\ndef f(): ...\n"


@pytest.fixture
def run(tmp_path):
    def run(functions, code="", **options):
        executor = LocalCommandLineCodeExecutor(**{"work_dir": tmp_path, "functions": functions, **options})
        return executor.execute_code_blocks([CodeBlock(language="python", code=code)])

    return run


@pytest.mark.parametrize(
    ("func", "call", "output"),
    [
        (add_two_numbers, "add_two_numbers(1, 2)", "3\n"),
        # pip installs them
        pytest.param(use_imports, "use_imports()", f'[3.14, 6.28, "{os.sep}"]\n', marks=pytest.mark.slow),
        (FunctionWithRequirements.from_callable(halve), "halve(3)", "1.5\n"),
        (FunctionWithRequirements.from_str("def shout(x):\n    return x.upper()"), "shout('a')", "A\n"),
    ],
    ids=["plain", "with requirements", "from a callable", "as text"],
)
def test_blocks_may_import_a_function(run, func, call, output):
    result = run([func], f"from functions import *\nprint({call})", timeout=100)
    assert (result.exit_code, result.output) == (0, output)


def test_the_module_may_have_another_name(run):
    assert run([halve], "import mine; print(mine.halve(1))", functions_module="mine").output == "0.5\n"


def local_function():
    outer = 1

    def inner():
        return outer

    return inner


class Holder:
    def method(self): ...


@pytest.mark.parametrize(
    ("func", "error"),
    [
        (len, "The source of len can't be found"),
        (lambda: 1, "is not self-contained"),
        (local_function(), "inner is not self-contained: it uses outer"),
        (Holder().method, "method is not self-contained"),
        (FunctionWithRequirements.from_str("def f(): ...", [], ["no_such_module"]), "Functions failed to load: "),
        (FunctionWithRequirements.from_str("def f(): ...", ["./no-such-package"]), "Pip install failed. "),
    ],
)
def test_a_function_that_blocks_could_not_use_is_refused_each_time(tmp_path, func, error):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, functions=[func])
    for _ in range(2):
        with pytest.raises(ValueError, match=error):
            executor.execute_code_blocks([])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Python")
def test_an_installation_that_takes_too_long(run, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nsleep 600\n")
    python.chmod(0o755)
    context = SimpleNamespace(bin_path=str(tmp_path), env_exe=str(python))
    with pytest.raises(ValueError, match="Pip install timed out"):
        run([use_imports], timeout=1, virtual_env_context=context)


@pytest.mark.slow
def test_pip_sees_its_own_settings_and_blocks_do_not(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:planted-secret@index.invalid/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ValueError, match="No matching distribution found"):
        run([FunctionWithRequirements.from_str("def f(): ...", ["autogen-no-such-package"])], timeout=100)
    assert "planted-secret" not in run([halve], "import os; print(os.environ)").output


def test_functions_are_only_saved_where_python_is(run, tmp_path):
    broken = FunctionWithRequirements.from_str("def f(): ...", [], ["no_such_module"])
    assert run([broken], "x", execution_policies={"python": False}).exit_code == 0
    assert "import no_such_module" in (tmp_path / "functions.py").read_text()


def test_the_prompt_tells_of_the_functions(tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, functions=[halve, add_two_numbers], functions_module="mine")
    prompt = executor.format_functions_for_prompt()
    assert "from mine import foo" in prompt
    assert prompt.endswith(f"{to_stub(halve)}\n\n{to_stub(add_two_numbers)}")
    assert executor.format_functions_for_prompt("$$ $module_name") == "$ mine"
    with pytest.raises(KeyError):
        executor.format_functions_for_prompt("$other")
