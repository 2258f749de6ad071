"""The progress of a run, as a bar in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ._results import Board, ChatFailure

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def show_progress(board: Board) -> Iterator[Callable[[], None]]:
    """Show a bar during a `with` block, if standard error is a terminal.

    Yields:
        A function that updates the bar.
    """
    # Imported where it is used, because it takes longer than the rest of this package.
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield partial(_update, progress, progress.add_task("chats", total=board.total), board)


@contextmanager
def show_nothing(board: Board) -> Iterator[Callable[[], None]]:
    """Show nothing during a `with` block."""
    yield lambda: None


def _update(progress: Progress, task: TaskID, board: Board) -> None:
    failed = sum(isinstance(outcome.result, ChatFailure) for outcome in board.finished)
    cost = sum(outcome.cost for outcome in board.finished)
    description = f"chats, ${cost:.2f}" + (f", {failed} failed" if failed else "")
    progress.update(task, completed=len(board.finished), description=description)
