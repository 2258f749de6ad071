"""Reading lines from standard input within a time limit.

A read can't be called back, so a question that gets no answer in time leaves one pending. The next question takes that
over: no line gets lost. At a keyboard a line that came in between answered the old question, and is dropped.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future, wait
from typing import TextIO

from .._threads import CallTimeout, start_daemon_thread


class Lines:
    """The lines of standard input."""

    def __init__(self) -> None:
        self._pending: Future[str] | None = None
        self._source: TextIO | None = None

    @property
    def is_pending(self) -> bool:
        """Whether an earlier read is under way, which would take the line away from any other."""
        return self._pending is not None and self._source is sys.stdin

    def drop_late(self) -> None:
        """Drop a line that answered an earlier question; to be called before the next one is shown."""
        if self.is_pending and self._pending.done() and sys.stdin.isatty():  # type: ignore[union-attr]
            self._pending = None

    def next(self, seconds: float | None = None) -> str:
        """The next line, without its end.

        Raises:
            TimeUp: There was none within so many seconds.
            EOFError: Standard input has ended.
        """
        if not self.is_pending:
            self._source = sys.stdin
            self._pending, _ = start_daemon_thread(self._source.readline)
        pending = self._pending
        assert pending is not None
        if not wait([pending], seconds).done:
            raise CallTimeout(f"There was no input within {seconds:g} seconds.")
        self._pending = None
        line = pending.result()
        if not line:
            raise EOFError("Standard input has ended.")
        return line.removesuffix("\n")


LINES = Lines()
"""Those of this process: it has one standard input."""
