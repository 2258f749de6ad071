"""Making user-defined functions importable for generated code: their module, and the packages they need."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ._process import Limits, run
from ._workspace import write_code
from .func_with_reqs import UserFunction, _build_python_functions_file, required_packages


def install(
    functions: Sequence[UserFunction],
    module: str,
    *,
    python: str,
    work_dir: Path,
    env: Mapping[str, str],
    limits: Limits,
    check: bool,
) -> None:
    """Write the module of the functions into the work directory, install what they need, and try to import it.

    Args:
        functions: The functions.
        module: The name of their module.
        python: The interpreter that gets the packages.
        work_dir: Where the module is written.
        env: The environment of generated code. `pip` sees this process's `PIP_...` variables, too.
        limits: Those of a code block, for each of the two programs.
        check: Whether to try the import.

    Raises:
        ValueError: A function can't stand alone, an installation fails, or the module can't be imported.
    """
    file = write_code(work_dir, f"{module}.py", _build_python_functions_file(functions))
    if packages := required_packages(functions):
        settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        command = [python, "-m", "pip", "install", *packages]
        installed = run(command, cwd=work_dir, env={**settings, **env}, limits=limits)
        if installed.timed_out:
            raise ValueError("Pip install timed out")
        if installed.exit_code != 0:
            raise ValueError(f"Pip install failed. {installed.output}")
    if check:
        loaded = run([python, str(file)], cwd=work_dir, env=env, limits=limits)
        if loaded.exit_code != 0:
            raise ValueError(f"Functions failed to load: {loaded.output}")
