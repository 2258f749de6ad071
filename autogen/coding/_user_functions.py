"""Making user-defined functions importable for generated code: their module, and the packages they need."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ._processes.runner import ProgramResult
from ._workspace import write_code
from .func_with_reqs import UserFunction, _build_python_functions_file, required_packages


def install_functions(
    functions: Sequence[UserFunction],
    module: str,
    *,
    python: str,
    work_dir: Path,
    launch: Callable[[Sequence[str], Mapping[str, str]], ProgramResult],
    check: bool,
) -> None:
    """Write the module of the functions into the work directory, install what they need, and try to import it.

    Args:
        functions: The functions.
        module: The name of their module.
        python: The interpreter that gets the packages.
        work_dir: Where the module is written.
        launch: Runs a program as a code block is run, with more variables. `pip` sees this process's `PIP_...`.
        check: Whether to try the import.

    Raises:
        ValueError: A function can't stand alone, an installation fails, or the module can't be imported.
    """
    file = write_code(work_dir, f"{module}.py", _build_python_functions_file(functions))
    if packages := required_packages(functions):
        settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        installed = launch([python, "-m", "pip", "install", *packages], settings)
        if installed.timed_out:
            raise ValueError("Pip install timed out")
        if installed.exit_code != 0:
            raise ValueError(f"Pip install failed. {installed.output}")
    if check:
        loaded = launch([python, str(file)], {})
        if loaded.exit_code != 0:
            raise ValueError(f"Functions failed to load: {loaded.output}")
