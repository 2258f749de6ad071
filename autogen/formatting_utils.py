"""Colours for console output."""

from __future__ import annotations

from typing import Any

__all__ = ["ColouredText", "colored"]


class ColouredText(str):
    """Text with terminal codes of the program's own, which a console passes on; codes in other text are not.

    Attributes:
        start: Codes before the text.
        text: The text itself, which isn't trusted.
        end: Codes after the text.
    """

    start: str
    text: str
    end: str

    def __new__(cls, text: str = "", start: str = "", end: str = "") -> ColouredText:
        """Join the parts."""
        self = super().__new__(cls, f"{start}{text}{end}")
        self.start, self.text, self.end = start, text, end
        return self


def colored(text: object, *args: Any, **kwargs: Any) -> str:
    """Return a text in a colour, where the output is a terminal that shows colours.

    Args:
        text: The text.
        *args: The colour, and the other arguments of `termcolor.colored`.
        **kwargs: The same by name.
    """
    # Loaded on first use: `import autogen` is quicker without.
    import termcolor

    start, _, end = termcolor.colored("\0", *args, **kwargs).partition("\0")
    return ColouredText(str(text), start, end)
