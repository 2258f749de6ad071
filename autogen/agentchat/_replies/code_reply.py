"""Execution of the code blocks in a conversation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from ... import events
from ..._images.sources import allow_folder
from ..._steps import Steps, to_thread
from ...code_utils import UNKNOWN, check_can_use_docker_or_throw, decide_use_docker, extract_code, infer_lang
from ...coding._execute import execute_blocks
from ...coding._extraction import find_fence_error, find_named_code
from ...coding.utils import unquote
from ...control import yield_point
from ...operations import KINDS, UNKNOWN_OUTCOME, Journal, Operation, fingerprint, perform, resolve_unfinished
from .._core.argument_checks import check_code_config
from .._core.display import print_notice
from .._core.internals import get_code_config
from .._core.protocols import AgentCore
from .._guardrails.run import check_code
from ..agent import Message
from .approval import review_code
from .termination_and_human import ask_human

if TYPE_CHECKING:
    from ...coding.base import CodeBlock, CodeExecutor

SHELLS = ("bash", "shell", "sh")
PYTHONS = ("python", "Python", "py")


def prepare_code_config(config: dict[str, Any], is_open: bool) -> CodeExecutor | None:
    """Check a `code_execution_config`, and complete it.

    Args:
        config: Config; without an executor, the decision about Docker is stored in it.
        is_open: True if the agent runs code itself, and may take keys of its own.

    Returns:
        The executor; None if code runs without one.

    Raises:
        TypeError, ValueError: if a key is unknown, or does not fit an executor.
        RuntimeError: if code is to run in Docker, and Docker is not available.
    """
    check_code_config(config, is_open=is_open)
    if config.get("executor") is None:
        # The decision is stored, because each run reads it.
        config.pop("executor", None)
        config["use_docker"] = decide_use_docker(config.get("use_docker"))
        check_can_use_docker_or_throw(config["use_docker"])
        return None
    # Settings of the older way of running code, which an executor would ignore.
    for key in ("use_docker", "work_dir", "timeout"):
        if key in config:
            raise ValueError(
                f"'{key}' in code_execution_config is not valid when 'executor' is set. Give it to the executor."
            )
    # Imported on first use: most agents have no executor.
    from ...coding.factory import CodeExecutorFactory

    return CodeExecutorFactory.create(config)  # type: ignore[arg-type]


def select_recent(messages: list[Message], last_n_messages: object) -> list[Message]:
    """Return the messages that are searched for code, newest first.

    Args:
        messages: The conversation.
        last_n_messages: Number of messages, or `auto` for those since the agent's own last message.

    Raises:
        ValueError: `last_n_messages` is neither `auto` nor a whole number of at least 0.
    """
    if last_n_messages == "auto":
        count = len(_select_new(messages))
    elif isinstance(last_n_messages, (int, float)) and last_n_messages >= 0 and last_n_messages == int(last_n_messages):
        count = int(last_n_messages)
    else:
        raise ValueError("last_n_messages must be either a non-negative integer, or the string 'auto'.")
    return messages[: -count - 1 : -1]


def run_code_by_executor(agent: AgentCore, messages: list[Message], config: None) -> Steps[tuple[bool, str | None]]:
    """Run the code blocks of the newest message that has any, with the agent's executor.

    Raises:
        ValueError: `config` is not None.
    """
    # The import loads pydantic, as executors do: a program without code execution does without.
    from ...coding.markdown_code_extractor import MarkdownCodeExtractor

    if config is not None:
        raise ValueError("config must be None: the executor is configured in code_execution_config.")
    code_config = get_code_config(agent)
    if code_config is False:
        return False, None
    executor = agent.code_executor
    assert executor is not None, "An agent with this reply function has an executor."
    extractor = executor.code_extractor
    # Another extractor has a syntax of its own.
    is_markdown = isinstance(extractor, MarkdownCodeExtractor)
    new_messages = _select_new(messages)
    for message in select_recent(messages, code_config.get("last_n_messages", "auto")):
        blocks = extractor.extract_code_blocks(message["content"]) if message.get("content") else []
        if not blocks:
            if is_markdown and (report := _report_fence_error(message, new_messages)) is not None:
                return True, report
            continue
        if is_markdown:
            blocks = _name_blocks(message["content"], blocks)
        languages = ", ".join(block.language for block in blocks)
        if len(blocks) == 1:
            print_notice(agent, f"EXECUTING CODE BLOCK (inferred language is {languages})...", "red")
        else:
            print_notice(agent, f"EXECUTING {len(blocks)} CODE BLOCKS (inferred languages are [{languages}])...", "red")
        exit_code, output = yield from run_with_executor(agent, executor, blocks)
        return True, format_report(exit_code, output)
    return False, None


def run_with_executor(
    agent: AgentCore,
    executor: CodeExecutor,
    blocks: list[CodeBlock],
    prepare: Callable[[CodeBlock], CodeBlock] | None = None,
) -> Steps[tuple[int, str]]:
    """Run code blocks of an agent as an operation: guardrails check them, and a human if the executor asks for approval.

    Args:
        agent: Agent that runs them.
        executor: Executor.
        blocks: Blocks, as events and humans see them.
        prepare: Makes the block that the executor gets, just before it runs; None if it gets the blocks themselves.

    Returns:
        The exit code and the output.
    """
    pairs = [[block.language, block.code] for block in blocks]
    if any(agent.hook_lists.values()) and (notice := (yield from check_code(agent, pairs))) is not None:
        return 1, notice
    # The code may write pictures that agents show to each other.
    allow_folder(getattr(executor, "work_dir", None))
    run: Callable[[], Steps[tuple[int, str]]] = partial(_run_by_executor, executor, blocks, prepare)
    if getattr(executor, "asks_human", False):
        verdicts = yield from review_code(agent, blocks)
        run = partial(_run_reviewed, executor, blocks, verdicts, prepare)
    return (yield from perform(_make_operation(agent, blocks, pairs, run)))


def run_code_by_agent(
    agent: AgentCore, messages: list[Message], config: dict[str, Any] | Literal[False] | None
) -> Steps[tuple[bool, str | None]]:
    """Run the code blocks of the newest message that has any, through `agent.execute_code_blocks`."""
    config = get_code_config(agent) if config is None else config
    if config is False:
        return False, None
    new_messages = _select_new(messages)
    for message in select_recent(messages, config.get("last_n_messages", "auto")):
        if not message["content"]:
            continue
        blocks = extract_code(message["content"])
        if len(blocks) == 1 and blocks[0][0] == UNKNOWN:
            if (report := _report_fence_error(message, new_messages)) is not None:
                return True, report
            continue
        codes = find_named_code(message["content"], blocks)
        blocks = [(language, code) for (language, _), code in zip(blocks, codes, strict=True)]
        pairs = [list(block) for block in blocks]
        if any(agent.hook_lists.values()) and (notice := (yield from check_code(agent, pairs))) is not None:
            return True, format_report(1, notice)
        allow_folder(config.get("work_dir"))
        run = partial(to_thread, agent.execute_code_blocks, blocks)
        exit_code, logs = yield from perform(_make_operation(agent, blocks, pairs, run))
        return True, format_report(exit_code, logs)
    return False, None


def _select_new(messages: list[Message]) -> list[Message]:
    """Return the messages since the agent's own last message."""
    return list(takewhile(lambda message: message.get("role") == "user", reversed(messages)))


def _report_fence_error(message: Message, new_messages: list[Message]) -> str | None:
    """Return a report for the model on a message with a malformed fence and without code, or None."""
    # An older message has been reported already, or was before the agent's time.
    if not message.get("content") or not any(message is new for new in new_messages):
        return None
    error = find_fence_error(message["content"])
    return None if error is None else format_report(1, error)


def _name_blocks(content: object, blocks: list[CodeBlock]) -> list[CodeBlock]:
    """Return the blocks with the file names that their fences request as comments in their code."""
    codes = find_named_code(content, [(block.language, block.code) for block in blocks])
    return [block.model_copy(update={"code": code}) for block, code in zip(blocks, codes, strict=True)]


def _run_by_executor(
    executor: Any, blocks: list[CodeBlock], prepare: Callable[[CodeBlock], CodeBlock] | None
) -> Steps[tuple[int, str]]:
    result = yield from execute_blocks(executor, blocks if prepare is None else [prepare(block) for block in blocks])
    return result.exit_code, result.output


def _run_reviewed(
    executor: Any, blocks: list[CodeBlock], verdicts: list[Any], prepare: Callable[[CodeBlock], CodeBlock] | None
) -> Steps[tuple[int, str]]:
    if prepare is not None:
        # A verdict is True, another block, or a rejection, which is False or a text.
        reviewed = zip(blocks, verdicts, strict=False)
        verdicts = [
            verdict if verdict is False or isinstance(verdict, str) else prepare(block if verdict is True else verdict)
            for block, verdict in reviewed
        ]
    result = yield from executor.execute_reviewed(blocks, verdicts)
    return result.exit_code, result.output


def _make_operation(
    agent: AgentCore, blocks: list[Any], pairs: list[list[str]], run: Callable[[], Steps[tuple[int, str]]]
) -> Operation[tuple[int, str]]:
    """Describe a run of code blocks.

    Args:
        agent: Agent that runs them.
        blocks: The blocks.
        pairs: `[language, code]` of each block, for the event.
        run: Runs them; returns exit code and output.
    """

    def decide_unfinished(journal: Journal) -> Steps[tuple[int, str] | None]:
        text = yield from resolve_unfinished(journal, KINDS["code"].description, partial(ask_human, agent))
        return None if text is None else (int(text == UNKNOWN_OUTCOME), text)

    def decode(stored: Any) -> tuple[int, str]:
        exit_code, output = stored
        if not isinstance(exit_code, int) or not isinstance(output, str):
            raise TypeError("it must be an exit code and an output")
        return exit_code, output

    def run_to_end() -> Steps[tuple[int, str]]:
        result = yield from run()
        # If the chat was stopped, the code was killed: that is not its result.
        if result[0] != 0:
            yield from yield_point()
        return result

    return Operation(
        kind="code",
        key=lambda: fingerprint([str(block) for block in blocks]),
        run=run_to_end,
        started=lambda: events.CodeStarted(agent=agent.name, blocks=pairs, _agent=agent),
        finished=lambda result, seconds: events.CodeEnded(
            agent=agent.name, exit_code=result[0], output=result[1], seconds=seconds
        ),
        encode=list,
        decode=decode,
        on_unfinished=decide_unfinished,
    )


def run_blocks(agent: AgentCore, blocks: list[tuple[str, str]]) -> tuple[int, str]:
    """Run `(language, code)` pairs until one fails; return the exit code of the last run, and all output."""
    exit_code, logs = 0, ""
    for index, (language, code) in enumerate(blocks):
        language = language or infer_lang(code)
        print_notice(agent, f"EXECUTING CODE BLOCK {index} (inferred language is {language})...", "red")
        exit_code, log, image = _run_block(agent, language, code)
        if image is not None:
            # The image contains everything that the block installed, so the next block starts from it.
            _require_code_config(agent)["use_docker"] = image
        logs += "\n" + log
        if exit_code != 0:
            break
    return exit_code, logs


def format_report(exit_code: int, output: str) -> str:
    """Return the text about a run for the model."""
    return f"exitcode: {exit_code} (execution {'succeeded' if exit_code == 0 else 'failed'})\nCode output: {output}"


def _run_block(agent: AgentCore, language: str, code: str) -> tuple[int, str, str | None]:
    settings = {key: value for key, value in _require_code_config(agent).items() if key != "last_n_messages"}
    if language in SHELLS:
        return agent.run_code(code, lang=language, **settings)
    if language in PYTHONS:
        first, _, _ = code.partition("\n")
        filename = unquote(first.removeprefix("# filename: ").strip()) if first.startswith("# filename: ") else None
        return agent.run_code(code, lang="python", filename=filename, **settings)
    return 1, f"unknown language {language}", None


def _require_code_config(agent: AgentCore) -> dict[str, Any]:
    """Return the agent's `code_execution_config`.

    Raises:
        ValueError: It is False.
    """
    config = get_code_config(agent)
    if config is False:
        raise ValueError(f"Agent {agent.name!r} runs no code: its code_execution_config is False.")
    return config
