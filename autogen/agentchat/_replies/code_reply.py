"""Finding code in a chat and running it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ... import events
from ..._steps import Steps, to_thread
from ...code_utils import UNKNOWN, extract_code, infer_lang
from ...coding._execute import execute_blocks
from ...operations import KINDS, UNKNOWN_OUTCOME, Journal, Operation, fingerprint, perform, resolve_unfinished
from .._core.display import notice
from ..agent import Message
from .human_input import ask_human

if TYPE_CHECKING:
    from ..conversable_agent import ConversableAgent

SHELLS = ("bash", "shell", "sh")
PYTHONS = ("python", "Python", "py")


def recent(messages: list[Message], last_n_messages: Any) -> list[Message]:
    """The messages that may hold code to run, newest first.

    Args:
        last_n_messages: How many, or `auto`: those since the agent itself spoke last.

    Raises:
        ValueError: It is neither `auto` nor a whole number of at least 0.
    """
    if last_n_messages == "auto":
        count = len(list(takewhile(lambda message: message.get("role") == "user", reversed(messages))))
    elif isinstance(last_n_messages, (int, float)) and last_n_messages >= 0 and last_n_messages == int(last_n_messages):
        count = int(last_n_messages)
    else:
        raise ValueError("last_n_messages must be either a non-negative integer, or the string 'auto'.")
    return messages[: -count - 1 : -1]


def executor_reply(agent: ConversableAgent, messages: list[Message], config: None) -> Steps[tuple[bool, str | None]]:
    """Run the code blocks of the newest message that has some, with the agent's executor.

    Raises:
        ValueError: A config is given.
    """
    if config is not None:
        raise ValueError("This reply function takes no config: code_execution_config has it.")
    if agent._code_execution_config is False:
        return False, None
    executor = agent.code_executor
    assert executor is not None, "An agent with this reply function has an executor."
    for message in recent(messages, agent._code_execution_config.get("last_n_messages", "auto")):
        blocks = executor.code_extractor.extract_code_blocks(message["content"]) if message.get("content") else []
        if not blocks:
            continue
        languages = ", ".join(block.language for block in blocks)
        if len(blocks) == 1:
            notice(f"EXECUTING CODE BLOCK (inferred language is {languages})...", "red")
        else:
            notice(f"EXECUTING {len(blocks)} CODE BLOCKS (inferred languages are [{languages}])...", "red")
        pairs = [[block.language, block.code] for block in blocks]
        exit_code, output = yield from perform(_code_run(agent, blocks, pairs, partial(_run_by_executor, executor, blocks)))
        return True, report(exit_code, output)
    return False, None


def legacy_reply(agent: ConversableAgent, messages: list[Message], config: Any) -> Steps[tuple[bool, str | None]]:
    """Run the code blocks of the newest message that has some, through `agent.execute_code_blocks`."""
    config = agent._code_execution_config if config is None else config
    if config is False:
        return False, None
    for message in recent(messages, config.get("last_n_messages", "auto")):
        if not message["content"]:
            continue
        blocks = extract_code(message["content"])
        if len(blocks) == 1 and blocks[0][0] == UNKNOWN:
            continue
        pairs = [list(block) for block in blocks]
        run = partial(to_thread, agent.execute_code_blocks, blocks)
        exit_code, logs = yield from perform(_code_run(agent, blocks, pairs, run))
        return True, report(exit_code, logs)
    return False, None


def _run_by_executor(executor: Any, blocks: list[Any]) -> Steps[tuple[int, str]]:
    result = yield from execute_blocks(executor, blocks)
    return result.exit_code, result.output


def _code_run(
    agent: ConversableAgent, blocks: list[Any], pairs: list[list[str]], run: Callable[[], Steps[tuple[int, str]]]
) -> Operation[tuple[int, str]]:
    """Describe a run of code blocks; `pairs` is `[language, code]` for each."""

    def decide_unfinished(journal: Journal) -> Steps[tuple[int, str] | None]:
        text = yield from resolve_unfinished(journal, KINDS["code"].description, partial(ask_human, agent))
        return None if text is None else (int(text == UNKNOWN_OUTCOME), text)

    return Operation(
        kind="code",
        key=lambda: fingerprint([str(block) for block in blocks]),
        run=run,
        started=lambda: events.CodeStarted(agent=agent.name, blocks=pairs),
        finished=lambda result, seconds: events.CodeEnded(
            agent=agent.name, exit_code=result[0], output=result[1], seconds=seconds
        ),
        encode=list,
        decode=tuple,
        on_unfinished=decide_unfinished,
    )


def run_blocks(agent: ConversableAgent, blocks: list[tuple[str, str]]) -> tuple[int, str]:
    """Run `(language, code)` pairs until one fails; the exit code is that of the last one run."""
    exit_code, logs = 0, ""
    for index, (language, code) in enumerate(blocks):
        language = language or infer_lang(code)
        notice(f"EXECUTING CODE BLOCK {index} (inferred language is {language})...", "red")
        exit_code, log, image = _run_block(agent, language, code)
        if image is not None:  # the image holds what the block installed: the next block starts from it
            agent._code_execution_config["use_docker"] = image
        logs += "\n" + log
        if exit_code != 0:
            break
    return exit_code, logs


def report(exit_code: int, output: str) -> str:
    """What the model is told about a run."""
    return f"exitcode: {exit_code} (execution {'succeeded' if exit_code == 0 else 'failed'})\nCode output: {output}"


def _run_block(agent: ConversableAgent, language: str, code: str) -> tuple[int, str, str | None]:
    settings = {key: value for key, value in agent._code_execution_config.items() if key != "last_n_messages"}
    if language in SHELLS:
        return agent.run_code(code, lang=language, **settings)
    if language in PYTHONS:
        first, _, _ = code.partition("\n")
        filename = first.removeprefix("# filename: ").strip() if first.startswith("# filename: ") else None
        return agent.run_code(code, lang="python", filename=filename, **settings)
    return 1, f"unknown language {language}", None
