"""Installation of user-defined functions for generated code: their module and required packages."""

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
    """Write the module of the functions into the work directory, install required packages, and try to import it.

    Args:
        functions: The functions.
        module: The name of their module.
        python: The interpreter that the packages are installed for.
        work_dir: The directory of the module.
        launch: Runs a command like a code block, with additional environment variables.
        check: Whether to try the import.

    Raises:
        ValueError: if a function is not self-contained, an installation fails, or the module can't be imported.
    """
    file = write_code(work_dir, f"{module}.py", _build_python_functions_file(functions))
    if packages := required_packages(functions):
        # Settings such as PIP_INDEX_URL may hold credentials: only pip gets them, generated code does not.
        pip_variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        installation = launch([python, "-m", "pip", "install", *packages], pip_variables)
        if installation.timed_out:
            raise ValueError("Pip install timed out")
        if installation.exit_code != 0:
            raise ValueError(f"Pip install failed. {installation.output}")
    if check:
        import_run = launch([python, str(file)], {})
        if import_run.exit_code != 0:
            raise ValueError(f"Functions failed to load: {import_run.output}")
