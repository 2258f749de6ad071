"""The execution of a run: one team works on one task, and reports by messages. It happens in a thread or in a worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from .. import events
from .._journal import Pending
from .._secrets import redact
from .._teams import run_team
from ..agentchat import ChatResult
from ..control import ChatControl, ChatStopped, ChatWaiting
from ..exception_utils import BudgetExceeded
from ..io import IOStream
from ..io.base import StreamClosed
from ..operations import SQLiteStore
from ..types import Message

JSON: TypeAlias = dict[str, Any]
"""An object of JSON."""

Send: TypeAlias = Callable[[JSON], None]
"""A function that gets the messages of an execution, from any thread. Each is JSON, and has a `kind`:

- `event` and `number`: an event that is numbered;
- `token`: a piece of a streamed response, which has no number;
- `cut`: the events from a `number` on have not happened, because an unfinished step is made again;
- `question`: a question to a human; `answered`: it needs no answer any more;
- `result` or `failure`: the end.
"""


@dataclass(frozen=True)
class Job:
    """A task for a team.

    Attributes:
        task: The task.
        history: Messages of the conversation before it.
        checkpoint: File of the chat; None for none.
        deadline: Time limit in seconds; None for no limit.
        max_cost: Limit of the cost in USD; None for no limit.
        wait: Seconds for which a question waits before the chat is left, with a checkpoint; None to wait on.
        wants_events: False if nobody reads events, which saves time.
    """

    task: str
    history: list[Message] = field(default_factory=list)
    checkpoint: str | None = None
    deadline: float | None = None
    max_cost: float | None = None
    wait: float | None = None
    wants_events: bool = True

    def to_dict(self) -> JSON:
        """Return the job as JSON, which are the arguments of another one."""
        return asdict(self)


class Execution:
    """The execution of a job.

    Args:
        make_team: Makes the team.
        job: The job.
        send: Gets the messages.
    """

    def __init__(self, make_team: Callable[[], Any], job: Job, send: Send) -> None:
        self._make_team = make_team
        self._job = job
        self._report = send
        self._control = ChatControl(deadline=job.deadline)
        self._stream = _QuestionStream(send, None if job.checkpoint is None else job.wait)
        self._count = 0

    def run(self) -> None:
        """Run the chat to its end, and report it. Raises nothing."""
        try:
            result = self._run()
        except BudgetExceeded as error:
            # A team may be over its own budget, too: there is a result up to there.
            if isinstance(error.result, ChatResult):
                self._report({"kind": "result", "result": error.result.to_dict(), "text": str(error)})
            else:
                self._fail(error)
        except (ChatStopped, StreamClosed) as error:
            self._report({"kind": "failure", "type": "stopped", "text": str(error)})
        # The server must hear of it, whatever it is.
        except BaseException as error:  # noqa: BLE001
            self._fail(error)
        else:
            self._report({"kind": "result", "result": result.to_dict()})

    def _run(self) -> ChatResult:
        job = self._job
        options: JSON = {"control": self._control}
        if job.max_cost is not None:
            options["max_cost"] = job.max_cost
        with ExitStack() as stack:
            stack.enter_context(IOStream.set_default(self._stream))
            if job.checkpoint is not None:
                options["checkpoint"] = _ReportingStore(job.checkpoint, self._report)
                stack.enter_context(events.subscribe(self._report_token, types=events.TokenReceived))
            elif job.wants_events:
                stack.enter_context(events.subscribe(self._report_event))
            return run_team(self._make_team(), job.task, job.history, **options)

    def _fail(self, error: BaseException) -> None:
        self._report({"kind": "failure", "type": type(error).__name__, "text": str(redact(str(error)))})

    def _report_event(self, event: events.AnyEvent) -> None:
        if isinstance(event, events.TokenReceived):
            self._report_token(event)
            return
        self._count += 1
        self._report({"kind": "event", "number": self._count, "event": event.to_dict()})

    def _report_token(self, event: events.AnyEvent) -> None:
        self._report({"kind": "token", "event": event.to_dict()})

    def handle(self, command: Mapping[str, Any]) -> None:
        """Execute a command: `{"kind": "answer", "id": ..., "text": ...}`, `pause`, `resume` or `stop`."""
        kind = command.get("kind")
        if kind == "answer":
            self._stream.answer(str(command["id"]), str(command["text"]))
        elif kind == "pause":
            self._control.pause()
        elif kind == "resume":
            self._control.resume()
        elif kind == "stop":
            self._control.stop()
            self._stream.close()


class _ReportingStore(SQLiteStore):
    """A checkpoint that reports the events that it stores: a replay brings none of them again."""

    def __init__(self, path: str | os.PathLike[str], send: Send) -> None:
        super().__init__(path)
        self._report = send

    def add_event(self, event: Mapping[str, Any]) -> int:
        number = super().add_event(event)
        self._report({"kind": "event", "number": number, "event": dict(event)})
        return number

    def delete_events(self, first: int) -> None:
        super().delete_events(first)
        self._report({"kind": "cut", "number": first})


class _QuestionStream(IOStream):
    """A stream that prints nothing, and passes questions on. Thread-safe."""

    def __init__(self, send: Send, wait: float | None) -> None:
        self._report = send
        self._wait = wait
        self._lock = threading.Lock()
        self._is_closed = False
        self._open: dict[str, tuple[threading.Event, list[str]]] = {}

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print nothing: readers get events."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Refuse a question of the program's own: there is nobody at a console."""
        raise StreamClosed(f"A served team has no console to ask {prompt!r:.200} on: ask as an agent does.")

    def ask_question(self, question: Pending) -> str:
        """Pass a question on, and wait for its answer.

        Raises:
            ChatWaiting: if it is left open.
            StreamClosed: if the run is stopped.
        """
        news, answers = threading.Event(), list[str]()
        with self._lock:
            if self._is_closed:
                raise StreamClosed("The run was stopped.")
            self._open[question.id] = news, answers
        self._report({"kind": "question", "question": question.to_dict()})
        try:
            news.wait(self._wait)
        finally:
            with self._lock:
                self._open.pop(question.id, None)
        if answers:
            self._report({"kind": "answered", "id": question.id})
            return answers[0]
        if self._is_closed:
            raise StreamClosed("The run was stopped.")
        signal = ChatWaiting(f"an answer for {question.agent}: {question.prompt.strip()}")
        signal.pending.append(question)
        raise signal

    def answer(self, question_id: str, text: str) -> None:
        """Answer a question; no-op if it is not open here any more."""
        with self._lock:
            if entry := self._open.get(question_id):
                entry[1].append(text)
                entry[0].set()

    def close(self) -> None:
        """End all questions."""
        with self._lock:
            self._is_closed = True
            for news, _ in self._open.values():
                news.set()
