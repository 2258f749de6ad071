"""`map_chats`: a chat for each item of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._mistakes import suggest
from .._teams import is_document, load_factory, run_team
from ..agentchat import ChatResult
from ..oai._usage.ledger import Budget
from ._drivers import TaskDriver, ThreadDriver
from ._items import Entry, list_entries
from ._mapping import ChatFunction, ChatMapping, ChatRun, RunOptions
from ._progress import show_nothing, show_progress
from ._result_store import ResultStore
from ._results import AsyncChatResults, Board, ChatFailure, ChatResults, ResultOptions

if TYPE_CHECKING:
    from ..specs import Consent

__all__ = ["AsyncChatResults", "ChatFailure", "ChatResults", "ChatRun", "a_map_chats", "map_chats"]

_ON_ERROR = ("record", "raise")


@dataclass(frozen=True)
class _Request:
    """The arguments of `map_chats`, checked."""

    items: Iterable[Any]
    function: ChatFunction
    options: RunOptions
    budget: Budget | None
    store: ResultStore | None
    is_ordered: bool
    progress: bool
    entries: tuple[Entry, ...] = ()
    redo: bool = False

    def make_board(self) -> Board:
        """Make a board for the outcomes."""
        items = self.entries if self.redo else self.items
        return Board(len(items) if isinstance(items, Sized) else None)

    def make_mapping(self, board: Board) -> ChatMapping:
        """Make the run."""
        return ChatMapping(self._list_entries, self.function, self.options, self.budget, self.store, board, redo=self.redo)

    def _list_entries(self) -> Iterator[Entry]:
        if self.redo:
            return iter(self.entries)
        return list_entries(self.items, is_durable=self.store is not None)

    def make_options(self, make_results: Callable[[_Request], object]) -> ResultOptions:
        """Make the options of the results.

        Args:
            make_results: Makes the results of a request.
        """

        def retry(entries: list[Entry]) -> object:
            numbered = tuple(entry._replace(position=index) for index, entry in enumerate(entries))
            return make_results(replace(self, entries=numbered, redo=True))

        return ResultOptions(self.is_ordered, show_progress if self.progress else show_nothing, retry)


def map_chats(
    items: Iterable[Any],
    chat: ChatFunction | str | Mapping[str, Any],
    *,
    limit: int = 100,
    checkpoint: str | Path | None = None,
    name: str | None = None,
    on_error: str = "record",
    retries: int = 1,
    timeout: float | None = None,
    budget: float | None = None,
    ordered: bool = True,
    progress: bool = True,
    consent: Consent | None = None,
) -> ChatResults:
    """Run a chat for each item, many at once in this process.

    Nothing is printed by the chats. They start when the results are first read.

    Args:
        items: The items; a generator is read as chats begin. With a checkpoint, an item is recognised by its `item["id"]`,
            or by its content.
        chat: Function `(item, run) -> ChatResult` that makes fresh agents and runs their chat; or its name, as
            `module:function`. Functions run in threads, coroutine functions in tasks. `run` is a `ChatRun`. Or a document of
            `autogen.specs`, or its file: an item is the task of its team, or has it as `item["task"]`.
        limit: Number of chats at once.
        checkpoint: File for the results. The same call then does nothing again that is done, and chats that pass
            `checkpoint=run.checkpoint` go on from their last step.
        name: Name of the run, which a checkpoint must have been made with; None for that of the function.
        on_error: `record` to make a failure the result of its item, `raise` to stop all chats and raise it.
        retries: Number of further attempts at an item that failed. A failure of the last is a dead letter.
        timeout: Time limit of a chat in seconds; None for no limit.
        budget: Limit for the cost of all chats in USD, those of earlier runs with this checkpoint included; None for no
            limit. When it is spent, the items that are left fail with `BudgetExceeded`, and are done when the call is made
            again with a larger one.
        ordered: True to yield results in the order of the items, False as they come.
        progress: True to show a bar in a terminal.
        consent: What a document may want of this machine; nothing by default.

    Returns:
        Pairs of an item and its `ChatResult`, or its `ChatFailure`; see `ChatResults`.

    Raises:
        ImportError: if there is no such module.
        SpecError: if the document has faults, or wants more than the consent permits.
        TypeError: if `chat` is not a function.
        ValueError: if an argument has an invalid value.

    Reading the results raises `ValueError` if two items have the same id, `TypeError` for an item that can't be recognised
    in another process, and `JournalError` if the checkpoint can't be used.

    >>> results = map_chats(questions, answer, checkpoint="answers.db", budget=5)  # doctest: +SKIP
    >>> print(results.summary())  # doctest: +SKIP
    1,000 items: 998 done; 2 failed; $3.1200, 812,377 tokens; 50% 2.11 s, 90% 4.70 s, 99% 9.02 s, max 12.37 s
    """
    return _make_results(_check(locals()))


def a_map_chats(
    items: Iterable[Any],
    chat: ChatFunction | str | Mapping[str, Any],
    *,
    limit: int = 100,
    checkpoint: str | Path | None = None,
    name: str | None = None,
    on_error: str = "record",
    retries: int = 1,
    timeout: float | None = None,
    budget: float | None = None,
    ordered: bool = True,
    progress: bool = True,
    consent: Consent | None = None,
) -> AsyncChatResults:
    """Async version of `map_chats`: read the results by `async for`, or await them. Tasks run in the reader's event loop."""
    return _make_async_results(_check(locals()))


def _make_results(request: _Request) -> ChatResults:
    board = request.make_board()
    mapping = request.make_mapping(board)
    options = request.make_options(_make_results)
    if mapping.is_async:
        tasks = TaskDriver(mapping)
        return ChatResults(board, tasks.start_thread, tasks.stop, options)
    threads = ThreadDriver(mapping)
    return ChatResults(board, threads.start, threads.stop, options)


def _make_async_results(request: _Request) -> AsyncChatResults:
    board = request.make_board()
    mapping = request.make_mapping(board)
    driver = TaskDriver(mapping) if mapping.is_async else ThreadDriver(mapping)
    start = driver.start_here if isinstance(driver, TaskDriver) else driver.start
    return AsyncChatResults(board, start, driver.stop, request.make_options(_make_async_results))


def _check(arguments: dict[str, Any]) -> _Request:
    """Check the arguments of `map_chats`.

    Raises:
        ImportError: There is no such module.
        TypeError: `chat` is not a function.
        ValueError: An argument has an invalid value.
    """
    limit, retries, timeout, budget = (arguments[key] for key in ("limit", "retries", "timeout", "budget"))
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a positive whole number, got {limit!r}.")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ValueError(f"retries must be a whole number, 0 or more, got {retries!r}.")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be positive (in seconds) or None, got {timeout!r}.")
    if arguments["on_error"] not in _ON_ERROR:
        hint = suggest(str(arguments["on_error"]), _ON_ERROR)
        raise ValueError(f"on_error must be 'record' or 'raise', got {arguments['on_error']!r}.{hint}")
    function, default_name = _find_function(arguments["chat"], arguments["consent"])
    checkpoint = arguments["checkpoint"]
    return _Request(
        items=arguments["items"],
        function=function,
        options=RunOptions(limit, arguments["on_error"], retries, timeout),
        budget=None if budget is None else Budget("run", {"max_cost": budget}),
        store=None if checkpoint is None else ResultStore(Path(checkpoint), arguments["name"] or default_name),
        is_ordered=bool(arguments["ordered"]),
        progress=bool(arguments["progress"]),
    )


def _find_function(chat: object, consent: Consent | None) -> tuple[ChatFunction, str]:
    """Return the chat function and its name.

    Raises:
        ImportError: There is no such module.
        TypeError: It is not a function.
        ValueError: The name has another form, or the module has no such function.
    """
    if is_document(chat):
        return _make_team_function(load_factory(chat, consent)), chat if isinstance(chat, str) else str(chat.get("name", ""))
    if isinstance(chat, str):
        module_name, _, function_name = chat.partition(":")
        if not (module_name and function_name):
            raise ValueError(f"chat must be a function or its name as 'module:function', got {chat!r}.")
        module = import_module(module_name)
        if not hasattr(module, function_name):
            names = [name for name in vars(module) if not name.startswith("_")]
            raise ValueError(f"The module {module_name} has no function {function_name!r}.{suggest(function_name, names)}")
        chat = getattr(module, function_name)
    if not callable(chat):
        raise TypeError(f"chat must be a function of an item and a run, got {chat!r:.100}.")
    name = f"{getattr(chat, '__module__', '')}:{getattr(chat, '__qualname__', type(chat).__qualname__)}"
    return chat, name


def _make_team_function(make_team: Callable[[], object]) -> ChatFunction:
    """Return a chat function in which a team works on the item."""

    def work(item: Any, run: ChatRun) -> ChatResult:
        task = item["task"] if isinstance(item, Mapping) else str(item)
        return run_team(make_team(), task, (), control=run.control, checkpoint=run.checkpoint)

    return work
