"""What executors have in common that run each block as a program of its own, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

from ._constants import TIMEOUT_MSG
from ._processes.limits import Limits
from ._processes.runner import TIMEOUT_EXIT_CODE, ProgramResult
from .base import CodeBlock, CodeExecutor, CodeExtractor
from .markdown_code_extractor import MarkdownCodeExtractor

File = TypeVar("File", str, Path)


class CommandLineExecutor(CodeExecutor):
    """An executor with a work directory, a time for each block, and languages that it runs or only saves."""

    DEFAULT_EXECUTION_POLICY: ClassVar[dict[str, bool]]

    def __init__(
        self,
        timeout: int,
        work_dir: Path | str,
        execution_policies: Mapping[str, bool] | None,
        limits: Limits | None = None,
    ) -> None:
        """
        Args:
            timeout: Seconds for each block.
            work_dir: Where the code is written and run. It is not made here.
            execution_policies: For each language whether its blocks are run, or only saved.
            limits: What the programs may use, with another time in it.

        Raises:
            ValueError: The timeout is less than 1.
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        self._timeout = timeout
        self._work_dir = Path(work_dir)
        self._limits = replace(limits or Limits(), seconds=timeout)
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
    def code_extractor(self) -> CodeExtractor:
        """Finds fenced code blocks."""
        return MarkdownCodeExtractor()


def run_until_failure(
    blocks: Iterable[CodeBlock], execute: Callable[[CodeBlock], tuple[int, str, File | None]]
) -> tuple[int, str, list[File]]:
    """Run blocks until one fails.

    Args:
        blocks: The blocks.
        execute: Runs one: its exit code, its output, and its file if it has one.

    Returns:
        The exit code of the last block run, all output, and the files.
    """
    exit_code, output = 0, ""
    files: list[File] = []
    for block in blocks:
        exit_code, printed, file = execute(block)
        output += printed
        files += [file] if file else []
        if exit_code != 0:
            break
    return exit_code, output, files


def format_result(finished: ProgramResult) -> tuple[int, str]:
    """Exit code and output of a program, for a result: they tell whether its time was up."""
    if finished.timed_out:
        return TIMEOUT_EXIT_CODE, f"{finished.output}\n{TIMEOUT_MSG}"
    return finished.exit_code, finished.output
