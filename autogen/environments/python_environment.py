"""The base class of environments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any

from .._threads import reset_variable, run_in_thread
from ..coding._processes.environment import build_child_environment, prepend_to_path
from ..coding._processes.limits import Limits
from ..coding._processes.runner import ProgramResult, run_program
from ..coding._workspace import write_code
from .working_directory import WorkingDirectory

__all__ = ["PythonEnvironment"]

_current: ContextVar[PythonEnvironment | None] = ContextVar("Python environment", default=None)


class PythonEnvironment(ABC):
    """A Python that runs code. It is current inside its `with` block.

    Programs get none of this process's secrets, they are killed with their descendants after the time limit, and their
    output is truncated, as in `LocalCommandLineCodeExecutor`.
    """

    def __init__(self) -> None:
        self._tokens: list[Token[PythonEnvironment | None]] = []

    def __enter__(self) -> PythonEnvironment:
        # A block within a block of the same environment finds it ready.
        if not self._tokens:
            self._setup_environment()
        self._tokens.append(_current.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        reset_variable(_current, self._tokens.pop())
        if not self._tokens:
            self._cleanup_environment()

    @classmethod
    def get_current_python_environment(cls, python_environment: PythonEnvironment | None = None) -> PythonEnvironment | None:
        """Return the argument, or else the current environment; None if there is neither."""
        return python_environment or _current.get()

    @abstractmethod
    def get_executable(self) -> str:
        """Return the path of the Python."""

    def _setup_environment(self) -> None:  # noqa: B027 - optional for subclasses
        """Prepare the environment at the start of its block."""

    def _cleanup_environment(self) -> None:  # noqa: B027 - optional for subclasses
        """Free its resources at the end of its block."""

    async def execute_code(self, code: str, script_path: str, timeout: int = 30) -> dict[str, Any]:
        """Write code to a file, and run it.

        It runs in the current `WorkingDirectory`, or else in the folder of the file. Cancelling kills it.

        Args:
            code: Python code.
            script_path: The file.
            timeout: Seconds.

        Returns:
            `success`, `stdout`, `stderr` and `returncode`; if it exceeds its time or can't be run, `success` and `error`.

        Raises:
            ValueError: if the timeout is not positive.
            RuntimeError: if the environment needs its `with` block, and is used outside of it.
        """
        if not timeout > 0:
            raise ValueError(f"timeout must be a positive number of seconds, got {timeout!r}.")
        directory = WorkingDirectory.get_current_working_directory()
        folder = Path(script_path).absolute().parent if directory is None else Path(directory.path).absolute()
        self.get_executable()
        try:
            result = await run_in_thread(self._run_script, code, Path(script_path).absolute(), folder, timeout)
        except OSError as error:
            return {"success": False, "error": f"The code can't be run: {error}"}
        if result.timed_out:
            return {"success": False, "error": f"Execution timed out after {timeout} seconds"}
        return {
            "success": result.exit_code == 0,
            "stdout": result.output,
            "stderr": result.errors,
            "returncode": result.exit_code,
        }

    def _run_script(self, code: str, script: Path, folder: Path, timeout: float) -> ProgramResult:
        script.parent.mkdir(parents=True, exist_ok=True)
        write_code(script.parent, script.name, code)
        return run_program(
            [self.get_executable(), str(script)],
            cwd=folder,
            env=self._build_variables(),
            limits=Limits(seconds=timeout),
            split=True,
        )

    def _build_variables(self) -> dict[str, str]:
        """Build the environment variables of the programs."""
        folder = str(Path(self.get_executable()).absolute().parent)
        return prepend_to_path(folder, build_child_environment())
