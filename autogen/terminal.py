"""A live view of chats on a terminal: who speaks, what it costs, what runs, what failed; and at the end the sums.

>>> import autogen.terminal
>>> with autogen.terminal.view():  # doctest: +SKIP
...     user.initiate_chat(assistant, message="Hello")
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from . import events
from ._event_formatter import EventFormatter, Line
from .io.base import IOStream, TimedInputStream

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["view"]

_one_at_a_time = threading.Lock()  # a terminal has one last line


@contextmanager
def view(console: Console | None = None, *, lines: int | None = None) -> Iterator[None]:
    """Show the chats of a `with` block, and not what agents print.

    It shows the chats that are begun in this context, with those that they begin in threads and tasks of their own. On a
    terminal the last line tells what is waited for. Elsewhere (a file, a pipe, a notebook) there are lines only. Questions
    to a human are asked as always, by the `IOStream` that was in use.

    Args:
        console: Where it is shown; standard output if None.
        lines: How many lines of a message are shown; None for all.

    >>> with autogen.terminal.view(lines=20):  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello")
    """
    shown = _View(console or Console(), lines)
    outer = IOStream.get_default()
    stream = (_TimedQuiet if isinstance(outer, TimedInputStream) else _Quiet)(shown, outer)
    with shown, IOStream.set_default(stream), events.subscribe(shown.hear, types=shown.kinds):
        yield


class _View:
    """What stands on the terminal."""

    def __init__(self, console: Console, lines: int | None) -> None:
        self._console = console
        self._scribe = EventFormatter(console.encoding, lines)
        self.kinds = self._scribe.handlers.keys()
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._asked: set[object] = set()  # questions to humans: the last line makes room for what they type
        self._printed: deque[str] = deque(maxlen=200)  # since the last event
        self._footer = _Footer(self._scribe)

    def __enter__(self) -> None:
        is_live = self._console.is_terminal and not self._console.is_jupyter and not self._console.is_dumb_terminal
        if is_live and _one_at_a_time.acquire(blocking=False):
            self._live = Live(self._footer, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            _one_at_a_time.release()
        dot = f" {self._scribe.symbols['dot']} "
        self._print(Line(0, Text(dot.join(self._scribe.totals.parts()), "bold")))

    def hear(self, event: events.Event) -> None:
        """Show an event."""
        with self._lock:
            self._printed.clear()
            for line in self._scribe.lines(event):
                self._print(line)
            if isinstance(event, events.HumanAsked):
                self._ask((event.chat, event.agent))
            elif isinstance(event, events.HumanAnswered):
                self._answered((event.chat, event.agent))
            elif isinstance(event, events.ChatEnded):
                for question in [one for one in self._asked if isinstance(one, tuple) and one[0] == event.chat]:
                    self._answered(question)

    def note(self, text: str) -> None:
        """An agent prints: it is not shown, unless a question follows that can't be understood without."""
        with self._lock:
            self._printed.append(text)

    @contextmanager
    def asking(self, prompt: str) -> Iterator[str]:
        """A human is asked within; gives the prompt as it can be shown."""
        question = object()
        with self._lock:
            self._ask(question)
            before = "".join(self._printed)
            self._printed.clear()
            if before.strip():
                self._print(Line(0, Text(self._scribe.clean(before).rstrip("\n"))))
        try:
            yield self._scribe.clean(prompt)
        finally:
            with self._lock:
                self._answered(question)

    def _ask(self, question: object) -> None:
        if not self._asked and self._live is not None:
            self._live.stop()
        self._asked.add(question)

    def _answered(self, question: object) -> None:
        was_asked = bool(self._asked)
        self._asked.discard(question)
        if was_asked and not self._asked and self._live is not None:
            self._live.start()

    def _print(self, line: Line) -> None:
        if self._console.is_terminal:
            self._console.print(Padding(line.text, (0, 0, 0, line.indent)), highlight=False)
            return
        for part in line.text.split("\n", allow_blank=True):  # nothing is wrapped
            self._console.print(Text(" " * line.indent if part else "") + part, highlight=False, soft_wrap=True)


class _Footer:
    """The last line, which tells what is waited for."""

    def __init__(self, scribe: EventFormatter) -> None:
        self._scribe = scribe
        self._spinner = Spinner("dots")

    def __rich__(self) -> RenderableType:
        dot = f" {self._scribe.symbols['dot']} "
        waits = list(self._scribe.going_on.values())
        told = dot.join(f"{text} {time.monotonic() - since:.0f} s" for text, since in waits[:3])
        if len(waits) > 3:
            told += f"{dot}{len(waits) - 3} more"
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(
            self._spinner if waits else "", Text(told, "italic"), Text(dot.join(self._scribe.totals.brief()), "dim")
        )
        return grid


class _Quiet(IOStream):
    """The stream of the agents while a view is on."""

    def __init__(self, shown: _View, outer: IOStream) -> None:
        self._shown = shown
        self._outer = outer

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print nothing: the view shows it by its event."""
        self._shown.note(sep.join(map(str, objects)) + end)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask where agents asked before."""
        with self._shown.asking(prompt) as clean:
            return self._outer.input(clean, password=password)


class _TimedQuiet(_Quiet):
    """The same, around a stream that can give up waiting."""

    _outer: Any

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask where agents asked before, for so many seconds."""
        with self._shown.asking(prompt) as clean:
            return self._outer.input_within(seconds, clean)  # type: ignore[no-any-return]
