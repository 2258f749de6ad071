"""Approval of code before it runs: an executor that wraps another, with a callback that sees each block first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable, iscoroutine
from types import TracebackType
from typing import Any, Literal, Union

from .._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ..io.base import IOStream
from ._execute import execute_blocks
from .base import CodeBlock, CodeExecutor, CodeExtractor, CodeResult, CommandLineCodeResult

__all__ = ["ApprovedCodeExecutor", "Approver", "ask_a_human"]

Verdict = Union[bool, str]
"""True to run the block; False, or a text with the reason, to reject it."""

Approver = Callable[[CodeBlock], Union[Verdict, Awaitable[Verdict]]]

_YES = ("y", "yes")
_NO = ("", "n", "no")


class ApprovedCodeExecutor(CodeExecutor):
    """Executor that runs code with another executor after each block was approved.

    The blocks of a message are shown in order before any of them runs. If a block is rejected, the blocks before it run,
    the block and all after it do not, and the model gets the reason. Other attributes of the wrapped executor (`work_dir`,
    `stop`, the context manager) are available on this object.

    >>> executor = ApprovedCodeExecutor(LocalCommandLineCodeExecutor(work_dir="coding"), "human")  # doctest: +SKIP
    >>> user = UserProxyAgent("user", code_execution_config={"executor": executor})  # doctest: +SKIP
    """

    def __init__(self, executor: CodeExecutor, approve: Approver | Literal["human"]) -> None:
        """Wrap an executor.

        Args:
            executor: The executor that runs the code.
            approve: A sync or async function that gets a block. An async chat awaits an async function in its own event
                loop, and calls a sync function in a thread. The function returns True to run the block, and False or a
                text with the reason to reject it; any other value rejects it too. If it raises, nothing is run and the
                exception propagates. Or `human`: an agent that runs code asks its human as about a tool call, who may also
                change the code, answer later, or end the chat; without an agent it is `ask_a_human`.

        Raises:
            TypeError: if `executor` is not an executor, or `approve` is not callable.
        """
        # A class passes the structural check of the protocol too.
        if isinstance(executor, type) or not isinstance(executor, CodeExecutor):
            raise TypeError(
                f"executor must be a code executor with code_extractor, execute_code_blocks and restart, got {executor!r}."
            )
        self.asks_human = approve == "human"
        if approve == "human":
            approve = ask_a_human
        if not callable(approve):
            raise TypeError(f"approve must be 'human' or a function that takes a CodeBlock, got {approve!r}.")
        self._executor = executor
        self._approve = sync_and_async(approve, blocks=True)

    @property
    def executor(self) -> CodeExecutor:
        """The wrapped executor."""
        return self._executor

    @property
    def code_extractor(self) -> CodeExtractor:
        """The extractor of the wrapped executor."""
        return self._executor.code_extractor

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Run the blocks before the first rejected block.

        Returns:
            The result of the wrapped executor. After a rejection the exit code is not 0, and the output ends with the
            reason.
        """
        return run_sync(self._execute(code_blocks))

    async def a_execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Async version of `execute_code_blocks`: approval in this event loop, execution in a thread."""
        return await run_async(self._execute(code_blocks))

    def restart(self) -> None:
        """Restart the wrapped executor."""
        self._executor.restart()

    def _execute(self, blocks: list[CodeBlock]) -> Steps[CodeResult]:
        verdicts: list[Any] = []
        for block in blocks:
            # A copy, so that the approver can't change the code that runs.
            verdicts.append((yield from invoke(*self._approve, block.model_copy())))
            if verdicts[-1] is not True:
                break
        return (yield from self.execute_reviewed(blocks, verdicts))

    def execute_reviewed(self, blocks: Sequence[CodeBlock], verdicts: Sequence[object]) -> Steps[CodeResult]:
        """Run the blocks before the first rejected block, as a step.

        Args:
            blocks: The blocks.
            verdicts: For each block up to the first rejected one: True, a block to run instead, or the rejection.
        """
        rejection: str | None = None
        approved: list[CodeBlock] = []
        for position, (block, verdict) in enumerate(zip(blocks, verdicts, strict=False)):
            if verdict is not True and not isinstance(verdict, CodeBlock):
                rejection = _explain_rejection(verdict, position, len(blocks))
                break
            approved.append(block if verdict is True else verdict)
        if rejection is not None and not approved:
            return CommandLineCodeResult(exit_code=1, output=rejection)
        result = yield from execute_blocks(self._executor, approved)
        if rejection is None:
            return result
        output = f"{result.output.rstrip()}\n{rejection}" if result.output.strip() else rejection
        return result.model_copy(update={"exit_code": result.exit_code or 1, "output": output})

    def __getattr__(self, name: str) -> Any:
        # `copy` and `pickle` look up attributes before the executor is set.
        if name.startswith("__") or "_executor" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._executor, name)

    def __enter__(self) -> ApprovedCodeExecutor:
        """Enter the wrapped executor if it is a context manager."""
        if hasattr(type(self._executor), "__enter__"):
            self._executor.__enter__()  # type: ignore[attr-defined]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Exit the wrapped executor if it is a context manager."""
        if hasattr(type(self._executor), "__exit__"):
            self._executor.__exit__(kind, error, traceback)  # type: ignore[attr-defined]


def ask_a_human(block: CodeBlock) -> Verdict:
    """Show a block through the current `IOStream` and ask for approval; use it as an `approve` callback.

    `y` or `yes` approves; `n`, `no`, an empty answer or the end of the input rejects; any other text rejects and is sent to
    the model as the reason. Invisible characters (escapes, changes of text direction) are shown as escape sequences, so
    code can't hide from the reader.
    """
    language = visible(block.language.replace("\n", " ")) or "unknown language"
    return ask_on_stream(f"----- {language} -----\n{visible(block.code)}\n-----", "Run it?")


def ask_on_stream(shown: str, question: str) -> Verdict:
    """Print a text on the current `IOStream`, and ask for approval.

    Args:
        shown: The text, without invisible characters.
        question: The question.

    Returns:
        True; or False or the reason for a refusal.
    """
    stream = IOStream.get_default()
    stream.print(shown, flush=True)
    try:
        answer = stream.input(f"{question} [y: yes; n or Enter: no; anything else: no, with this reason for the model] ")
    except EOFError:
        return "Nobody is there to approve it."
    answer = answer.strip()
    if answer.lower() in _YES:
        return True
    return False if answer.lower() in _NO else answer


def visible(text: str) -> str:
    """Replace each invisible character of a text by its escape sequence."""
    return "".join(map(_escape_invisible, text.replace("\r\n", "\n")))


def _escape_invisible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _explain_rejection(verdict: object, position: int, count: int) -> str:
    # Closed first, since a coroutine that is never awaited warns when it is garbage-collected.
    if iscoroutine(verdict):
        verdict.close()
    if isawaitable(verdict):
        raise TypeError("approve returned an awaitable but is not a coroutine function: declare it with `async def`.")
    reason = f" {verdict.strip()}" if isinstance(verdict, str) and verdict.strip() else ""
    if count == 1:
        return f"The code was not run: it was not approved.{reason}"
    rest = " Nor were those after it." if position < count - 1 else ""
    return f"Code block {position + 1} of {count} was not run: it was not approved.{rest}{reason}"
