"""Line input from standard input, with a time limit.

A pending read can't be cancelled, so a question that times out leaves its read behind. The next question takes that read
over, and no line is lost. At a terminal, a line that was typed in between answers the old question, so it is dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TextIO

from .._threads import CallTimeout, start_daemon_thread
from ._waiting import iterate_waits


class LineReader:
    """Reads lines from standard input."""

    def __init__(self) -> None:
        self._pending_line: Future[str] | None = None
        self._source: TextIO | None = None

    @property
    def pending_line(self) -> Future[str] | None:
        """The line that an earlier read is waiting for; None without such a read. No other read would get this line."""
        # Standard input may have been replaced, by a test for instance.
        return self._pending_line if self._source is sys.stdin else None

    def drop_late_line(self) -> None:
        """Drop a line that was typed after its question timed out. Call this before printing the next prompt."""
        pending = self.pending_line
        if pending is not None and pending.done() and sys.stdin.isatty():
            self._pending_line = None

    def read_line(self, seconds: float | None = None) -> str:
        """Return the next line, without its line end.

        Args:
            seconds: The time limit in seconds; None for no limit.

        Raises:
            CallTimeout: if there is no line in time.
            EOFError: if standard input has ended.
        """
        pending = self.pending_line
        if pending is None:
            self._source = sys.stdin
            pending = self._pending_line = start_daemon_thread(self._source.readline)[0]
        if not wait([pending], seconds).done:
            raise CallTimeout(f"There was no input within {seconds:g} seconds.")
        # Cleared first, so that an error of this read doesn't come back with the next question.
        self._pending_line = None
        line = pending.result()
        if not line:
            raise EOFError("Standard input has ended.")
        return line.removesuffix("\n")

    def read_line_until(self, is_over: Callable[[], bool], seconds: float | None = None) -> str | None:
        """Return the next line, without its line end; None if the question is over before there is one.

        Args:
            is_over: Returns True if the line is no longer needed.
            seconds: The time limit in seconds; None for no limit.

        Raises:
            CallTimeout: if there is no line in time.
            EOFError: if standard input has ended.
            StreamClosed: if the waiting call was cancelled.
        """
        # The pending read is kept from one look to the next, so no line is lost between them.
        for pause in iterate_waits(seconds):
            try:
                return self.read_line(pause)
            except CallTimeout:
                if is_over():
                    return None
        return None


STDIN = LineReader()
"""The reader of this process, which has one standard input."""
