"""Code execution on this machine, without isolation."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ._command_line_executor import CommandLineExecutor, format_result, run_until_failure
from ._constants import PYTHON_VARIANTS, WIN32
from ._deprecated_alias import DeprecatedAlias
from ._output_files import find_changes, snapshot
from ._processes.environment import build_child_environment, prepend_to_path
from ._processes.limits import Limits as Limits
from ._processes.runner import ProgramResult, run_program
from ._programs import get_command
from ._user_functions import FunctionProvider
from ._workspace import OUTSIDE_MESSAGE, make_file_name, write_code
from .base import CodeBlock, CommandLineCodeResult
from .func_with_reqs import UserFunction
from .utils import _get_file_name_from_content, silence_pip

__all__ = ["LocalCommandLineCodeExecutor"]

_DANGEROUS_COMMANDS = (
    (r"\brm\s+-rf\b", "Use of 'rm -rf' command is not allowed."),
    (r"\bmv\b.*?\s+/dev/null", "Moving files to /dev/null is not allowed."),
    (r"\bdd\b", "Use of 'dd' command is not allowed."),
    (r">\s*/dev/sd[a-z][1-9]?", "Overwriting disk blocks directly is not allowed."),
    (r":\(\)\{\s*:\|:&\s*\};:", "Fork bombs are not allowed."),
)


class LocalCommandLineCodeExecutor(FunctionProvider, CommandLineExecutor):
    r"""Executor that runs each block as a process on this machine, without isolation.

    Programs have the rights of the user who runs this process; choose this executor deliberately. Programs get no secrets
    from this process's environment, and no access to its input. They and their descendants are killed after the time
    limit, their output is truncated, and code files are written only in the work directory.

    Not prevented here, but in `SandboxedCommandLineCodeExecutor` and `DockerCommandLineCodeExecutor`, is a program that

    - reads the user's files;
    - writes outside of the work directory;
    - unpacks an archive with names that lead out;
    - writes through a link;
    - writes to another name of a file;
    - reads the environment of other processes;
    - kills other processes;
    - attaches to other processes;
    - leaves a daemon that drops its environment;
    - uses the rights of root, if the user is root;
    - makes a device, likewise;
    - makes a program with the rights of its owner;
    - reads the user's keyrings;
    - reaches services on loopback.

    The executor is thread-safe. Cancelling an async chat kills the running program.

    >>> executor = LocalCommandLineCodeExecutor(work_dir="coding")  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="print(6 * 7)")])  # doctest: +SKIP
    CommandLineCodeResult(exit_code=0, output='42\n', code_file='coding/tmp_code_....py')
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
        work_dir: Path | str | None = None,
        functions: Sequence[UserFunction] = [],
        functions_module: str = "functions",
        execution_policies: dict[str, bool] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Initialise the executor and create its work directory.

        Args:
            timeout: Seconds for each block.
            virtual_env_context: The virtual environment that runs Python blocks; see `create_virtual_env`.
            work_dir: The directory in which the code is written and run. It is created if missing. By default a new folder
                in the user's cache directory; the output of a run names it if there are new files in it.
            functions: Functions that blocks may import; see `with_requirements`. The first run installs them.
            functions_module: The module from which they are imported.
            execution_policies: For each language, whether its blocks are run, or only saved.
            environment: Environment variables of the programs, besides the safe variables of this process.
            limits: Resource limits of the programs. `seconds` is ignored, `timeout` applies.

        Raises:
            ValueError: if the timeout is less than 1, or the module's name is not an identifier.
            TypeError: if `functions` is not a sequence.
            FileNotFoundError, FileExistsError: if the work directory can't be created.
        """
        super().__init__(timeout, work_dir, execution_policies, limits)
        self._set_functions(functions, functions_module)
        self._work_dir.mkdir(exist_ok=True)
        self._virtual_env_context = virtual_env_context
        self._environment = dict(environment or {})

    @staticmethod
    def sanitize_command(lang: str, code: str) -> None:
        """Reject shell code with a well-known destructive command. This prevents accidents, not attacks.

        Raises:
            ValueError: if the code contains such a command.
        """
        if lang not in ("bash", "shell", "sh"):
            return
        for pattern, message in _DANGEROUS_COMMANDS:
            if re.search(pattern, code):
                raise ValueError(f"Potentially dangerous command detected: {message}")

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order until a block fails.

        Returns:
            The exit code of the last block run (124 after a timeout), the output of all blocks, the file of the first
            block, and the files that the blocks created or changed. Errors in the code or its file name are reported in
            the result, not raised.

        Raises:
            ValueError: if the user-defined functions can't be installed.
        """
        self._ensure_functions()
        return self._execute_code_dont_check_setup(code_blocks)

    # 0.2's name: programs override it to refuse code.
    def _execute_code_dont_check_setup(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        before = snapshot(self._work_dir)
        exit_code, output, files = run_until_failure(code_blocks, self._execute)
        changes = find_changes(before, snapshot(self._work_dir), exclude=files)
        return CommandLineCodeResult(
            exit_code=exit_code,
            output=output + self._describe_files(changes),
            code_file=str(files[0]) if files else None,
            output_files=changes,
        )

    def _launch_setup(self, command: Sequence[str], settings: Mapping[str, str]) -> ProgramResult:
        return self._launch(command, settings)

    def _execute(self, block: CodeBlock) -> tuple[int, str, Path | None]:
        language = block.language.lower()
        try:
            self.sanitize_command(language, block.code)
        except ValueError as error:
            return 1, str(error), None
        code = silence_pip(block.code, language)
        language = _normalize_language(language)
        if language not in self.SUPPORTED_LANGUAGES:
            return 1, f"\nunknown language {language}", None
        try:
            name = _get_file_name_from_content(code, self._work_dir) or make_file_name(code, language)
            file = write_code(self._work_dir, name, code)
        except ValueError:
            return 1, OUTSIDE_MESSAGE, None
        except OSError as error:
            return 1, f"The code can't be saved: {error.strerror or error}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {file}\n", file
        return *self._run(language, file), file

    def _run(self, language: str, file: Path) -> tuple[int, str]:
        try:
            result = self._launch([self._get_program(language), str(file)])
        except (OSError, NotImplementedError) as error:
            return 1, f"The {language} block can't be run: {error}"
        return format_result(result)

    def _launch(self, command: Sequence[str], settings: Mapping[str, str] = {}) -> ProgramResult:
        """Run a program with the environment and limits of generated code. Subclasses override this to isolate programs.

        Args:
            command: The program and its arguments.
            settings: Additional environment variables; those of generated code take precedence.

        Raises:
            OSError: if the program can't be started.
        """
        return run_program(command, cwd=self._work_dir, env={**settings, **self._build_environment()}, limits=self._limits)

    def _get_program(self, language: str) -> str:
        if language != "python":
            return get_command(language)
        return self._locate(self._virtual_env_context.env_exe if self._virtual_env_context else sys.executable)

    def _locate(self, program: str) -> str:
        """Return the absolute path of a program. Subclasses override this if programs see other files."""
        return os.path.join(os.getcwd(), program)

    def _build_environment(self) -> dict[str, str]:
        """Build the environment of generated code, with the virtual environment of the interpreter activated."""
        environment = build_child_environment(self._environment)
        if self._virtual_env_context:
            program = os.path.join(self._virtual_env_context.bin_path, "python")
        elif sys.prefix != sys.base_prefix:
            program = sys.executable
        else:
            return environment
        folder = os.path.dirname(self._locate(program))
        # `pip` in a shell block must install for the Python that runs the blocks.
        return {**prepend_to_path(folder, environment), "VIRTUAL_ENV": os.path.dirname(folder)}

    def restart(self) -> None:
        """Warn that restarting has no effect, since each block is a process of its own."""
        warnings.warn(
            "Restarting local command line code executor is not supported. No action is taken.",
            UserWarning,
            stacklevel=2,
        )


def _normalize_language(language: str) -> str:
    if language in PYTHON_VARIANTS:
        return "python"
    if WIN32 and language in ("sh", "shell"):
        return "ps1"
    return "javascript" if language == "js" else language


if TYPE_CHECKING:
    LocalCommandlineCodeExecutor = LocalCommandLineCodeExecutor
    CommandlineCodeResult = CommandLineCodeResult
else:
    LocalCommandlineCodeExecutor = DeprecatedAlias("LocalCommandlineCodeExecutor", LocalCommandLineCodeExecutor)
    CommandlineCodeResult = DeprecatedAlias("CommandlineCodeResult", CommandLineCodeResult)
