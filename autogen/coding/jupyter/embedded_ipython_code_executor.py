"""A code executor for an IPython kernel in a child process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Optional

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from .._default_folder import describe_files, make_default_folder
from .._processes.limits import Limits
from ..base import CodeBlock, CodeExtractor, IPythonCodeResult
from ..markdown_code_extractor import MarkdownCodeExtractor
from ._blocks import run_blocks, validate_output_dir
from ._embedded_kernel import EmbeddedKernel

__all__ = ["EmbeddedIPythonCodeExecutor"]


class EmbeddedIPythonCodeExecutor(BaseModel):
    """Runs code blocks as cells of an IPython kernel. Later blocks see the variables of earlier blocks. Without isolation.

    The kernel has the rights of the current user; `LocalCommandLineCodeExecutor` describes the consequences. It sees no
    secrets of this process's environment. It starts with this object, and ends with it, with this process (even if that is
    killed), or by `stop()`.

    A block that exceeds the time limit is interrupted, and the variables are kept. If that fails, or if the kernel dies, the
    kernel is restarted, and the result says so. The language of a block is ignored: use `!command` and `%%bash` for shell
    commands.

    Several threads may share it. They run one block at a time.

    >>> executor = EmbeddedIPythonCodeExecutor(output_dir="coding")  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="x = 6")])  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="x * 7")])  # doctest: +SKIP
    IPythonCodeResult(exit_code=0, output='42', output_files=[])

    Raises:
        ValueError: if a field is invalid, or the kernel is not installed.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    timeout: int = Field(default=60, ge=1, description="Seconds for each block.")
    kernel_name: str = Field(default="python3", description="The name of an installed kernel.")
    output_dir: Optional[str] = Field(
        default=None,
        description="An existing folder, for images and other outputs that aren't text; None for the working directory.",
    )
    work_dir: Optional[str] = Field(
        default=None,
        description="The working directory; None for `output_dir`, or else a new folder in the user's cache directory.",
    )
    environment: dict[str, str] = Field(default_factory=dict, repr=False, description="Additional variables for the kernel.")
    limits: Optional[Limits] = Field(
        default=None, description="Resource limits of the kernel. Their `seconds` and `output` are ignored."
    )

    _timeout: int = PrivateAttr()
    _kernel_name: str = PrivateAttr()
    _output_dir: Path = PrivateAttr()
    _has_default_folder: bool = PrivateAttr()
    _kernel: EmbeddedKernel = PrivateAttr()

    @field_validator("output_dir", "work_dir")
    @classmethod
    def _validate_folder(cls, folder: str | None) -> str | None:
        return None if folder is None else str(validate_output_dir(folder))

    def model_post_init(self, context: object, /) -> None:
        """Start the kernel."""
        self._has_default_folder = self.work_dir is None and self.output_dir is None
        folder = self.work_dir or self.output_dir or str(make_default_folder(self))
        self.output_dir = self.output_dir or folder
        self._timeout, self._kernel_name, self._output_dir = self.timeout, self.kernel_name, Path(self.output_dir)
        self._kernel = EmbeddedKernel(
            self.kernel_name,
            cwd=Path(folder).resolve(),
            environment=self.environment,
            limits=replace(self.limits or Limits(), seconds=self.timeout),
        )

    @property
    def code_extractor(self) -> CodeExtractor:
        """The extractor, which finds fenced code blocks."""
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> IPythonCodeResult:
        """Run the blocks in order, until one fails.

        Errors in the code are results, not exceptions.

        Returns:
            The exit code of the last block (124 after a timeout), the printed and displayed text, and the files: saved
            outputs, and new or changed files in `output_dir`.
        """
        with self._kernel.lock:
            result = run_blocks(self._kernel, code_blocks, seconds=self._timeout, output_dir=self._output_dir)
        if self._has_default_folder:
            result.output += describe_files(self._output_dir, result.output_files)
        return result

    def restart(self) -> None:
        """Replace the kernel with a fresh kernel."""
        self._kernel.stop()
        with self._kernel.lock:
            self._kernel.restart()

    def stop(self) -> None:
        """End the kernel. The next block starts another."""
        self._kernel.stop()

    def __enter__(self) -> EmbeddedIPythonCodeExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
