"""Executors for the programs of a run, and the check of an answer by a program."""

from __future__ import annotations

import re
import secrets
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._mistakes import suggest

if TYPE_CHECKING:
    from ..coding.base import CodeExecutor

ISOLATIONS = ("none", "process", "sandbox", "docker")
_MAX_SHOWN = 500  # characters of a program's output in an explanation


def check_isolation(isolation: str) -> None:
    """Raise an error if there is no such isolation.

    Raises:
        ValueError: if there is none.
    """
    if isolation not in ISOLATIONS and not str(isolation).startswith("docker:"):
        known = ", ".join(ISOLATIONS)
        raise ValueError(f"isolation must be one of {known}, got {isolation!r}.{suggest(str(isolation), ISOLATIONS)}")


def make_executor(isolation: str, work_dir: Path, seconds: float = 60) -> CodeExecutor:
    """Make the executor for programs that a model wrote.

    Args:
        isolation: `sandbox`, `docker` or `docker:IMAGE`; otherwise programs run on this machine with a warning.
        work_dir: Work directory.
        seconds: Time limit of a program.
    """
    # Whole seconds, at least one.
    options: dict[str, Any] = {"work_dir": work_dir, "timeout": max(1, round(seconds))}
    kind, _, image = isolation.partition(":")
    if kind == "docker":
        from ..coding.docker_commandline_code_executor import DockerCommandLineCodeExecutor

        if image:
            options["image"] = image
        return DockerCommandLineCodeExecutor(**options)
    if isolation == "sandbox":
        from ..coding.sandboxed_commandline_code_executor import SandboxedCommandLineCodeExecutor

        return SandboxedCommandLineCodeExecutor(**options)
    from ..coding.local_commandline_code_executor import LocalCommandLineCodeExecutor

    warnings.warn(
        f"Programs that a model wrote run on this machine without a sandbox (isolation={isolation!r}); "
        "isolation='sandbox' or 'docker' protects it.",
        UserWarning,
        stacklevel=2,
    )
    return LocalCommandLineCodeExecutor(**options)


def check_program(
    answer: str, test: str, entry_point: str | None, prefix: str, isolation: str, seconds: float
) -> str | None:
    """Run the code of an answer with tests.

    Args:
        answer: Answer of a model: Python, in a block or alone.
        test: Program that raises an error if the code is wrong. It may define `check`, which is called with the function.
        entry_point: Name of that function.
        prefix: Beginning of the program. Code that does not define the function continues it; code that does comes after
            it.
        isolation: Isolation of the program.
        seconds: Time limit.

    Returns:
        The failure; None if the tests passed.
    """
    from ..coding.base import CodeBlock
    from ..coding.markdown_code_extractor import MarkdownCodeExtractor

    blocks = [
        block.code for block in MarkdownCodeExtractor().extract_code_blocks(answer) if block.language in ("", "python")
    ]
    defining = [block for block in blocks if entry_point and _defines(block, entry_point)]
    code = (defining or blocks or [answer])[-1]
    if not entry_point or not _defines(code, entry_point):
        code = f"{prefix}{code}"
    # What the beginning imports and defines is there for an answer that defines the function again, too.
    elif _is_program(prefix):
        code = f"{prefix}\n\n{code}"
    # Printed by the last line alone: a program that ends itself before the tests has not passed them.
    nonce = secrets.token_hex(16)
    call = f"\ncheck({entry_point})" if entry_point else ""
    # With a name of its own, messages of failures are the same in each run.
    program = f"# filename: check.py\n{code}\n\n{test}{call}\nprint({nonce!r})\n"
    with tempfile.TemporaryDirectory(prefix="autogen-bench-") as folder:
        executor = make_executor(isolation, Path(folder), seconds)
        try:
            result = executor.execute_code_blocks([CodeBlock(code=program, language="python")])
        finally:
            stop = getattr(executor, "stop", None)
            if stop is not None:
                stop()
    if result.exit_code == 0 and result.output.rstrip().endswith(nonce):
        return None
    output = result.output.replace(nonce, "").replace(f"{folder}/", "").strip()
    return f"exit code {result.exit_code}: {output[-_MAX_SHOWN:]}"


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^(?:async )?def {re.escape(name)}\b", code, re.MULTILINE) is not None


def _is_program(code: str) -> bool:
    try:
        compile(code, "prefix", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
