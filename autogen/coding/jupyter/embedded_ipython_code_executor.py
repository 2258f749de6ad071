"""Running code in an IPython kernel that this process starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from .._processes.limits import Limits
from ..base import CodeBlock, CodeExtractor, IPythonCodeResult
from ..markdown_code_extractor import MarkdownCodeExtractor
from ._blocks import validate_output_dir, run_blocks
from ._embedded_kernel import EmbeddedKernel

__all__ = ["EmbeddedIPythonCodeExecutor"]


class EmbeddedIPythonCodeExecutor(BaseModel):
    """Runs code blocks as cells of an IPython kernel: what one block defines the next one sees. Without isolation.

    The kernel has the rights of the user who runs it; see `LocalCommandLineCodeExecutor` for what that means. No secret of
    this process's environment is handed to it. It starts when this object is made, and ends with it, with this process
    (also if that is killed), or by `stop()`.

    A block whose time is up is interrupted, and the variables are kept. If that does not help, or if the kernel dies, it is
    restarted, and the result says so. Languages are not looked at: `!command` and `%%bash` run shell commands.

    It may be used from several threads, one block at a time.

    >>> executor = EmbeddedIPythonCodeExecutor(output_dir="coding")  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="x = 6")])  # doctest: +SKIP
    >>> executor.execute_code_blocks([CodeBlock(language="python", code="x * 7")])  # doctest: +SKIP
    IPythonCodeResult(exit_code=0, output='42', output_files=[])

    Raises:
        ValueError: A field is wrong, or there is no such kernel.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    timeout: int = Field(default=60, ge=1, description="Seconds for each block.")
    kernel_name: str = Field(default="python3", description="The kernel, which must be installed.")
    output_dir: str = Field(default=".", description="Where images and the like are saved. It must exist.")
    work_dir: Optional[str] = Field(default=None, description="Where the kernel runs. None: the current directory.")
    environment: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Variables for the kernel, besides the harmless ones of this process."
    )
    limits: Optional[Limits] = Field(
        default=None, description="What the kernel may use; time and output in it do not count."
    )

    _timeout: int = PrivateAttr()
    _kernel_name: str = PrivateAttr()
    _output_dir: Path = PrivateAttr()
    _kernel: EmbeddedKernel = PrivateAttr()

    @field_validator("output_dir", "work_dir")
    @classmethod
    def _exists(cls, folder: str | None) -> str | None:
        return None if folder is None else str(validate_output_dir(folder))

    def model_post_init(self, context: Any, /) -> None:
        """Start the kernel."""
        self._timeout, self._kernel_name, self._output_dir = self.timeout, self.kernel_name, Path(self.output_dir)
        self._kernel = EmbeddedKernel(
            self.kernel_name,
            cwd=Path(self.work_dir or ".").resolve(),
            environment=self.environment,
            limits=replace(self.limits or Limits(), seconds=self.timeout),
        )

    @property
    def code_extractor(self) -> CodeExtractor:
        """Finds fenced code blocks."""
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> IPythonCodeResult:
        """Run the blocks in order, until one fails.

        Returns:
            The exit code of the last block run (124: its time was up), what was printed and shown, and the files: images and
            the like that were shown, and what else is new or changed in `output_dir`. No error in the code is raised.
        """
        with self._kernel.lock:
            return run_blocks(self._kernel, code_blocks, seconds=self._timeout, output_dir=self._output_dir)

    def restart(self) -> None:
        """Begin with a new kernel."""
        self._kernel.stop()
        with self._kernel.lock:
            self._kernel.restart()

    def stop(self) -> None:
        """End the kernel. A block that is run later starts a new one."""
        self._kernel.stop()

    def __enter__(self) -> EmbeddedIPythonCodeExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
