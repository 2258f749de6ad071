"""One run: a system answers a case, within limits, and all that happens is noted."""

from __future__ import annotations

import hashlib
import inspect
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .._jsonable import to_jsonable
from .._secrets import redact
from .._steps import is_coroutine_function, run_coroutine
from .._threads import CallTimeout, run_with_timeout
from ..agentchat.chat import ChatResult
from ..agentchat.conversable_agent import ConversableAgent
from ..control import ChatControl, ChatStopped, controlled_by
from ..events import AnyEvent, MessageSent, subscribe
from ..exception_utils import BudgetExceeded
from ..oai._requests.reply_file import ReplyFile, use_reply_file
from ..oai._requests.reply_file import ReplyNotRecorded as ReplyNotRecorded
from ..oai._usage.ledger import UsageLedger, enter_chat_budget
from ._programs import make_executor
from .cases import Case, Limits

if TYPE_CHECKING:
    from ..coding.base import CodeExecutor

System: TypeAlias = Callable[..., Any] | ConversableAgent
"""A function of a case, or of a case and a `RunContext`, that returns text or a `ChatResult`; or an agent."""

# A chat that is stopped ends by itself; after this time it is abandoned.
GRACE = 5.0  # seconds


@dataclass
class RunContext:
    """The surroundings of a run, for the system under test.

    Attributes:
        case: Case.
        repetition: Number of the repetition, from 0.
        seed: Number that is the same in each run of this case and repetition.
        work_dir: Empty folder of the run, with the files of the case.
        llm_config: Config of the models; None if there is none.
        isolation: Isolation of programs.
        logger: Logger, whose records of a process are in the run's log.
    """

    case: Case
    repetition: int
    seed: int
    work_dir: Path
    llm_config: dict[str, Any] | None = field(default=None, repr=False)
    isolation: str = "none"
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("autogen.bench"), repr=False)

    @cached_property
    def executor(self) -> CodeExecutor:
        """Executor for programs that models write, in the isolation of the run. It is made on first use."""
        return make_executor(self.isolation, self.work_dir)

    def close(self) -> None:
        """Stop the executor, if there is one."""
        executor = self.__dict__.pop("executor", None)
        stop = getattr(executor, "stop", None)
        if stop is not None:
            stop()


@dataclass
class Outcome:
    """Result of a run, before it is scored. All of it is JSON."""

    text: str = ""
    value: Any = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str | None = None
    error: str | None = None
    error_text: str = ""
    turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        return asdict(self)


def make_seed(seed: int, case_id: str, repetition: int) -> int:
    """Return the seed of a run: the same for the same case and repetition, whatever else runs."""
    return int(hashlib.sha256(f"{seed}:{repetition}:{case_id}".encode()).hexdigest()[:7], 16)


def prepare_work_dir(folder: Path, case: Case) -> Path:
    """Make an empty work directory with the files of a case. That of an earlier, unfinished run is deleted."""
    work_dir = folder / "work"
    if work_dir.exists():
        shutil.rmtree(work_dir)
    work_dir.mkdir(parents=True)
    for name, text in case.files.items():
        path = work_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, Path):
            shutil.copyfile(text, path)
        else:
            path.write_text(text, encoding="utf-8")
    return work_dir


def run_system(
    system: System, context: RunContext, limits: Limits, *, abandons: bool, replies: ReplyFile | None = None
) -> Outcome:
    """Let a system answer a case.

    Args:
        system: The system.
        context: Surroundings.
        limits: Limits.
        abandons: Whether a system that does not end at its time limit is left running in its thread. Otherwise the caller
            kills the process.
        replies: File in which the responses of models are recorded, or from which they come.
    """
    watch = _Watch(limits, replies)
    started = time.monotonic()
    try:
        if abandons and limits.seconds is not None:
            result = run_with_timeout(limits.seconds + GRACE, watch.call, system, context)
        else:
            result = watch.call(system, context)
        _take_result(watch.outcome, result)
    except (ChatStopped, CallTimeout):
        watch.outcome.stop_reason = "limit"
    except BudgetExceeded as error:
        watch.outcome.stop_reason, watch.outcome.error_text = "budget", _format_error(error)
    # A system is the user's program: a failure is a result of the benchmark, too.
    except Exception as error:  # noqa: BLE001
        watch.outcome.error, watch.outcome.error_text = type(error).__name__, _format_error(error)
        watch.outcome.stop_reason = "error"
    finally:
        context.close()
    watch.outcome.seconds = time.monotonic() - started
    watch.finish()
    return watch.outcome


class _Watch:
    """Limits of a run, and the record of what happens in it."""

    def __init__(self, limits: Limits, replies: ReplyFile | None) -> None:
        self.outcome = Outcome()
        self._limits = limits
        self._replies = replies
        self._control = ChatControl(deadline=limits.seconds)
        self._ledger: UsageLedger | None = None
        self._limit: str | None = None

    def call(self, system: System, context: RunContext) -> Any:
        """Call the system under the limits."""
        with ExitStack() as stack:
            stack.enter_context(controlled_by(self._control))
            stack.enter_context(use_reply_file(self._replies))
            budget = {"max_cost": self._limits.cost, "max_tokens_total": self._limits.tokens}
            self._ledger = stack.enter_context(enter_chat_budget(budget))
            stack.enter_context(subscribe(self._note_message, types=[MessageSent]))
            return _call_system(system, context)

    def _note_message(self, event: AnyEvent) -> None:
        if not isinstance(event, MessageSent):
            return
        self.outcome.turns += 1
        message = {"sender": event.sender, "recipient": event.recipient, "message": to_jsonable(event.message)}
        self.outcome.messages.append(redact(message))
        if self._limits.turns is not None and self.outcome.turns >= self._limits.turns:
            self._limit = "turns"
            self._control.stop()

    def finish(self) -> None:
        """Fill in usage, and name the limit that ended the run."""
        outcome = self.outcome
        if outcome.stop_reason in ("limit", "stopped") and self._control.is_stopped:
            outcome.stop_reason = self._limit or "time"
        elif outcome.stop_reason == "limit":
            outcome.stop_reason = "time"
        ledger = self._ledger
        if ledger is None or not ledger.total:
            return
        for model, usage in ledger.total.items():
            if isinstance(usage, Mapping):
                outcome.models.append(model)
                outcome.prompt_tokens += usage["prompt_tokens"]
                outcome.completion_tokens += usage["completion_tokens"]
        # Replies from a cache or a record were not paid now.
        outcome.cost = float(ledger.actual["total_cost"]) if ledger.actual else 0.0
        outcome.unpriced = sorted(ledger.unpriced)


def _call_system(system: System, context: RunContext) -> Any:
    if isinstance(system, ConversableAgent):
        return _ask_agent(system, context.case.input)
    arguments = (context.case, context) if takes_context(system) else (context.case,)
    if is_coroutine_function(system):
        return run_coroutine(lambda: system(*arguments))
    return system(*arguments)


def _ask_agent(agent: ConversableAgent, text: str) -> ChatResult:
    # Runs share nothing: each gets an agent without a history.
    user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", code_execution_config=False, silent=True)
    return user.initiate_chat(agent.clone(), message=text, max_turns=1, silent=True)


def takes_context(system: Callable[..., Any]) -> bool:
    """Return True if a system is called with a context, too.

    Raises:
        ValueError: if it takes neither one nor two positional arguments.
    """
    parameters = inspect.signature(system).parameters.values()
    positional = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    required = [item for item in positional if item.default is item.empty]
    # A wrapper that passes everything on.
    if any(item.kind is item.VAR_POSITIONAL for item in parameters):
        return True
    if not positional or len(required) > 2:
        raise ValueError(f"A system must be a function of a case, or of a case and a context, got {system!r}.")
    return len(positional) >= 2


def _take_result(outcome: Outcome, result: Any) -> None:
    if isinstance(result, ChatResult):
        outcome.text = _get_answer(result)
        outcome.value = redact(to_jsonable(result.value))
        outcome.stop_reason = result.stop_reason.value if result.stop_reason else None
    elif isinstance(result, str):
        outcome.text = result
    else:
        raise TypeError(f"A system must return text or a ChatResult, got {type(result).__name__}.")
    outcome.text = redact(outcome.text)


def _get_answer(result: ChatResult) -> str:
    """Return the summary, or the last text of the history."""
    if isinstance(result.summary, str) and result.summary.strip():
        return result.summary
    for message in reversed(result.chat_history or []):
        content = message.get("content")
        if isinstance(content, str) and content.strip():
            return content
    return ""


def _format_error(error: BaseException) -> str:
    return str(redact(f"{type(error).__name__}: {error}"))[:2000]
