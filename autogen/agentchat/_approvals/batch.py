"""Several calls of one message that need an approval: whoever is asked may answer them by their numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from ..._threads import reset_variable
from .preview import show_arguments

_NUMBERED = re.compile(
    r"(?P<numbers>\d+(?:\s*(?:,|-|\band\b)\s*\d+)*)\s*:?\s+"
    r"(?P<words>(?:y|yes|ok|approve|a|always)[.!]?|(?:n|no|reject)\b.*)",
    re.IGNORECASE | re.DOTALL,
)


class NumberedCall(NamedTuple):
    """A call in a batch.

    Attributes:
        name: Name of the tool.
        arguments: Its arguments.
    """

    name: str
    arguments: Any


class Batch:
    """The calls of a message that need an approval, by numbers from 1.

    Args:
        calls: The calls.

    Attributes:
        answers: Answers by number, as a human would type them for the call alone.
        current: Number of the call that is decided now.
    """

    def __init__(self, calls: Sequence[NumberedCall]) -> None:
        self._calls = calls
        self.answers: dict[int, str] = {}
        self.current = 0

    def take_answer(self) -> str | None:
        """Return the answer that was given about the current call; None if there is none."""
        return self.answers.pop(self.current, None)

    def lists(self, arguments: Mapping[str, object]) -> bool:
        """Return True if the list has the current call with these arguments: a guardrail may have changed them."""
        listed = self._calls[self.current - 1].arguments
        return listed is not None and show_arguments(listed) == show_arguments(arguments)

    def describe(self) -> str:
        """Return the list of the calls that are not decided, for whoever is asked; empty if it is the last one."""
        # In a module that needs pydantic.
        from ...coding.approval import visible

        numbers = [number for number in range(self.current, len(self._calls) + 1) if number not in self.answers]
        # A call alone is described by its own question.
        if len(numbers) < 2:
            return ""
        lines = []
        for number in numbers:
            call = self._calls[number - 1]
            lines.append(f"  {number}: {visible(call.name)} with {show_arguments(call.arguments)}\n")
        example = f"{numbers[0]},{numbers[-1]} y"
        return (
            f"{len(numbers)} calls need an approval:\n{''.join(lines)}Answer several by their numbers, such as {example!r}; "
            f"an answer without numbers is about call {self.current}. "
        )

    def read_numbers(self, text: str) -> tuple[set[int], str] | None:
        """Return the numbers and the words of an answer; None for an answer about the current call.

        Raises:
            ValueError: if a number is not that of a call that is open.
        """
        # A refusal in words may begin with a number, too: only a plain yes or no may follow the numbers.
        match = _NUMBERED.fullmatch(text.strip())
        if match is None:
            return None
        numbers: set[int] = set()
        for part in re.split(r",|\band\b", match["numbers"]):
            first, _, last = (item.strip() for item in part.partition("-"))
            # A range of any length is as long as the list at most.
            numbers.update(range(int(first), min(int(last or first), len(self._calls) + 1) + 1))
        unknown = sorted(number for number in numbers if not self.current <= number <= len(self._calls))
        if unknown or not numbers:
            raise ValueError(f"no call with the number {unknown[0] if unknown else match['numbers']} is open")
        return numbers, match["words"]


_batch: ContextVar[Batch | None] = ContextVar("calls that need an approval", default=None)

get_batch: Callable[[], Batch | None] = _batch.get
"""Return the batch of the message whose calls are decided; None for a call that is alone."""


@contextmanager
def decide_in_turn(batch: Batch | None, number: int = 0) -> Iterator[None]:
    """Decide about a call of a batch in a `with` block; None for calls that belong to none."""
    if batch is not None:
        batch.current = number
    token = _batch.set(batch)
    try:
        yield
    finally:
        reset_variable(_batch, token)
