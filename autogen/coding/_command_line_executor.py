"""Base class of the executors that run each block as a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

from ._constants import TIMEOUT_MSG
from ._default_folder import describe_files, make_default_folder
from ._processes.limits import Limits
from ._processes.runner import TIMEOUT_EXIT_CODE, ProgramResult
from .base import CodeBlock, CodeExecutor, CodeExtractor
from .markdown_code_extractor import MarkdownCodeExtractor

File = TypeVar("File", str, Path)


class CommandLineExecutor(CodeExecutor):
    """Executor with a work directory, a time limit for each block, and a policy for each language."""

    DEFAULT_EXECUTION_POLICY: ClassVar[dict[str, bool]]

    def __init__(
        self,
        timeout: int,
        work_dir: Path | str | None,
        execution_policies: Mapping[str, bool] | None,
        limits: Limits | None = None,
        *,
        default_name: str | None = None,
    ) -> None:
        """Initialise the settings shared by all command-line executors.

        Args:
            timeout: Seconds for each block.
            work_dir: The directory of the code, which is not created here; None for a new folder, which is.
            execution_policies: For each language, whether its blocks are run, or only saved.
            limits: Resource limits of the programs; `timeout` replaces their `seconds`.
            default_name: The name of the folder for `work_dir=None`; None for a new name.

        Raises:
            ValueError: if the timeout is less than 1.
            OSError: if a new folder can't be created.
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        self._timeout = timeout
        self._has_default_folder = work_dir is None
        self._work_dir = make_default_folder(self, default_name) if work_dir is None else Path(work_dir)
        self._limits = replace(limits or Limits(), seconds=timeout)
        self.execution_policies = {**self.DEFAULT_EXECUTION_POLICY, **(execution_policies or {})}

    @property
    def timeout(self) -> int:
        """Seconds for each block."""
        return self._timeout

    @property
    def work_dir(self) -> Path:
        """The directory in which the code is written and run."""
        return self._work_dir

    def _describe_files(self, files: Sequence[str]) -> str:
        """Return a note on new files for the output of a run, if the user may not know where they are."""
        return describe_files(self._work_dir, files) if self._has_default_folder else ""

    @property
    def code_extractor(self) -> CodeExtractor:
        """Extractor of fenced code blocks."""
        return MarkdownCodeExtractor()


def run_until_failure(
    blocks: Iterable[CodeBlock], execute: Callable[[CodeBlock], tuple[int, str, File | None]]
) -> tuple[int, str, list[File]]:
    """Run blocks in order until a block fails.

    Args:
        blocks: The blocks.
        execute: Runs a block; returns its exit code, its output, and its file or None.

    Returns:
        The exit code of the last block run, the output of all blocks, and the files.
    """
    exit_code, output = 0, ""
    files: list[File] = []
    for block in blocks:
        exit_code, block_output, file = execute(block)
        output += block_output
        files += [file] if file else []
        if exit_code != 0:
            break
    return exit_code, output, files


def format_result(result: ProgramResult) -> tuple[int, str]:
    """Return the exit code and the output of a program, with a note at the end if it timed out."""
    if result.timed_out:
        return TIMEOUT_EXIT_CODE, f"{result.output}\n{TIMEOUT_MSG}"
    return result.exit_code, result.output
