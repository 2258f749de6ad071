"""The run behind `map_chats`: it takes items, calls the chat function, retries, and records outcomes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from .._steps import Steps, invoke, is_coroutine_function, sync_and_async
from .._threads import CallTimeout
from ..agentchat import ChatResult
from ..control import ChatControl, ChatStopped, ChatWaiting, controlled_by
from ..exception_utils import BudgetExceeded
from ..oai._usage.ledger import Budget, compute_spending, enter_budgets
from ._items import Entry
from ._result_store import ResultStore
from ._results import Board, ChatFailure, Outcome, is_waiting

logger = logging.getLogger("autogen.distributed")

ChatFunction: TypeAlias = Callable[..., Any]
"""A chat function: of an item and a `ChatRun`, plain or coroutine."""

_Options: TypeAlias = MutableMapping[str, Any]


class _ItemLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # generic for type checkers alone in Python 3.10
    """A logger whose lines begin with the id of an item."""

    def process(self, msg: object, kwargs: _Options) -> tuple[str, _Options]:
        """Add the id to a line."""
        return f"[{(self.extra or {})['item']}] {msg}", kwargs


class ChatRun:
    """The call of a chat function for an item, as the function sees it.

    Attributes:
        item_id: Id of the item.
        attempt: Number of the attempt, from 1.
        checkpoint: File for the chat, to pass as `checkpoint=`, so that it goes on from its last step after a crash; None
            if the run has no checkpoint.
    """

    def __init__(self, item_id: str, attempt: int, checkpoint: Path | None) -> None:
        self.item_id = item_id
        self.attempt = attempt
        self.checkpoint = checkpoint
        self._control: ChatControl | None = None

    @property
    def control(self) -> ChatControl:
        """Control for the chat, to pass as `control=`: it stops the chat when the run is stopped."""
        if self._control is None:
            self._control = ChatControl()
        return self._control

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Logger whose lines begin with the id of the item."""
        return _ItemLogger(logger, {"item": self.item_id})

    def stop(self) -> None:
        """Stop the chats that have the control."""
        if self._control is not None:
            self._control.stop()


class RunOptions(NamedTuple):
    """Options of a run; see `map_chats`."""

    limit: int
    on_error: str
    retries: int
    timeout: float | None


@dataclass
class _Measure:
    """The time, cost and tokens of an item."""

    started: float
    budget: Budget
    attempts: int = 0

    def make_outcome(self, entry: Entry, result: object) -> Outcome:
        cost, tokens = compute_spending(self.budget.ledger)
        if not tokens and isinstance(result, ChatResult):
            cost, tokens = _read_result_cost(result)
        return Outcome(entry, result, self.attempts, time.perf_counter() - self.started, cost, tokens)


class ChatMapping:
    """A run of a chat function over items.

    Args:
        entries: The items.
        function: The chat function.
        options: The options.
        budget: Budget of all chats; None for no limit.
        store: Results of an earlier run; None without a checkpoint.
        board: Receives the outcomes.
        redo: True to run items again that have failed before.
    """

    def __init__(
        self,
        entries: Callable[[], Iterator[Entry]],
        function: ChatFunction,
        options: RunOptions,
        budget: Budget | None,
        store: ResultStore | None,
        board: Board,
        *,
        redo: bool,
    ) -> None:
        self.options = options
        self.board = board
        self.budget = budget
        self.is_async = is_coroutine_function(function)
        self._function, self._async_function = sync_and_async(function, seconds=options.timeout)
        if options.timeout is not None and not self.is_async:
            self._function, _ = sync_and_async(_control_call(function), seconds=options.timeout)
        self._store = store
        self._redo = redo
        self._make_entries = entries
        self._entries: Iterator[Entry] | None = None
        self._lock = threading.Lock()
        self._active: set[ChatRun] = set()
        self._is_stopped = False
        self._budget_error: BudgetExceeded | None = None
        self._resources = ExitStack()

    def open(self) -> None:
        """Open the checkpoint, and check the items.

        Raises:
            JournalError: The checkpoint can't be used.
            TypeError, ValueError: An item can't be identified.
        """
        if self._store is not None:
            spent, tokens = self._resources.enter_context(self._store.opened())
            if self.budget is not None and self.budget.ledger.before is None:
                self.budget.ledger.before = {
                    "total_cost": spent,
                    "": {"cost": spent, "prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
                }
        self._entries = self._make_entries()

    def take(self) -> Entry | None:
        """Return the next item that is not done yet; None if there are no more, or the run is stopped."""
        with self._lock:
            while not self._is_stopped and self._entries is not None:
                try:
                    entry = next(self._entries, None)
                    stored = None if entry is None or self._store is None else self._store.get(entry)
                except Exception as error:  # noqa: BLE001 - the reader of the results gets it
                    self._entries = None
                    self.board.error = error
                    return None
                if entry is None:
                    self._entries = None
                elif stored is not None and not (self._redo and isinstance(stored.result, ChatFailure)):
                    self.board.add(stored)
                else:
                    return entry
        return None

    def run_entry(self, entry: Entry) -> Steps[None]:
        """Run the chat of an item, and record its outcome."""
        measure = _Measure(time.perf_counter(), Budget("item", {}))
        budgets = (measure.budget,) if self.budget is None else (self.budget, measure.budget)
        try:
            with enter_budgets(*budgets):
                result = yield from self._attempt(entry, measure)
            self._record(measure.make_outcome(entry, result))
        # A stopped run has no outcome: the item is done when the run is started again.
        except (ChatStopped, asyncio.CancelledError):
            if not self._is_stopped:
                raise
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the reader of the results gets it
            self.stop(error)

    def _attempt(self, entry: Entry, measure: _Measure) -> Steps[object]:
        """Call the chat function until it succeeds, and return its result or the failure."""
        failure = None
        for attempt in range(1, self.options.retries + 2):
            if self._budget_error is not None:
                return failure or ChatFailure.from_error(entry.id, self._budget_error, 0)
            checkpoint = None if self._store is None else self._store.get_checkpoint(entry.id)
            run = ChatRun(entry.id, attempt, checkpoint)
            measure.attempts = attempt
            self._active.add(run)
            try:
                if self._is_stopped:
                    raise ChatStopped
                result = yield from invoke(self._function, self._async_function, entry.item, run)
                if self._store is not None:
                    self._store.check_value(result)
                return result
            except ChatStopped as error:
                if self._is_stopped:
                    raise
                failure = ChatFailure.from_error(entry.id, error, attempt)
            # Waiting longer, or another attempt, brings no answer.
            except ChatWaiting as error:
                return ChatFailure.from_error(entry.id, error, attempt)
            except BudgetExceeded as error:
                if error.owner == "run":
                    self._budget_error = error
                return ChatFailure.from_error(entry.id, error, attempt)
            except Exception as error:  # noqa: BLE001 - it is the result
                if isinstance(error, CallTimeout):
                    run.control.stop()
                failure = ChatFailure.from_error(entry.id, error, attempt)
            finally:
                self._active.discard(run)
        return failure

    def _record(self, outcome: Outcome) -> None:
        failure = outcome.result if isinstance(outcome.result, ChatFailure) else None
        # What the budget has stopped is done when the run is started again with a larger one.
        is_final = not is_waiting(outcome) and (failure is None or failure.kind != BudgetExceeded.__name__)
        if self._store is not None and is_final:
            self._store.add(outcome)
        if failure is not None and self.options.on_error == "raise":
            self.stop(failure)
        else:
            self.board.add(outcome)

    def stop(self, error: BaseException | None = None) -> None:
        """Start no more items, and stop the chats that are under way."""
        # Without the lock: the source of the items may block while it has it.
        self._is_stopped = True
        self.board.close(error)
        for run in list(self._active):
            run.stop()

    def close(self) -> None:
        """Close the checkpoint, and mark the run as over."""
        error: BaseException | None = None
        try:
            self._resources.close()
        except Exception as problem:  # noqa: BLE001 - the reader of the results gets it
            error = problem
        self.board.close(error)
        self.board.ended.set()


def _control_call(function: ChatFunction) -> ChatFunction:
    """Wrap a chat function, so that a time limit stops its chats also if they have no control."""

    def call(item: object, run: ChatRun) -> object:
        with controlled_by(run.control):
            return function(item, run)

    return call


def _read_result_cost(result: ChatResult) -> tuple[float, int]:
    """Return the cost and the tokens of a chat whose models keep no ledger."""
    # Programs may make results of their own, without a cost.
    usage: dict[str, Any] = dict(result.cost["usage_excluding_cached_inference"]) if result.cost else {}
    tokens = sum(model["total_tokens"] for model in usage.values() if isinstance(model, dict))
    return float(usage.get("total_cost", 0.0)), int(tokens)
