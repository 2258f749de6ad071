"""The results of a run: iterators, dead letters, sums, tables."""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .._folders import replace_file
from .._jsonable import to_jsonable
from .._secrets import redact
from .._threads import GRACE, CallTimeout
from ..agentchat import ChatResult
from ..agentchat.chat import StopReason

if TYPE_CHECKING:
    from ._items import Entry


Pair: TypeAlias = tuple[Any, Any]
"""An item, and its `ChatResult` (or whatever the chat function returns) or `ChatFailure`."""

Row: TypeAlias = dict[str, Any]
"""A row of the table of results: plain values by the names of the columns."""


class ChatFailure(RuntimeError):
    """The failure of an item, in place of its result.

    Attributes:
        item_id: Id of the item.
        kind: Name of the type of the error, such as `TimeoutError`.
        text: Text of the error, with secrets masked.
        attempts: Number of attempts; 0 if there was none, because the budget was spent.
    """

    def __init__(self, item_id: str, kind: str, text: str, attempts: int) -> None:
        self.item_id, self.kind, self.text, self.attempts = item_id, kind, text, attempts
        times = "once" if attempts == 1 else f"{attempts} times"
        state = f"has failed {times}" if attempts else "was not started"
        super().__init__(f"The item {item_id!r:.100} {state}: {kind}: {text}")

    @classmethod
    def from_error(cls, item_id: str, error: BaseException, attempts: int) -> ChatFailure:
        """Make the failure of an item that ended with an error, which becomes its cause."""
        kind = TimeoutError.__name__ if isinstance(error, CallTimeout) else type(error).__name__
        failure = cls(item_id, kind, str(redact(str(error))), attempts)
        failure.__cause__ = error
        return failure

    def __reduce__(self) -> tuple[type[ChatFailure], tuple[str, str, str, int]]:
        # The default passes the message as the only argument.
        return type(self), (self.item_id, self.kind, self.text, self.attempts)


class Outcome(NamedTuple):
    """The end of an item.

    Attributes:
        entry: The item.
        result: Return value of the chat function, or the failure.
        attempts: Number of attempts.
        seconds: Time that all of them took.
        cost: Cost of its requests in USD.
        tokens: Their tokens.
    """

    entry: Entry
    result: Any
    attempts: int
    seconds: float
    cost: float
    tokens: int


@dataclass(frozen=True)
class RunSummary:
    """The sums of a run.

    Attributes:
        items: Number of items that were done, failed or wait.
        done: Number of those that have a result.
        failed: Number of failures.
        waiting: Number of chats that wait for an answer.
        cost: Cost in USD.
        tokens: Tokens of requests and responses.
        seconds: Quantiles of the time of an item, in seconds: `50%`, `90%`, `99%`, `max`.
        errors: Number of failures by the type of the error.
    """

    items: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    cost: float = 0.0
    tokens: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{self.items:,} items: {self.done:,} done", f"{self.failed:,} failed"]
        if self.waiting:
            parts.append(f"{self.waiting:,} waiting")
        parts.append(f"${self.cost:.4f}, {self.tokens:,} tokens")
        if self.seconds:
            parts.append(", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items()))
        errors = ", ".join(f"{kind}: {number}" for kind, number in self.errors.items())
        return "; ".join([*parts, *([errors] if errors else [])])


class Board:
    """The outcomes of a run while it is under way. Thread-safe.

    Attributes:
        finished: Outcomes in the order in which they came.
        error: Error that ended the run; None if there is none.
        is_started: True once somebody has read the results.
        is_over: True when nothing more comes.
        ended: Set when no chat is under way any more, and the checkpoint is closed.
        total: Number of items; None if it is not known.
    """

    def __init__(self, total: int | None) -> None:
        self.finished: list[Outcome] = []
        self.by_position: dict[int, Outcome] = {}
        self.error: BaseException | None = None
        self.is_started = False
        self.is_over = False
        self.ended = threading.Event()
        self.total = total
        self._lock = threading.Lock()
        self._wakers: dict[object, Callable[[], object]] = {}

    def add(self, outcome: Outcome) -> None:
        """Add an outcome, and wake its readers."""
        with self._lock:
            self.finished.append(outcome)
            self.by_position[outcome.entry.position] = outcome
        self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """Mark the run as over, with its error if there is one."""
        self.error = self.error or error
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        for wake in list(self._wakers.values()):
            wake()

    @contextmanager
    def wake_by(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call a function at each change, during a `with` block."""
        key = object()
        self._wakers[key] = wake
        try:
            yield
        finally:
            del self._wakers[key]

    def get(self, position: int, *, is_ordered: bool) -> Outcome | None:
        """Return the outcome at a position, in the order of the items or of their ends; None if it is not there yet."""
        if is_ordered:
            return self.by_position.get(position)
        return self.finished[position] if position < len(self.finished) else None


class Results:
    """The results of `map_chats`, in both variants: sums, tables and dead letters, when all chats are over."""

    def __init__(self, board: Board, start: Callable[[], None], stop: Callable[[], None], options: ResultOptions) -> None:
        self._board = board
        self._start_run = start
        self._stop_run = stop
        self._options = options
        self._finalizer = weakref.finalize(self, _abandon, board, stop)
        # The threads are daemons.
        self._finalizer.atexit = False

    def _start(self) -> None:
        if not self._board.is_started:
            self._board.is_started = True
            self._start_run()

    def stop(self) -> None:
        """Stop the chats that are under way; no more are started. A sync chat without a control of the run is abandoned."""
        if not self._board.is_over:
            self._stop_run()
        self._board.is_started = True

    def _require_end(self) -> list[Outcome]:
        """Return the outcomes, in the order of the items."""
        if not self._board.is_over:
            raise RuntimeError("The chats are not over: read the results to the end, or await them.")
        if self._board.error is not None:
            raise self._board.error
        return [self._board.by_position[position] for position in sorted(self._board.by_position)]

    @property
    def dead_letters(self) -> list[tuple[Any, ChatFailure]]:
        """The items that failed, with their failures; see `retry`."""
        return [(done.entry.item, done.result) for done in self._require_end() if isinstance(done.result, ChatFailure)]

    def summary(self) -> RunSummary:
        """Return numbers of items, cost, tokens and times.

        Raises:
            Exception: The error that ended the run.
        """
        outcomes = self._require_end()
        failures = [done.result for done in outcomes if isinstance(done.result, ChatFailure)]
        waiting = sum(map(is_waiting, outcomes))
        return RunSummary(
            items=len(outcomes),
            done=len(outcomes) - len(failures) - waiting,
            failed=len(failures),
            waiting=waiting,
            cost=sum(done.cost for done in outcomes),
            tokens=sum(done.tokens for done in outcomes),
            seconds=_compute_quantiles([done.seconds for done in outcomes if done.attempts]),
            errors=dict(Counter(failure.kind for failure in failures).most_common()),
        )

    def to_table(self) -> list[Row]:
        """Return a row for each item, of plain values: `pandas.DataFrame(results.to_table())` makes a data frame of it."""
        return [_make_row(done) for done in self._require_end()]

    def to_jsonl(self, path: str | Path) -> None:
        """Write a line of JSON for each item: its row of the table, with the whole `item` and `result`.

        Raises:
            OSError: if the file can't be written.
        """
        outcomes = self._require_end()
        with replace_file(Path(path)) as file:
            for done in outcomes:
                result = done.result.to_dict() if isinstance(done.result, ChatResult) else done.result
                shown = None if isinstance(result, ChatFailure) else to_jsonable(result)
                line = {**_make_row(done), "item": to_jsonable(done.entry.item), "result": shown}
                file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

    def __len__(self) -> int:
        return len(self._board.finished)

    def __repr__(self) -> str:
        total = "" if self._board.total is None else f" of {self._board.total}"
        state = "over" if self._board.is_over else "under way" if self._board.is_started else "not started"
        return f"{type(self).__name__}({len(self)}{total} items, {state})"


class ResultOptions(NamedTuple):
    """Options of results.

    Attributes:
        is_ordered: True for the order of the items, False for that of their ends.
        show_progress: Makes a context manager that shows the progress, and yields a function that updates it.
        retry: Makes the results of a run of failed items.
    """

    is_ordered: bool
    show_progress: Callable[[Board], Any]
    retry: Callable[[list[Entry]], Any]


class ChatResults(Results):
    """The results of `map_chats`: an iterable of pairs of an item and its `ChatResult`, or its `ChatFailure`.

    The chats start when the results are first read. Leaving the loop stops them, as does `stop`, or the end of a `with`
    block. Read again, the results come from memory.
    """

    def __iter__(self) -> Iterator[Pair]:
        self._start()
        board, news = self._board, threading.Event()
        position = 0
        try:
            with board.wake_by(news.set), self._options.show_progress(board) as update:
                while True:
                    news.clear()
                    # Read first: outcomes that came before the end are still returned.
                    is_over = board.is_over
                    while (outcome := board.get(position, is_ordered=self._options.is_ordered)) is not None:
                        position += 1
                        yield outcome.entry.item, outcome.result
                    update()
                    if is_over:
                        break
                    news.wait()
        finally:
            self.stop()
        if board.error is not None:
            raise board.error

    def _require_end(self) -> list[Outcome]:
        if not self._board.is_over:
            for _ in self:
                pass
        return super()._require_end()

    def retry(self) -> ChatResults:
        """Return the results of another run, of the items that failed."""
        self._require_end()
        results: ChatResults = self._options.retry(_list_failed(self._board))
        return results

    def stop(self) -> None:
        """Stop the chats that are under way; no more are started. A sync chat without a control of the run is abandoned."""
        was_started = self._board.is_started
        super().stop()
        # Enough for chats that can be stopped, so that the next run can open the checkpoint.
        if was_started:
            self._board.ended.wait(GRACE)

    def __enter__(self) -> ChatResults:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class AsyncChatResults(Results):
    """Async version of `ChatResults`, for `async for`. `await results` waits for all of them."""

    async def __aiter__(self) -> AsyncIterator[Pair]:
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        self._start()
        board = self._board
        position = 0
        try:
            with board.wake_by(lambda: loop.call_soon_threadsafe(news.set)), self._options.show_progress(board) as update:
                while True:
                    news.clear()
                    is_over = board.is_over
                    while (outcome := board.get(position, is_ordered=self._options.is_ordered)) is not None:
                        position += 1
                        yield outcome.entry.item, outcome.result
                    update()
                    if is_over:
                        break
                    await news.wait()
        finally:
            self.stop()
        if board.error is not None:
            raise board.error

    def __await__(self) -> Generator[object, None, AsyncChatResults]:
        return self._read_all().__await__()

    async def _read_all(self) -> AsyncChatResults:
        if not self._board.is_over:
            async for _ in self:
                pass
        self._require_end()
        return self

    def retry(self) -> AsyncChatResults:
        """Return the results of another run, of the items that failed."""
        self._require_end()
        results: AsyncChatResults = self._options.retry(_list_failed(self._board))
        return results

    async def __aenter__(self) -> AsyncChatResults:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._board.finished:
            await asyncio.to_thread(self._board.ended.wait, GRACE)


def _abandon(board: Board, stop: Callable[[], None]) -> None:
    """Stop the run of results that were garbage-collected."""
    stop()
    if not board.is_started:
        message = "The results of map_chats were never read, so no chat has run. Read them, or call summary()."
        warnings.warn(message, ResourceWarning, stacklevel=2)


def is_waiting(outcome: Outcome) -> bool:
    """Return True if the chat of an item waits for an answer."""
    return isinstance(outcome.result, ChatResult) and outcome.result.stop_reason is StopReason.WAITING


def _list_failed(board: Board) -> list[Entry]:
    outcomes = (board.by_position[position] for position in sorted(board.by_position))
    return [done.entry for done in outcomes if isinstance(done.result, ChatFailure)]


def _compute_quantiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    # There are no quantiles of a single value.
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return {"50%": cuts[49], "90%": cuts[89], "99%": cuts[98], "max": max(seconds)}


def _make_row(outcome: Outcome) -> Row:
    entry, result = outcome.entry, outcome.result
    row: Row = {"id": entry.id, "item": entry.item if isinstance(entry.item, (str, int, float)) else None}
    failure = result if isinstance(result, ChatFailure) else None
    if isinstance(result, ChatResult):
        row["summary"] = result.summary if isinstance(result.summary, str) else to_jsonable(result.summary)
        row |= {"stop_reason": result.stop_reason and result.stop_reason.value, "messages": len(result.chat_history or ())}
    else:
        row |= {"summary": None if failure else to_jsonable(result), "stop_reason": None, "messages": None}
    return row | {
        "cost": outcome.cost,
        "tokens": outcome.tokens,
        "seconds": outcome.seconds,
        "attempts": outcome.attempts,
        "error": f"{failure.kind}: {failure.text}" if failure else None,
    }
