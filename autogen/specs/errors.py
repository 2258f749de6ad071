"""Errors about documents of agents and teams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Problem", "SpecError"]

_MAX_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """A fault of a document.

    Attributes:
        pointer: JSON pointer to the faulty value; the empty text for the whole document.
        message: What is wrong. Values of the document that may be secrets are not quoted.
        hint: What to do about it; may be empty.
    """

    pointer: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.pointer or 'document'}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class SpecError(ValueError):
    """Raised for a document that can't be read or built, or for an object that can't be written.

    Attributes:
        problems: All faults that were found.
    """

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = [Problem("", problems)] if isinstance(problems, str) else list(problems)
        lines = [str(problem) for problem in self.problems[:_MAX_SHOWN]]
        if len(self.problems) > _MAX_SHOWN:
            lines.append(f"... and {len(self.problems) - _MAX_SHOWN} more.")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)
