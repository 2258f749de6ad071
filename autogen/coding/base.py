"""What code execution is made of: blocks, results, extractors, executors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Optional, Protocol, TypedDict, Union, runtime_checkable

from pydantic import BaseModel, Field

from ..types import MessageContentType

__all__ = ["CodeBlock", "CodeExecutionConfig", "CodeExecutor", "CodeExtractor", "CodeResult"]


class CodeBlock(BaseModel):
    """A piece of code, and its language (`""` where it is not known)."""

    code: str = Field(description="The code.")
    language: str = Field(description="Its language.")


class CodeResult(BaseModel):
    """What became of code that was run."""

    exit_code: int = Field(description="0 for success.")
    output: str = Field(description="What it printed.")


class CommandLineCodeResult(CodeResult):
    """The result of a command-line executor."""

    code_file: Optional[str] = Field(default=None, description="The file of the first block.")
    output_files: list[str] = Field(default_factory=list, description="Files that the code made or changed.")


class IPythonCodeResult(CodeResult):
    """The result of a Jupyter executor."""

    output_files: list[str] = Field(default_factory=list, description="Files that the code made.")


class CodeExtractor(Protocol):
    """Finds code in messages."""

    def extract_code_blocks(self, message: MessageContentType) -> list[CodeBlock]:
        """The code blocks of a message's content."""
        ...


@runtime_checkable
class CodeExecutor(Protocol):
    """Runs code. The check by `isinstance` is structural."""

    @property
    def code_extractor(self) -> CodeExtractor:
        """How an agent finds the code for this executor."""
        ...

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Run the blocks in order, until one fails."""
        ...

    def restart(self) -> None:
        """Begin in a fresh state."""


CodeExecutionConfig = TypedDict(
    "CodeExecutionConfig",
    {
        "executor": Union[Literal["ipython-embedded", "jupyter", "commandline-local"], CodeExecutor],
        "last_n_messages": Union[int, Literal["auto"]],
        "timeout": int,
        "use_docker": Union[bool, str, list[str]],
        "work_dir": str,
        "ipython-embedded": Mapping[str, Any],
        "jupyter": Mapping[str, Any],
        "commandline-local": Mapping[str, Any],
    },
    total=False,
)
"""An agent's `code_execution_config`."""
