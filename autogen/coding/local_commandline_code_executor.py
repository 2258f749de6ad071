"""Running code on this machine, without isolation."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..code_utils import PYTHON_VARIANTS, TIMEOUT_MSG, WIN32, _cmd
from ._environment import child_environment
from ._process import TIMEOUT_EXIT_CODE, Limits, run
from ._workspace import automatic_name, write_code
from .base import CodeBlock, CodeExecutor, CodeExtractor, CommandLineCodeResult
from .markdown_code_extractor import MarkdownCodeExtractor
from .utils import _get_file_name_from_content, silence_pip

__all__ = ["LocalCommandLineCodeExecutor"]

_DANGEROUS = (
    (r"\brm\s+-rf\b", "Use of 'rm -rf' command is not allowed."),
    (r"\bmv\b.*?\s+/dev/null", "Moving files to /dev/null is not allowed."),
    (r"\bdd\b", "Use of 'dd' command is not allowed."),
    (r">\s*/dev/sd[a-z][1-9]?", "Overwriting disk blocks directly is not allowed."),
    (r":\(\)\{\s*:\|:&\s*\};:", "Fork bombs are not allowed."),
)


class LocalCommandLineCodeExecutor(CodeExecutor):
    """Runs code blocks as programs on this machine, each in a process of its own, without isolation.

    Its programs have the rights of the user who runs it: that is an explicit choice. A program that goes looking can read
    what that user can read. What it is spared: no secret of this process's environment is handed to it, nor its input. What
    you are spared: it and all that it starts are killed when its time is up, its output is cut to a size that fits, and its
    own file stays in the work directory.

    >>> executor = LocalCommandLineCodeExecutor(work_dir="coding")  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="print(6 * 7)")])  # doctest: +SKIP
    CommandLineCodeResult(exit_code=0, output='42\\n', code_file='coding/tmp_code_....py')
    """

    SUPPORTED_LANGUAGES = ["bash", "shell", "sh", "pwsh", "powershell", "ps1", "python", "javascript", "html", "css"]
    DEFAULT_EXECUTION_POLICY = {
        **dict.fromkeys(["bash", "shell", "sh", "pwsh", "powershell", "ps1", "python"], True),
        **dict.fromkeys(["javascript", "html", "css"], False),
    }

    def __init__(
        self,
        timeout: int = 60,
        virtual_env_context: SimpleNamespace | None = None,
        work_dir: Path | str = Path("."),
        functions: list[Callable[..., Any]] = [],
        functions_module: str = "functions",
        execution_policies: dict[str, bool] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """
        Args:
            timeout: Seconds for each block.
            virtual_env_context: The virtual environment whose Python runs the blocks; see `create_virtual_env`.
            work_dir: Where the code is written and run. It is made if it is missing.
            functions: Functions that blocks may import. Not available yet.
            functions_module: The module they are imported from.
            execution_policies: For each language whether its blocks are run, or only saved.
            environment: Variables for the programs, besides the harmless ones of this process.
            limits: What the programs may use; the time in it is `timeout`.

        Raises:
            ValueError: The timeout is less than 1, or the module's name is no identifier.
            FileNotFoundError, FileExistsError: The work directory can't be made.
            NotImplementedError: `functions` are given.
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        if not functions_module.isidentifier():
            raise ValueError("Module name must be a valid Python identifier")
        if functions:
            raise NotImplementedError("User-defined functions are not available yet: write them to a file in work_dir.")
        self._work_dir = Path(work_dir)
        self._work_dir.mkdir(exist_ok=True)
        self._timeout = timeout
        self._virtual_env_context = virtual_env_context
        self._functions = functions
        self._functions_module = functions_module
        self._environment = dict(environment or {})
        given = limits or Limits()
        self._limits = Limits(timeout, given.output, given.processes, given.file_size, given.memory, given.cpu_seconds)
        self.execution_policies = {**self.DEFAULT_EXECUTION_POLICY, **(execution_policies or {})}

    @property
    def timeout(self) -> int:
        """Seconds for each block."""
        return self._timeout

    @property
    def work_dir(self) -> Path:
        """Where the code is written and run."""
        return self._work_dir

    @property
    def functions_module(self) -> str:
        """The module that user-defined functions are imported from."""
        return self._functions_module

    @property
    def functions(self) -> list[Callable[..., Any]]:
        """The user-defined functions."""
        return self._functions

    @property
    def code_extractor(self) -> CodeExtractor:
        """Finds fenced code blocks."""
        return MarkdownCodeExtractor()

    @staticmethod
    def sanitize_command(lang: str, code: str) -> None:
        """Refuse shell code with a well-known accident in it. This is a seat belt, no protection.

        Raises:
            ValueError: There is one.
        """
        if lang not in ("bash", "shell", "sh"):
            return
        for pattern, message in _DANGEROUS:
            if re.search(pattern, code):
                raise ValueError(f"Potentially dangerous command detected: {message}")

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order, until one fails.

        Returns:
            The exit code of the last block run (124: its time was up), all output, and the file of the first block. No
            error in the code or its file name is raised: it is a result.
        """
        exit_code, output = 0, ""
        files: list[Path] = []
        for block in code_blocks:
            exit_code, printed, file = self._execute(block)
            output += printed
            files += [file] if file else []
            if exit_code != 0:
                break
        return CommandLineCodeResult(exit_code=exit_code, output=output, code_file=str(files[0]) if files else None)

    def _execute(self, block: CodeBlock) -> tuple[int, str, Path | None]:
        language = block.language.lower()
        code = silence_pip(block.code, language)
        language = "python" if language in PYTHON_VARIANTS else language
        if WIN32 and language in ("sh", "shell"):
            language = "ps1"
        if language not in self.SUPPORTED_LANGUAGES:
            return 1, f"\nunknown language {language}", None
        try:
            self.sanitize_command(language, code)
        except ValueError as error:
            return 1, str(error), None
        try:
            name = _get_file_name_from_content(code, self._work_dir) or automatic_name(code, language)
        except ValueError:
            return 1, "Filename is not in the workspace", None
        try:
            file = write_code(self._work_dir, name, code)
        except OSError as error:
            return 1, f"The code can't be saved as {name!r}: {error.strerror or error}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {file}\n", file
        return *self._run(language, file), file

    def _run(self, language: str, file: Path) -> tuple[int, str]:
        try:
            command = [self._program(language), str(file)]
            finished = run(command, cwd=self._work_dir, env=self._child_environment(), limits=self._limits)
        except (OSError, NotImplementedError) as error:
            return 1, f"The {language} block can't be run: {error}"
        if finished.timed_out:
            return TIMEOUT_EXIT_CODE, f"{finished.output}\n{TIMEOUT_MSG}"
        return finished.exit_code, finished.output

    def _program(self, language: str) -> str:
        if language != "python":
            return _cmd(language)
        return self._virtual_env_context.env_exe if self._virtual_env_context else sys.executable

    def _child_environment(self) -> dict[str, str]:
        environment = child_environment(self._environment)
        if self._virtual_env_context:
            folder = os.path.abspath(self._virtual_env_context.bin_path)
            environment["PATH"] = folder + os.pathsep + environment.get("PATH", "")
        return environment

    def restart(self) -> None:
        """Nothing to restart: each block is a process of its own."""
        warnings.warn(
            "Restarting local command line code executor is not supported. No action is taken.",
            UserWarning,
            stacklevel=2,
        )
