"""Protocols and data models of code execution: blocks, results, extractors, executors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Optional, Protocol, TypedDict, Union, runtime_checkable

from pydantic import BaseModel, Field

from ..types import MessageContentType

__all__ = ["CodeBlock", "CodeExecutionConfig", "CodeExecutor", "CodeExtractor", "CodeResult"]


class CodeBlock(BaseModel):
    """A piece of code and its language (`""` if unknown)."""

    code: str = Field(description="The code.")
    language: str = Field(description="The language of the code.")


class CodeResult(BaseModel):
    """The result of code execution."""

    exit_code: int = Field(description="0 for success.")
    output: str = Field(description="The output of the code.")


class CommandLineCodeResult(CodeResult):
    """The result of a command-line executor."""

    code_file: Optional[str] = Field(default=None, description="The file of the first block.")
    output_files: list[str] = Field(default_factory=list, description="Files that the code created or changed.")


class IPythonCodeResult(CodeResult):
    """The result of a Jupyter executor."""

    output_files: list[str] = Field(default_factory=list, description="Files that the code created.")


class CodeExtractor(Protocol):
    """Extractor of code from messages."""

    def extract_code_blocks(self, message: MessageContentType) -> list[CodeBlock]:
        """Return the code blocks of a message's content."""
        ...


@runtime_checkable
class CodeExecutor(Protocol):
    """Executor of code blocks. `isinstance` checks the structure, no base class is needed."""

    @property
    def code_extractor(self) -> CodeExtractor:
        """The extractor of code for this executor."""
        ...

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Run the blocks in order until a block fails."""
        ...

    def restart(self) -> None:
        """Reset to a fresh state."""


# The functional syntax, since some keys contain hyphens.
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
