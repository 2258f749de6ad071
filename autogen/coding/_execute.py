"""Execution of code blocks in sync and async chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._steps import Steps, invoke, wrap_in_thread

if TYPE_CHECKING:
    from .base import CodeBlock, CodeExecutor, CodeResult


def execute_blocks(executor: CodeExecutor, blocks: list[CodeBlock]) -> Steps[CodeResult]:
    """Run blocks with an executor.

    An async caller awaits the executor's `a_execute_code_blocks` if it exists, else runs the sync method in a thread.
    """
    execute = executor.execute_code_blocks
    a_execute = getattr(executor, "a_execute_code_blocks", None) or wrap_in_thread(execute)
    result: CodeResult = yield from invoke(execute, a_execute, blocks)
    return result
