"""Search for words in the parts of a page, in time that grows with the length of the page alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate


class WordPattern:
    """A query: words, in which `*` stands for any characters, and alone for any words.

    Upper and lower case mean the same, and words are separated by anything that is not part of a word.

    >>> WordPattern("quick * FOX").is_in("The quick, brown fox.")
    True
    >>> WordPattern("qu*k fox").is_in("The quick brown fox.")
    False
    """

    def __init__(self, query: str) -> None:
        words = re.findall(r"[\w*]+", query.lower())
        # A word of stars alone separates the runs of words that follow each other.
        self._runs: list[list[re.Pattern[str]]] = [[]]
        for word in words:
            if word.strip("*"):
                # Several stars mean the same as a single star, and would take time.
                self._runs[-1].append(re.compile(translate(re.sub(r"\*+", "*", word))))
            elif self._runs[-1]:
                self._runs.append([])
        self._runs = [run for run in self._runs if run]

    def is_in(self, text: str) -> bool:
        """Return True if a text has the words. A query without words is in no text."""
        words = re.findall(r"\w+", text.lower())
        position = 0
        for run in self._runs:
            end = self._find_run(run, words, position)
            if end is None:
                return False
            position = end
        return bool(self._runs)

    def _find_run(self, run: list[re.Pattern[str]], words: Sequence[str], start: int) -> int | None:
        """Return the position behind the first words that match a run; None if there are none."""
        for position in range(start, len(words) - len(run) + 1):
            if all(pattern.match(words[position + index]) for index, pattern in enumerate(run)):
                return position + len(run)
        return None
