"""`autogen chat`: an assistant and a user proxy solve a task."""

from __future__ import annotations

import os
import shlex
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from .. import terminal
from ..agentchat import Agent, AssistantAgent, UserProxyAgent
from ..agentchat._core.internals import internals
from ..agentchat._core.result import StopReason
from ..agentchat._replies.termination_and_human import FEEDBACK
from ..agentchat.conversable_agent import HumanInputMode
from ..code_utils import check_can_use_docker_or_throw, decide_use_docker, in_docker_container, is_docker_running
from ..coding.approval import ApprovedCodeExecutor, ask_a_human
from ..coding.base import CodeExecutor
from ..coding.docker_commandline_code_executor import DockerCommandLineCodeExecutor
from ..coding.local_commandline_code_executor import LocalCommandLineCodeExecutor
from ..events import HumanAsked
from ..io.base import IOStream
from ..oai._local.weights import get_weights_folder
from ..recording import Recording
from ..types import Message
from .choice import choose_model

WORK_DIR = Path("coding")
MAX_REPLIES = 10
INTERRUPTED = 130  # the exit code of programs that SIGINT ended
IDLE = "There is no code to run. Your message? (Enter: end the chat) "
EXIT = "exit"
LAST = "last"
_KEPT_CHATS = 50


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """The options of `autogen chat`.

    Attributes:
        task: First message; with `resume` the next answer of the human.
        config: Name of a config list; None for the default.
        model: Name of a model in it, or `vendor/name`; None for all.
        base_url: Address of a server with OpenAI's protocol.
        human: When the human is asked; None: at a terminal as `TERMINATE`, else `NEVER`.
        docker: True to run code in Docker, False for this machine; None for Docker unless this process is in a container.
        approve: True to ask the human before code runs.
        max_replies: Maximum number of automatic replies in a row.
        max_turns: Maximum number of turns; None for no limit.
        checkpoint: File of the chat; None for a new file at a terminal, else for no file.
        resume: File of the chat to go on with; `last` for the last chat at a terminal.
        command: Options to repeat in the command that resumes the chat.
    """

    task: str | None
    config: str | None = None
    model: str | None = None
    base_url: str | None = None
    human: HumanInputMode | None = None
    docker: bool | None = None
    approve: bool = False
    max_replies: int = MAX_REPLIES
    max_turns: int | None = None
    checkpoint: Path | None = None
    resume: Path | None = None
    command: tuple[str, ...] = ()


def is_interactive() -> bool:
    """Return True if a human sits at the terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class ChatUser(UserProxyAgent):
    """A user proxy that asks the human when it has nothing to run, instead of sending an empty message.

    Args:
        mode: When the human is asked.
        executor: The executor of code.
        max_replies: Maximum number of automatic replies in a row.
        recorded_mode: The mode of the recording, if a chat is resumed. It applies as long as answers are read from there.
        answer: The human's next answer, if it was given beforehand.
    """

    def __init__(
        self,
        mode: HumanInputMode,
        executor: CodeExecutor,
        max_replies: int,
        recorded_mode: HumanInputMode | None = None,
        answer: str | None = None,
    ) -> None:
        super().__init__(
            "user",
            is_termination_msg=lambda message: str(message.get("content") or "").rstrip().endswith("TERMINATE"),
            human_input_mode=recorded_mode or mode,
            human_input_source=self._read_answer,
            code_execution_config={"executor": executor},
            max_consecutive_auto_reply=max_replies,
        )
        self._mode = mode
        self._answer = answer
        # The last in the order: it is called if no code was found.
        self.register_reply([Agent, None], ChatUser._reply_when_idle, position=len(self._reply_func_list))

    def _read_answer(self, prompt: str) -> str:
        """Return the answer that was given beforehand, or else ask; the end of the input is an `exit`."""
        self.human_input_mode = self._mode
        answer, self._answer = self._answer, None
        if answer is not None:
            return answer
        if self._mode == "NEVER":
            return EXIT
        try:
            return IOStream.get_default().input(prompt)
        except EOFError:
            return EXIT

    def _reply_when_idle(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> tuple[bool, Message | None]:
        if self.human_input_mode == "NEVER":
            return True, None
        text = self.get_human_input(IDLE)
        if text in ("", EXIT):
            internals(self).stop_reasons[sender] = StopReason.HUMAN_EXIT
            return True, None
        return True, {"role": "user", "content": text}


class Opening(NamedTuple):
    """The start of a chat, new or resumed.

    Attributes:
        task: First message.
        answer: The human's next answer, if it was given beforehand.
        recorded_mode: The mode in which a resumed chat was recorded, as far as its questions show it.
    """

    task: str
    answer: str | None = None
    recorded_mode: HumanInputMode | None = None


def run_chat(options: ChatOptions) -> int:
    """Run the chat, and return the exit code: 0, or 130 if it was interrupted.

    Raises:
        FileNotFoundError: if there is no such config list, or no chat to resume.
        RuntimeError: if Docker is asked for, and no engine responds.
        ValueError: if there is no such model.
    """
    # Standard output is for the chat.
    console = Console(stderr=True, highlight=False)
    choice = choose_model(options.config, options.model, options.base_url)
    file = _find_checkpoint(options)
    opening = _find_opening(options, file)
    console.print(f"[bold]Model:[/] {choice.label}")
    mode: HumanInputMode = options.human or ("TERMINATE" if is_interactive() else "NEVER")
    # Also without a terminal: the request is the same then, so a resumed chat doesn't send it again.
    entries = [{"stream": True, **entry} for entry in choice.config_list]
    assistant = AssistantAgent("assistant", llm_config={"config_list": entries, "cache_seed": None})
    try:
        with _open_executor(options, console) as executor:
            user = ChatUser(mode, executor, options.max_replies, opening.recorded_mode, opening.answer)
            with terminal.view():
                user.initiate_chat(assistant, message=opening.task, max_turns=options.max_turns, checkpoint=file)
    except KeyboardInterrupt:
        console.print("\n[bold]Stopped.[/] " + _explain_resume(options, file), soft_wrap=True)
        return INTERRUPTED
    if file is not None:
        console.print(_explain_resume(options, file), soft_wrap=True)
    return 0


def _explain_resume(options: ChatOptions, file: Path | None) -> str:
    if file is None:
        return "A chat with --checkpoint FILE can be resumed."
    return f"Go on with: [bold]{shlex.join(['autogen', 'chat', '--resume', str(file), *options.command])}[/]"


def _find_opening(options: ChatOptions, file: Path | None) -> Opening:
    """Return the start of the chat.

    Raises:
        FileNotFoundError: if there is no chat to resume.
        JournalError: if the file is not a checkpoint, or is damaged.
        ValueError: if there is no task, or the chat to resume has no message yet.
    """
    if options.resume is None:
        if not options.task:
            raise ValueError("The task must not be empty.")
        return Opening(options.task)
    assert file is not None
    recording = Recording(file)
    if not recording.messages:
        raise ValueError(f"{file} has no message yet: start a new chat.")
    task = str(recording.messages[0]["content"])
    _reopen(recording)
    prompts = [str(event.get("prompt")) for event in recording.events if event["type"] == HumanAsked.type]
    recorded_mode: HumanInputMode | None = "TERMINATE" if prompts or options.task else None
    # A prompt for each message is a sign of the other mode.
    if any(prompt.startswith(FEEDBACK.partition("{")[0]) for prompt in prompts):
        recorded_mode = "ALWAYS"
    return Opening(task, options.task, recorded_mode)


def _reopen(recording: Recording) -> None:
    """Remove the end of a finished chat, so that it goes on after its last message."""
    if not recording.is_finished:
        return
    copy = recording.path.with_name(f"{recording.path.name}.{uuid.uuid4().hex}")
    recording.fork(copy, messages=len(recording.messages))
    os.replace(copy, recording.path)


def _find_checkpoint(options: ChatOptions) -> Path | None:
    """Return the file of the chat; None for a chat without a file.

    Raises:
        FileNotFoundError: if the last chat is asked for, and there is none.
    """
    if options.resume is not None and str(options.resume) != LAST:
        return options.resume
    if options.checkpoint is not None or not (options.resume or is_interactive()):
        return options.checkpoint
    folder = get_weights_folder().with_name("chats")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = sorted(folder.glob("*.db"))
    if options.resume is not None:
        if not files:
            raise FileNotFoundError(f"There is no chat to resume in {folder}.")
        return files[-1]
    for old in files[: -_KEPT_CHATS + 1]:
        old.unlink(missing_ok=True)
    return folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db"


@contextmanager
def _open_executor(options: ChatOptions, console: Console) -> Iterator[CodeExecutor]:
    """Yield the executor of the options, and say where code runs.

    Raises:
        RuntimeError: if Docker is asked for, and no engine responds.
    """
    WORK_DIR.mkdir(exist_ok=True)
    executor: CodeExecutor
    if _should_use_docker(options.docker):
        executor = DockerCommandLineCodeExecutor(work_dir=WORK_DIR)
        place = "in a Docker container"
    else:
        executor = LocalCommandLineCodeExecutor(work_dir=WORK_DIR)
        place = "in this container, beside autogen" if in_docker_container() else "on this machine, without isolation"
    asks = ", after you approve it" if options.approve else ""
    console.print(f"[bold]Code:[/]  runs {place}, in ./{WORK_DIR}{asks}")
    with executor if isinstance(executor, DockerCommandLineCodeExecutor) else nullcontext():
        yield ApprovedCodeExecutor(executor, ask_a_human) if options.approve else executor


def _should_use_docker(wanted: bool | None) -> bool:
    """Return True if code runs in Docker.

    Raises:
        RuntimeError: if it should, and no engine responds.
    """
    if wanted is None and in_docker_container() and not is_docker_running():
        return False
    use_docker = bool(decide_use_docker(wanted))
    if use_docker and not is_docker_running():
        check_can_use_docker_or_throw(True)
        # In a container that check passes, because the older functions run code beside the process there.
        raise RuntimeError("No Docker engine responds in this container: --no-docker runs the code beside autogen.")
    return use_docker
