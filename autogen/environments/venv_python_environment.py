"""A virtual environment."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from ..coding._processes.environment import build_child_environment
from ..coding._processes.limits import Limits
from ..coding._processes.runner import run_program
from .python_environment import PythonEnvironment

__all__ = ["VenvPythonEnvironment"]

_CREATION_TIMEOUT = 300  # seconds


class VenvPythonEnvironment(PythonEnvironment):
    """A virtual environment, made at the start of the `with` block.

    Args:
        python_version: Version of its Python, such as `3.12`, which must be installed; None for that of this process.
        python_path: Path of its Python, instead of a version.
        venv_path: Its folder. If there is an environment in it, that is used; either stays after the block. None for a
            temporary folder, which doesn't.

    Raises:
        ValueError: if both a version and a path are given.
    """

    def __init__(
        self, python_version: str | None = None, python_path: str | None = None, venv_path: str | None = None
    ) -> None:
        super().__init__()
        if python_version is not None and python_path is not None:
            raise ValueError("Give python_version or python_path, not both.")
        self.python_version = python_version
        self.python_path = python_path
        self.venv_path = venv_path
        self._folder: Path | None = None
        self._temporary_folder: str | None = None

    def get_executable(self) -> str:
        """Return the path of the environment's Python.

        Raises:
            RuntimeError: outside of the `with` block.
        """
        if self._folder is None:
            raise RuntimeError("A VenvPythonEnvironment is made by its `with` block: use it inside.")
        parts = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        return str(self._folder.joinpath(*parts))

    def _setup_environment(self) -> None:
        if self.venv_path is None:
            self._temporary_folder = tempfile.mkdtemp(prefix="autogen-venv-")
        self._folder = Path(self.venv_path or self._temporary_folder or "").absolute()
        try:
            if not os.path.exists(self.get_executable()):
                self._create(self._folder)
        except BaseException:
            self._cleanup_environment()
            raise

    def _create(self, folder: Path) -> None:
        result = run_program(
            [self._find_base_python(), "-m", "venv", str(folder)],
            cwd=tempfile.gettempdir(),
            env=build_child_environment(),
            limits=Limits(seconds=_CREATION_TIMEOUT),
        )
        if result.exit_code != 0:
            raise RuntimeError(f"The virtual environment {folder} can't be made: {result.output.strip()}")

    def _find_base_python(self) -> str:
        if self.python_path is not None:
            return self.python_path
        version = self.python_version
        if version is None or f"{sys.version_info.major}.{sys.version_info.minor}" == version:
            return sys.executable
        # Programs are named by two numbers of the version.
        path = shutil.which(f"python{'.'.join(version.split('.')[:2])}")
        if path is None:
            raise RuntimeError(f"Python {version} is not installed: there is no program python{version} in PATH.")
        return path

    def _cleanup_environment(self) -> None:
        self._folder = None
        if self._temporary_folder is not None:
            shutil.rmtree(self._temporary_folder, ignore_errors=True)
            self._temporary_folder = None

    def _build_variables(self) -> dict[str, str]:
        return {**super()._build_variables(), "VIRTUAL_ENV": str(self._folder)}
