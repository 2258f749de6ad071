"""Finding fenced code in a text, in time that grows with its length only.

It finds what `re.findall(CODE_BLOCK_PATTERN, text, re.DOTALL)` does. The pattern looks for the end of each fence anew,
also where there is none: a text of 100 kB, written for it, keeps it busy for a minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPENING = re.compile(r"```[ \t]*(?:(\w+)[ \t]*)?\r?\n")
_CLOSING = re.compile(r"\r?\n[ \t]*```")


class Fence(NamedTuple):
    """A fenced block, and where it stands in the text."""

    start: int
    end: int
    language: str
    code: str


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text in their order; the language is `""` where a fence names none."""
    opening = _OPENING.search(text)
    while opening:
        closing = _CLOSING.search(text, opening.end())
        if closing is None:  # then no later fence is closed either
            return
        yield Fence(opening.start(), closing.end(), opening[1] or "", text[opening.end() : closing.start()])
        opening = _OPENING.search(text, closing.end())
