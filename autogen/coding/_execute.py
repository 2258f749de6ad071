"""Handing blocks to an executor, for callers of either colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._steps import Steps, invoke, wrap_in_thread

if TYPE_CHECKING:
    from .base import CodeBlock, CodeExecutor, CodeResult


def executed(executor: CodeExecutor, blocks: list[CodeBlock]) -> Steps[CodeResult]:
    """The result of blocks that an executor runs.

    An asynchronous caller awaits the executor's `a_execute_code_blocks` if it has one, and runs it in a thread otherwise.
    """
    plain = executor.execute_code_blocks
    twin = getattr(executor, "a_execute_code_blocks", None) or wrap_in_thread(plain)
    result: CodeResult = yield from invoke(plain, twin, blocks)
    return result
