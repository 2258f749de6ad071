"""Chunks of whole lines, as 0.2 divided texts."""

from __future__ import annotations

import logging
from itertools import accumulate

from .chunks import Counter, count_long, split_long_text

logger = logging.getLogger(__name__)


def split_lines(
    text: str, max_tokens: int, count: Counter, *, one_line: bool, must_break_at_empty_line: bool, overlap: int
) -> list[str]:
    """Split a text into chunks of whole lines. It takes time in proportion to the number of lines.

    Args:
        text: The text.
        max_tokens: The maximum size of a chunk: the sum over its lines, and a token for the line breaks.
        count: Counts the tokens of a line.
        one_line: True for chunks of a line each, as long as the rest is too long for a chunk.
        must_break_at_empty_line: True to break only before empty lines, where a chunk has any.
        overlap: The number of lines that a chunk repeats of the chunk before it.
    """
    lines = [part for line in text.split("\n") for part in _fit_line(line, max_tokens, count)]
    if len(lines) < 3:
        must_break_at_empty_line = False
    sums = list(accumulate((count_long(line, count) for line in lines), initial=0))
    chunks, start = [], 0
    while sums[-1] - sums[start] > max_tokens:
        end = start + 1
        while not one_line and end < len(lines) and sums[end + 1] - sums[start] < max_tokens:
            end += 1
        if must_break_at_empty_line and not one_line:
            breaks = (index for index in range(end, start, -1) if index < len(lines) and not lines[index].strip())
            end = next(breaks, end)
        chunks.append("\n".join(lines[start:end]))
        # The next chunk begins after the beginning of this one, whatever the overlap.
        start = end if one_line else max(end - overlap, start + 1)
    chunks.append("\n".join(lines[start:]))
    return chunks


def _fit_line(line: str, max_tokens: int, count: Counter) -> list[str]:
    """Return a line as a list, or its parts if it is too long for a chunk."""
    if len(line) < max_tokens or count_long(line, count) <= max_tokens:
        return [line]
    logger.warning("A line is longer than max_tokens (%d), and is divided: %s...", max_tokens, line[:80])
    return list(split_long_text(line, max_tokens, count))
