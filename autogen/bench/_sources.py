"""Python code that a benchmark names: files, and systems under test."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ._runs import System


def import_file(path: Path) -> ModuleType:
    """Import a file of Python as a module with the name of the file, unless another module has it.

    Raises:
        ValueError: if there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"There is no file {str(path)!r}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Classes of the file, such as forms of answers, look their module up.
    is_named = sys.modules.setdefault(path.stem, module) is module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if is_named:
            del sys.modules[path.stem]
        raise
    return module


def load_system(spec: str) -> System:
    """Import a system: `module:function`, or `file.py:function`; without a function its `system`.

    Raises:
        ValueError: if there is no such module, file or function.
    """
    source, _, name = spec.rpartition(":") if ":" in spec and not spec.endswith(".py") else (spec, "", "system")
    try:
        # The folder of a file need not be on the path.
        module = import_file(Path(source).resolve()) if source.endswith(".py") else importlib.import_module(source)
    except ModuleNotFoundError as error:
        raise ValueError(f"The system {spec!r} can't be imported: {error}") from error
    system: Any = module
    for part in name.split("."):
        system = getattr(system, part, None)
    if system is None:
        raise ValueError(f"{source!r} has no {name!r}: a system is named as module:function or file.py:function.")
    if not callable(system) and not hasattr(system, "initiate_chat"):
        raise ValueError(f"The system {spec!r} must be a function or an agent, got {system!r}.")
    return cast("System", system)
