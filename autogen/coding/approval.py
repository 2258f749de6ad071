"""Asking before code runs: an executor around another, with somebody who sees each block first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine
from types import TracebackType
from typing import Any, Union

from .._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ..io.base import IOStream
from ._execute import execute_blocks
from .base import CodeBlock, CodeExecutor, CodeExtractor, CodeResult, CommandLineCodeResult

__all__ = ["ApprovedCodeExecutor", "Approver", "ask_a_human"]

Verdict = Union[bool, str]
"""True: run it. False, or a text that says why not: don't."""

Approver = Callable[[CodeBlock], Union[Verdict, Awaitable[Verdict]]]

_YES = ("y", "yes")
_NO = ("", "n", "no")


class ApprovedCodeExecutor(CodeExecutor):
    """Runs code with another executor, after each block of it was approved.

    The blocks of a message are shown in their order before any of them runs. If one is refused, those before it are run, it
    and all after it are not, and the model reads why. Whatever else the other executor has (`work_dir`, `stop`, `with`) is
    reached through this one.

    >>> executor = ApprovedCodeExecutor(LocalCommandLineCodeExecutor(work_dir="coding"), ask_a_human)  # doctest: +SKIP
    >>> user = UserProxyAgent("user", code_execution_config={"executor": executor})  # doctest: +SKIP
    """

    def __init__(self, executor: CodeExecutor, approve: Approver) -> None:
        """
        Args:
            executor: What runs the code.
            approve: Gets a block. Plain, or a coroutine function; an asynchronous chat awaits it in its own event loop, and
                calls a plain one in a thread. It returns True for the block to be run, and False or a text that says why
                for it not to be. Anything else is a refusal too. What it raises is raised, and nothing is run.

        Raises:
            TypeError: `executor` is no executor, or `approve` can't be called.
        """
        if isinstance(executor, type) or not isinstance(executor, CodeExecutor):
            raise TypeError(f"{executor!r} is no code executor: it needs code_extractor, execute_code_blocks and restart.")
        if not callable(approve):
            raise TypeError(f"approve must be a function that gets a CodeBlock, not {approve!r}.")
        self._executor = executor
        self._approve = sync_and_async(approve, blocks=True)

    @property
    def code_extractor(self) -> CodeExtractor:
        """That of the other executor."""
        return self._executor.code_extractor

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Run the blocks up to the first that is refused.

        Returns:
            What the other executor returns. After a refusal its exit code is not 0, and its output ends with the reason.
        """
        return run_sync(self._execute(code_blocks))

    async def a_execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """`execute_code_blocks`, awaited: the approval in this event loop, the code in a thread."""
        return await run_async(self._execute(code_blocks))

    def restart(self) -> None:
        """Restart the other executor."""
        self._executor.restart()

    def _execute(self, blocks: list[CodeBlock]) -> Steps[CodeResult]:
        refusal: str | None = None
        approved: list[CodeBlock] = []
        for position, block in enumerate(blocks):
            verdict = yield from invoke(*self._approve, block.model_copy())  # what is shown can't be changed into another
            if verdict is not True:
                refusal = _refusal(verdict, position, len(blocks))
                break
            approved.append(block)
        if refusal is not None and not approved:
            return CommandLineCodeResult(exit_code=1, output=refusal)
        result = yield from execute_blocks(self._executor, approved)
        if refusal is None:
            return result
        told = f"{result.output.rstrip()}\n{refusal}" if result.output.strip() else refusal
        return result.model_copy(update={"exit_code": result.exit_code or 1, "output": told})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_executor" not in self.__dict__:  # while it is being copied or unpickled
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._executor, name)

    def __enter__(self) -> ApprovedCodeExecutor:
        """Enter the other executor, if it can be."""
        if hasattr(type(self._executor), "__enter__"):
            self._executor.__enter__()  # type: ignore[attr-defined]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the other executor, if it was entered."""
        if hasattr(type(self._executor), "__exit__"):
            self._executor.__exit__(kind, error, traceback)  # type: ignore[attr-defined]


def ask_a_human(block: CodeBlock) -> Verdict:
    """Show a block through the current `IOStream`, and ask whether it may run: an approver.

    The answer `y` or `yes` is a yes; `n`, `no`, nothing, or no human at all is a no; other text is a no, and the model
    reads it. Characters that a terminal doesn't show as they are (escapes, a changed direction of writing) are shown as
    their codes: code can't hide from who reads it.
    """
    stream = IOStream.get_default()
    language = visible(block.language.replace("\n", " ")) or "code of no language"
    stream.print(f"----- {language} -----\n{visible(block.code)}\n-----", flush=True)
    try:
        answer = stream.input("Run it? [y: yes; n or Enter: no; anything else is told to the model as the reason for a no] ")
    except EOFError:
        return "Nobody is there to approve it."
    answer = answer.strip()
    if answer.lower() in _YES:
        return True
    return False if answer.lower() in _NO else answer


def visible(text: str) -> str:
    """A text in which every character that is not shown as itself stands as its code."""
    return "".join(_visible(character) for character in text.replace("\r\n", "\n"))


def _visible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _refusal(verdict: Any, position: int, count: int) -> str:
    if iscoroutine(verdict):
        verdict.close()
    if isawaitable(verdict):
        raise TypeError(
            "approve returned something to be awaited, but is no coroutine function: declare it with `async def`."
        )
    reason = f" {verdict.strip()}" if isinstance(verdict, str) and verdict.strip() else ""
    if count == 1:
        return f"The code was not run: it was not approved.{reason}"
    rest = " Nor were those after it." if position < count - 1 else ""
    return f"Code block {position + 1} of {count} was not run: it was not approved.{rest}{reason}"
