"""A run: a task that a team works on, its events, its questions and its result."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..agentchat import ChatResult
from ..agentchat.chat import StopReason
from ..types import Message
from ._execution import JSON
from ._hosts import Host

QUEUED, RUNNING, WAITING, DONE, FAILED, STOPPED = "queued", "running", "waiting", "done", "failed", "stopped"

_OVER = (DONE, FAILED, STOPPED)
# For a reader that does not read: more pieces of responses are dropped.
_MAX_TOKENS = 2_000
# Without a checkpoint, events are in memory alone.
_MAX_EVENTS = 20_000


class RunEvent(NamedTuple):
    """An event of a run.

    Attributes:
        number: Its number, after which a reader can go on; None for pieces of responses, which are not kept.
        event: The event, as `Event.to_dict` returns it.
    """

    number: int | None
    event: JSON


@dataclass(frozen=True)
class RunRequest:
    """A task for a team.

    Attributes:
        team: Name of the team.
        task: The task.
        history: Messages of the conversation before it.
        deadline: Time limit in seconds; None for no limit.
        max_cost: Limit of the cost in USD; None for no limit.
    """

    team: str
    task: str
    history: list[Message] = field(default_factory=list)
    deadline: float | None = None
    max_cost: float | None = None


class Run:
    """A task that a team works on. It belongs to the event loop of its `Runs`, which makes it.

    Attributes:
        id: Its id.
        request: The task.
        status: `queued`, `running`, `waiting` (for the answer of a human, without a process), `done`, `failed` or `stopped`.
        result: The result; None before the end, and after a failure.
        error: The failure, as `type` and `text`; None without one.
        questions: Open questions, as `Pending.to_dict` returns them, by id.
        started_at: Time of the request, in seconds since 1970.
        ended_at: Time of the end; None before.
    """

    def __init__(self, request: RunRequest, run_id: str | None = None) -> None:
        self.id = run_id or uuid.uuid4().hex
        self.request = request
        self.status = QUEUED
        self.result: ChatResult | None = None
        self.error: dict[str, str] | None = None
        self.questions: dict[str, JSON] = {}
        self.started_at = time.time()
        self.ended_at: float | None = None
        self.is_paused = False
        self.is_stopping = False
        # The server ends, and the next one continues the run.
        self.is_suspended = False
        self.host: Host | None = None
        self.task: asyncio.Task[None] | None = None
        self.wants_events = True
        self.key: str | None = None
        self.owner: str | None = None
        self.on_end: Callable[[Run], None] = _do_nothing
        self._events: list[JSON] = []
        # Number of events that were dropped from the front of the list.
        self._dropped = 0
        self._readers: set[_Reader] = set()

    @property
    def is_over(self) -> bool:
        """True if nothing more happens."""
        return self.status in _OVER

    @property
    def cost(self) -> float:
        """The cost in USD; 0 before the end."""
        usage = self.result.cost if self.result is not None and self.result.cost else None
        return float(usage["usage_excluding_cached_inference"]["total_cost"]) if usage else 0.0

    @property
    def text(self) -> str:
        """The answer, or the questions if there are any."""
        if self.questions:
            return "\n".join(str(question["prompt"]) for question in self.questions.values())
        summary = None if self.result is None else self.result.to_dict()["summary"]
        if isinstance(summary, dict):
            return str(summary.get("content") or "")
        return "" if summary is None else str(summary)

    def count_tokens(self) -> tuple[int, int]:
        """Return the tokens of requests and of responses, of all models; zeros before the end."""
        usage: Any = self.result.cost if self.result is not None and self.result.cost else {}
        models = (usage.get("usage_excluding_cached_inference") or {}).values()
        sums = [model for model in models if isinstance(model, dict)]
        return sum(model["prompt_tokens"] for model in sums), sum(model["completion_tokens"] for model in sums)

    def to_dict(self) -> JSON:
        """Return the state of the run as JSON, with the result but without the history."""
        prompt_tokens, completion_tokens = self.count_tokens()
        result = self.result
        return {
            "id": self.id,
            "team": self.request.team,
            "task": self.request.task,
            "status": self.status,
            "paused": self.is_paused,
            "summary": None if result is None else result.to_dict()["summary"],
            "stop_reason": None if result is None or result.stop_reason is None else result.stop_reason.value,
            "error": self.error,
            "pending": list(self.questions.values()),
            "cost": self.cost,
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "events": self.event_count,
        }

    @property
    def event_count(self) -> int:
        """The number of the last event."""
        return self._dropped + len(self._events)

    def has_events_after(self, number: int) -> bool:
        """Return True if all events after a number are there."""
        return number >= self._dropped

    def list_events(self, after: int = 0) -> list[RunEvent]:
        """Return the events so far, those after a number.

        Args:
            after: Number of the last event that the reader has.
        """
        first = max(after, self._dropped)
        return [RunEvent(number, event) for number, event in enumerate(self._events[first - self._dropped :], first + 1)]

    def restore_events(self, recorded: list[JSON]) -> None:
        """Take on the events of an earlier process."""
        self._events = recorded
        self._dropped = 0

    def receive(self, message: JSON) -> None:
        """Take on a message of the execution."""
        kind = message["kind"]
        # A thread that was abandoned may report, too.
        if self.is_suspended or self.is_over:
            return
        if kind == "event":
            self._add_event(message["number"], message["event"])
        elif kind == "token":
            for reader in self._readers:
                reader.add_token(message["event"])
        elif kind == "cut":
            del self._events[max(message["number"] - 1 - self._dropped, 0) :]
        elif kind == "question":
            self.questions[message["question"]["id"]] = message["question"]
        elif kind == "answered":
            self.questions.pop(message["id"], None)
        elif kind == "result":
            self._finish(message)
        elif kind == "failure":
            status = STOPPED if message["type"] == "stopped" else FAILED
            self.error = None if status == STOPPED else {"type": message["type"], "text": message["text"]}
            self._end(status)
        self.notify()

    def _add_event(self, number: int, event: JSON) -> None:
        # A resumed run counts on from its checkpoint.
        if number <= self._dropped:
            return
        del self._events[number - 1 - self._dropped :]
        self._events.append(event)
        if len(self._events) > _MAX_EVENTS:
            # Half at a time, because it takes as long as one.
            half = len(self._events) // 2
            del self._events[:half]
            self._dropped += half

    def _finish(self, message: JSON) -> None:
        self.result = result = ChatResult.from_dict(message["result"])
        if result.stop_reason is StopReason.WAITING:
            self.status = WAITING
            self.questions = {question.id: question.to_dict() for question in result.pending}
        else:
            self._end(STOPPED if result.stop_reason is StopReason.STOPPED and self.is_stopping else DONE)

    def _end(self, status: str) -> None:
        self.status = status
        self.questions = {}
        self.ended_at = time.time()
        self.on_end(self)

    def notify(self) -> None:
        """Wake all readers."""
        for reader in self._readers:
            reader.news.set()

    async def read_events(
        self, after: int = 0, *, tokens: bool = False, until_question: bool = False
    ) -> AsyncIterator[RunEvent]:
        """Yield the events, from the first or after a number, until the run is over.

        Args:
            after: Number of the last event that the reader has.
            tokens: True to yield pieces of streamed responses, too, joined if the reader is slow.
            until_question: True to end also when the run has a question.

        Raises:
            LookupError: if the events after that number were dropped.
        """
        if not self.has_events_after(after):
            raise LookupError(f"The run has no events before {self._dropped + 1} any more.")
        reader = _Reader(tokens)
        self._readers.add(reader)
        try:
            while True:
                reader.news.clear()
                is_over = self.is_over or (until_question and bool(self.questions))
                while after < self.event_count:
                    # A step that is made again has cut events off.
                    after = max(after, self._dropped)
                    event = self._events[after - self._dropped]
                    after += 1
                    for piece in reader.take_tokens():
                        yield RunEvent(None, piece)
                    yield RunEvent(after, event)
                for piece in reader.take_tokens():
                    yield RunEvent(None, piece)
                after = min(after, self.event_count)
                if is_over:
                    return
                await reader.news.wait()
        finally:
            self._readers.discard(reader)

    async def wait(self, *, for_questions: bool = False) -> None:
        """Wait for the end of the run.

        Args:
            for_questions: True to return also when it has a question.
        """
        reader = _Reader(False)
        self._readers.add(reader)
        try:
            while not (self.is_over or (for_questions and self.questions)):
                reader.news.clear()
                await reader.news.wait()
        finally:
            self._readers.discard(reader)


def _do_nothing(run: Run) -> None:
    """Leave a run alone that belongs to no `Runs`."""


class _Reader:
    """Somebody who reads a run.

    Attributes:
        news: Set when something has changed.
    """

    def __init__(self, wants_tokens: bool) -> None:
        self.news = asyncio.Event()
        self._wants_tokens = wants_tokens
        self._pieces: deque[JSON] = deque()

    def add_token(self, event: JSON) -> None:
        """Keep a piece of a response; it is joined to the last one of the same response that was not read yet."""
        if not self._wants_tokens:
            return
        last = self._pieces[-1] if self._pieces else {}
        if all(last.get(key) == event.get(key) for key in ("type", "operation", "kind", "tool")):
            self._pieces[-1] = {**last, "delta": last["delta"] + event["delta"]}
        # The whole response comes with its event.
        elif len(self._pieces) < _MAX_TOKENS:
            self._pieces.append(event)

    def take_tokens(self) -> list[JSON]:
        """Return the pieces that were not read yet."""
        pieces = list(self._pieces)
        self._pieces.clear()
        return pieces
