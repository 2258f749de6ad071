"""The Python of this process, or another that is installed."""

from __future__ import annotations

import shutil
import sys

from .python_environment import PythonEnvironment

__all__ = ["SystemPythonEnvironment"]


class SystemPythonEnvironment(PythonEnvironment):
    """A Python that is installed on this machine, without isolation.

    Args:
        executable: Path or name of the Python; None for that of this process.
    """

    def __init__(self, executable: str | None = None) -> None:
        super().__init__()
        self._executable = sys.executable if executable is None else shutil.which(executable) or executable

    def get_executable(self) -> str:
        """Return the path of the Python."""
        return self._executable
