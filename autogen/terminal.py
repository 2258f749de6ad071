"""A live view of chats on a terminal: messages, costs, tools, failures, and a summary at the end.

>>> import autogen.terminal
>>> with autogen.terminal.view():  # doctest: +SKIP
...     user.initiate_chat(assistant, message="Hello")
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.segment import Segment
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from . import events
from ._terminal.event_formatter import EventFormatter, Line
from ._terminal.markdown import StreamedReply
from .events._observations import HUMAN
from .io.base import InterruptibleInputStream, IOStream, TimedInputStream

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

__all__ = ["view"]

_ENDS_OF_REPLIES = (events.ModelAsked, events.ModelFailed, events.MessageSent, events.ChatEnded)
REFRESH_INTERVAL = 0.125  # seconds
# A terminal has one status line.
_status_line = threading.Lock()


@contextmanager
def view(console: Console | None = None, *, lines: int | None = None, markdown: bool = True) -> Iterator[None]:
    """Show the chats of a `with` block in place of the agents' own output.

    It shows the chats that are started in this context, and in threads and tasks started from it. A terminal has a status
    line that names running operations; a file, a pipe or a notebook has not. Questions to a human go to the `IOStream` of
    the surrounding code.

    Args:
        console: Console for the output; None for standard output.
        lines: Maximum number of lines of a message; None for all.
        markdown: True to render replies of models as Markdown on a terminal, also while they arrive.

    >>> with autogen.terminal.view(lines=20):  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello")
    """
    screen = _View(console or Console(), lines, markdown)
    outer = IOStream.get_default()
    stream = _choose_stream_class(outer)(screen, outer)
    with screen, IOStream.set_default(stream), events.subscribe(screen.listen, types=EventFormatter.KINDS):
        yield


class _View:
    """The output of a view: lines, and a status line if the console is a terminal."""

    def __init__(self, console: Console, lines: int | None, markdown: bool) -> None:
        self._console = console
        self._formatter = EventFormatter(console.encoding, lines, markdown and console.is_terminal)
        self._lock = threading.RLock()
        self._live: Live | None = None
        # Open questions to humans; the status line makes room for the answers.
        self._questions: set[object] = set()
        # Output of agents since the last event.
        self._output: deque[str] = deque(maxlen=200)
        self._status = _StatusLine(self._formatter)
        self._ended = threading.Event()

    def __enter__(self) -> None:
        is_live = self._console.is_terminal and not self._console.is_jupyter and not self._console.is_dumb_terminal
        if is_live and _status_line.acquire(blocking=False):
            # Rich's own thread refreshes while another one prints, and then erases lines that it shouldn't.
            self._live = Live(self._status, console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)
            threading.Thread(target=self._refresh, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with self._lock:
            if self._live is not None:
                self._live.stop()
                _status_line.release()
        self._print(Line(0, Text(self._formatter.join(self._formatter.summarize()), "bold")))

    def _refresh(self) -> None:
        """Redraw the status line until the view ends."""
        while not self._ended.wait(REFRESH_INTERVAL):
            with self._lock:
                if self._live is not None and self._live.is_started:
                    self._live.refresh()

    def listen(self, event: events.Event) -> None:
        """Show an event."""
        with self._lock:
            if isinstance(event, events.TokenReceived):
                if event.kind == "text":
                    self._receive_token(event)
                return
            self._output.clear()
            streamed = self._end_reply(event)
            lines, changed = self._formatter.format_event(event, streamed)
            for line in lines:
                self._print(line)
            for operation in changed:
                if operation.kind == HUMAN:
                    self._open_question(operation) if operation.is_open else self._close_question(operation)

    def _receive_token(self, event: events.TokenReceived) -> None:
        """Show a piece of a reply that arrives, if the console is a terminal."""
        if self._live is None or not event.delta:
            return
        reply = self._status.reply
        if reply is None:
            head = self._formatter.format_streamed_head(event.agent)
            self._print(head)
            reply = self._status.reply = StreamedReply(event.chat, event.agent, head.indent)
        # Of replies that arrive at the same time one is shown; the others are shown as messages.
        if (reply.chat, reply.agent) == (event.chat, event.agent):
            self._print_blocks(reply, reply.feed(event.delta))

    def _end_reply(self, event: events.Event) -> str | None:
        """Show the rest of the reply that an event ends, and return its text; None if it ends none."""
        reply = self._status.reply
        if reply is None or reply.chat != event.chat or not isinstance(event, _ENDS_OF_REPLIES):
            return None
        self._status.reply = None
        self._print_blocks(reply, reply.finish())
        return reply.text

    def _print_blocks(self, reply: StreamedReply, blocks: list[str]) -> None:
        for block in filter(str.strip, blocks):
            if reply.has_blocks:
                self._print(Line(0, Text()))
            reply.has_blocks = True
            self._print(self._formatter.format_reply(block, reply.indent))

    def note(self, text: str) -> None:
        """Keep a text that an agent prints: the question that follows may refer to it."""
        with self._lock:
            self._output.append(text)

    @contextmanager
    def ask(self, prompt: str) -> Iterator[str]:
        """Make room for the answer of a human in the `with` block, and yield the prompt in a printable form."""
        question = object()
        with self._lock:
            self._open_question(question)
            output = "".join(self._output)
            self._output.clear()
            if output.strip():
                self._print(Line(0, Text(self._formatter.clean(output).rstrip("\n"))))
        try:
            yield self._formatter.clean(prompt)
        finally:
            with self._lock:
                self._close_question(question)

    def _open_question(self, question: object) -> None:
        if not self._questions and self._live is not None:
            self._live.stop()
        self._questions.add(question)

    def _close_question(self, question: object) -> None:
        is_last = self._questions == {question}
        self._questions.discard(question)
        if is_last and self._live is not None:
            self._live.start()

    def _print(self, line: Line) -> None:
        if self._console.is_terminal:
            self._console.print(Padding(line.text, (0, 0, 0, line.indent)), highlight=False)
            return
        # In a file nothing is wrapped.
        assert isinstance(line.text, Text)
        for part in line.text.split("\n", allow_blank=True):
            self._console.print(Text(" " * line.indent if part else "") + part, highlight=False, soft_wrap=True)


class _StatusLine:
    """The last lines of a terminal: the block of a reply that arrives, running operations, and totals.

    Attributes:
        reply: The reply that arrives; None if there is none.
    """

    def __init__(self, formatter: EventFormatter) -> None:
        self._formatter = formatter
        self._spinner = Spinner("dots")
        self.reply: StreamedReply | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        reply = self.reply
        if reply is not None and (tail := reply.get_whole_words()).strip():
            line = self._formatter.format_reply(tail, reply.indent)
            block = Padding(line.text, (int(reply.has_blocks), 0, 0, line.indent))
            # The end of a block that is higher than the terminal.
            drawn = console.render_lines(block, options.update(height=None), pad=False)
            for segments in drawn[-max(console.height - 3, 1) :]:
                yield from segments
                yield Segment.line()
        yield self._make_grid(options.max_width)

    def _make_grid(self, width: int) -> Table:
        waiting = list(self._formatter.waiting.values())
        texts = [f"{text} {time.monotonic() - since:.0f} s" for text, since in waiting[:3]]
        if len(waiting) > 3:
            texts.append(f"{len(waiting) - 3} more")
        totals = list(self._formatter.summarize_briefly())
        # A narrow terminal has room for the cost and the time.
        while len(totals) > 1 and len(self._formatter.join(totals)) > 0.6 * width:
            del totals[0]
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        text = Text(self._formatter.join(totals), "dim")
        grid.add_row(self._spinner if waiting else "", Text(self._formatter.join(texts), "italic"), text)
        return grid


class _SilencedStream(IOStream):
    """The stream of the agents while a view is on: it prints nothing."""

    def __init__(self, screen: _View, outer: IOStream) -> None:
        self._screen = screen
        self._outer = outer

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print nothing: the view shows the events instead."""
        self._screen.note(sep.join(map(str, objects)) + end)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask on the stream that was current before the view."""
        with self._screen.ask(prompt) as clean:
            return self._outer.input(clean, password=password)


class _TimedSilencedStream(_SilencedStream):
    """A silenced stream around a stream that supports timeouts."""

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask on the stream that was current before the view, with a timeout in seconds."""
        with self._screen.ask(prompt) as clean:
            return cast("TimedInputStream", self._outer).input_within(seconds, clean)


class _InterruptibleSilencedStream(_TimedSilencedStream):
    """A silenced stream around a stream that withdraws questions."""

    def input_until(self, is_over: Callable[[], bool], prompt: str = "", *, seconds: float | None = None) -> str | None:
        """Ask on the stream that was current before the view, unless the question is over before."""
        with self._screen.ask(prompt) as clean:
            return cast("InterruptibleInputStream", self._outer).input_until(is_over, clean, seconds=seconds)


def _choose_stream_class(outer: IOStream) -> type[_SilencedStream]:
    if not isinstance(outer, TimedInputStream):
        return _SilencedStream
    return _InterruptibleSilencedStream if isinstance(outer, InterruptibleInputStream) else _TimedSilencedStream
