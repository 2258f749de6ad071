"""The console."""

from __future__ import annotations

import getpass
from typing import Any

from ._lines import LINES
from .base import IOStream

__all__ = ["IOConsole"]


class IOConsole(IOStream):
    """Prints to standard output, and reads from standard input."""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print, as the built-in `print` does.

        Args:
            *objects: What is printed.
            sep: What stands between them.
            end: What stands behind them.
            flush: Whether it is to be seen at once.
        """
        print(*objects, sep=sep, end=end, flush=flush)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line; a password is not shown."""
        if password:
            return getpass.getpass(prompt or "Password: ")
        LINES.drop_late()
        if LINES.is_pending:
            print(prompt, end="", flush=True)
            return LINES.next()
        return input(prompt)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask for a line, which must come within so many seconds.

        Raises:
            TimeoutError: It did not.
        """
        LINES.drop_late()
        print(prompt, end="", flush=True)
        return LINES.next(seconds)
