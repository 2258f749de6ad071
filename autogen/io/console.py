"""`IOConsole`: standard input and output.

Models, tools and generated code decide most of the text. So their terminal codes are not passed on, and characters that the
output can't represent are replaced.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from ._stdin import STDIN
from ._terminal_text import make_printable
from .base import IOStream

__all__ = ["IOConsole"]


class IOConsole(IOStream):
    """Prints to standard output and reads from standard input."""

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print objects as the built-in `print` does, without terminal codes in their text.

        Args:
            *objects: The objects, printed as text. The colours of `formatting_utils.colored` are kept.
            sep: The text between them.
            end: The text after the last one.
            flush: True to display the text at once.
        """
        print(*map(_clean, objects), sep=sep, end=end, flush=flush)

    def send(self, message: Any) -> None:
        """Print an AG2 event."""
        message.print(self.print)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line of input.

        Args:
            prompt: The question.
            password: True to hide the input.
        """
        if password:
            return getpass.getpass(_clean(prompt) or "Password: ")
        STDIN.drop_late_line()
        # The pending read of an earlier question would take the line away from the built-in `input`.
        if STDIN.pending_line is not None:
            print(_clean(prompt), end="", flush=True)
            return STDIN.read_line()
        return input(_clean(prompt))

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask for a line of input with a time limit.

        Args:
            seconds: The time limit in seconds.
            prompt: The question.

        Raises:
            TimeoutError: if there is no input in time.
        """
        STDIN.drop_late_line()
        print(_clean(prompt), end="", flush=True)
        return STDIN.read_line(seconds)

    def input_until(self, is_over: Callable[[], bool], prompt: str = "", *, seconds: float | None = None) -> str | None:
        """Ask for a line of input, unless the question is over before; None then.

        Args:
            is_over: Returns True if the answer is no longer needed.
            prompt: The question.
            seconds: The time limit in seconds; None for no limit. Without standard input there is none.

        Raises:
            TimeoutError: if there is no input in time.
        """
        # A program, a test or a notebook that replaces `input` has the lines, and not standard input.
        if not isinstance(input, BuiltinFunctionType) or type(self).input is not IOConsole.input:
            return self.input(prompt)
        STDIN.drop_late_line()
        print(_clean(prompt), end="", flush=True)
        line = STDIN.read_line_until(is_over, seconds)
        if line is None:
            # The cursor is still behind the question.
            print(flush=True)
        return line


def _clean(item: object) -> str:
    """Return the text of an object in a form that standard output can take."""
    # It may have been replaced, also by None or by an object that takes any text.
    return make_printable(item, getattr(sys.stdout, "encoding", None), getattr(sys.stdout, "errors", None))
