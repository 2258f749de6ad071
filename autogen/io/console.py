"""`IOConsole`: standard input and output."""

from __future__ import annotations

import getpass

from ._stdin import STDIN
from .base import IOStream

__all__ = ["IOConsole"]


class IOConsole(IOStream):
    """Prints to standard output and reads from standard input."""

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print objects as the built-in `print` does.

        Args:
            *objects: The objects, printed as text.
            sep: The text between them.
            end: The text after the last one.
            flush: True to display the text at once.
        """
        print(*objects, sep=sep, end=end, flush=flush)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line of input.

        Args:
            prompt: The question.
            password: True to hide the input.
        """
        if password:
            return getpass.getpass(prompt or "Password: ")
        STDIN.drop_late_line()
        # The pending read of an earlier question would take the line away from the built-in `input`.
        if STDIN.pending_line is not None:
            print(prompt, end="", flush=True)
            return STDIN.read_line()
        return input(prompt)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask for a line of input with a time limit.

        Args:
            seconds: The time limit in seconds.
            prompt: The question.

        Raises:
            TimeoutError: if there is no input in time.
        """
        STDIN.drop_late_line()
        print(prompt, end="", flush=True)
        return STDIN.read_line(seconds)
