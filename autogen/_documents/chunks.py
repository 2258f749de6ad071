"""Chunks of documents: parts of limited size, divided where the structure of the document allows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from .readers import Document
from .structure import TABLE_RULE, Block, parse_blocks

__all__ = ["Chunk", "count_long", "split_document", "split_long_text"]

Counter = Callable[[str], int]

# A section or page that fills this part of a chunk is not joined with the next.
SMALL_PART: Final = 8
# Tokenizers take long for texts without blanks; the sum over slices is hardly more.
COUNT_SLICE: Final = 4_000
# Full stops of Chinese and Japanese need no blank.
SENTENCE_END: Final = re.compile("[.!?][\"')\\]]*\\s+|[\u3002\uff01\uff1f]\\s*|\n")
BLANK: Final = re.compile(r"\s+")


@dataclass(frozen=True)
class Chunk:
    """A part of a document.

    Attributes:
        text: The text.
        headings: The headings above it, from the outermost.
        page: The number of the page that it begins on; None for formats without pages.
        line: The number of its first line.
    """

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    line: int = 1

    @property
    def label(self) -> str:
        """The headings as a line: "Tea > Green"."""
        return " > ".join(self.headings)

    def make_metadata(self) -> dict[str, str | int]:
        """Return the label as "headings", and the page, as far as there are any."""
        metadata: dict[str, str | int] = {}
        if self.headings:
            metadata["headings"] = self.label
        if self.page is not None:
            metadata["page"] = self.page
        return metadata


def split_document(document: Document, max_tokens: int, count: Counter) -> Iterator[Chunk]:
    """Yield the chunks of a document.

    They are divided at headings and pages, between paragraphs, rows of tables and definitions in code; if one of these is
    too long, between its lines, sentences or words, and never inside a word that fits. Parts of a table have its header,
    parts of a code block its fences.

    Args:
        document: The document.
        max_tokens: The maximum size of a chunk.
        count: Counts the tokens of a text.

    Raises:
        ValueError: if `max_tokens` is not positive.
    """
    packer = _Packer(max_tokens, count)
    for block in parse_blocks(document):
        yield from packer.add(block)
    yield from packer.flush()


class _Packer:
    """Puts blocks into chunks."""

    def __init__(self, max_tokens: int, count: Counter) -> None:
        if max_tokens < 1:
            raise ValueError(f"max_tokens must be a positive whole number, got {max_tokens!r}.")
        self._max_tokens = max_tokens
        self._count: Counter = partial(count_long, count=count)
        self._blocks: list[Block] = []
        self._tokens = 0

    def add(self, block: Block) -> Iterator[Chunk]:
        """Take a block, and yield the chunks that end before it or in it."""
        last = self._blocks[-1] if self._blocks else None
        is_boundary = last is not None and (
            block.page != last.page or (block.headings != last.headings and last.kind != "heading")
        )
        if is_boundary and self._tokens * SMALL_PART >= self._max_tokens:
            yield from self.flush()
        # The line breaks before a block are a token, too.
        tokens = self._count(block.text) + 1
        if self._tokens + tokens <= self._max_tokens + 1:
            self._blocks.append(block)
            self._tokens += tokens
            return
        is_heading = all(part.kind == "heading" for part in self._blocks) and self._tokens * 2 < self._max_tokens
        if not is_heading:
            yield from self.flush()
        if self._tokens + tokens <= self._max_tokens + 1:
            self._blocks.append(block)
            self._tokens += tokens
            return
        # A heading stays with the first part of its text.
        pieces = _split_block(block, self._max_tokens - self._tokens, self._count)
        for number, piece in enumerate(pieces):
            if number:
                yield from self.flush()
            self._blocks.append(piece)
            self._tokens += self._count(piece.text) + 1

    def flush(self) -> Iterator[Chunk]:
        """Yield the chunk of the blocks that were put together."""
        blocks, self._blocks, self._tokens = self._blocks, [], 0
        text = "".join(f"{chr(10) * (1 + block.gap) if number else ''}{block.text}" for number, block in enumerate(blocks))
        if text.strip():
            yield Chunk(text, _find_section(blocks), blocks[0].page, blocks[0].line)


def _find_section(blocks: list[Block]) -> tuple[str, ...]:
    """Return the headings that are above all of the blocks; those of the first if there are none."""
    common = blocks[0].headings
    for block in blocks[1:]:
        length = 0
        while length < min(len(common), len(block.headings)) and common[length] == block.headings[length]:
            length += 1
        common = common[:length]
    return common or blocks[0].headings


def _split_block(block: Block, max_tokens: int, count: Counter) -> Iterator[Block]:
    """Yield the parts of a block that is too long."""
    lines = block.text.split("\n")
    head: list[str] = []
    tail: list[str] = []
    if block.kind == "table" and len(lines) > 2 and TABLE_RULE.fullmatch(lines[1].strip()):
        head, lines = lines[:2], lines[2:]
    elif block.kind == "code" and len(lines) > 2 and lines[0].lstrip().startswith(("```", "~~~")):
        head, tail, lines = lines[:1], lines[-1:], lines[1:-1]
    frame = sum(count(line) + 1 for line in (*head, *tail))
    if frame * 2 > max_tokens:
        head, tail, lines, frame = [], [], block.text.split("\n"), 0
    number = block.line + len(head)
    for piece, start in _pack_lines(lines, max_tokens - frame, count):
        text = "\n".join([*head, piece, *tail])
        if piece.strip():
            yield block._replace(text=text, line=number + start)


def _pack_lines(lines: list[str], max_tokens: int, count: Counter) -> Iterator[tuple[str, int]]:
    """Yield texts of whole lines, with the index of the first; parts of a line only if it is too long."""
    parts: list[str] = []
    total, start = 0, 0
    for index, line in enumerate(lines):
        # The line break is a token.
        tokens = count(line) + 1
        if parts and total + tokens > max_tokens:
            yield "\n".join(parts), start
            parts, total = [], 0
        if tokens > max_tokens:
            yield from ((piece, index) for piece in split_long_text(line, max_tokens, count))
            continue
        if not parts:
            start = index
        parts.append(line)
        total += tokens
    if parts:
        yield "\n".join(parts), start


def count_long(text: str, count: Counter) -> int:
    """Count the tokens of a text in slices, so that it takes time in proportion to its length."""
    if len(text) <= COUNT_SLICE:
        return count(text)
    return sum(count(text[start : start + COUNT_SLICE]) for start in range(0, len(text), COUNT_SLICE))


def split_long_text(text: str, max_tokens: int, count: Counter) -> Iterator[str]:
    """Yield the parts of a text that has no line breaks: sentences, or words, or parts of a word that is too long.

    Args:
        text: The text.
        max_tokens: The maximum size of a part.
        count: Counts the tokens of a text.
    """
    start = 0
    # Letters in a token; measured again with each part.
    density = 4.0
    while start < len(text):
        length = max(1, int(max_tokens * density))
        while True:
            piece = text[start : start + length]
            tokens = count_long(piece, count)
            if tokens <= max_tokens or len(piece) == 1:
                break
            length = max(1, min(len(piece) - 1, int(len(piece) * max_tokens / tokens * 0.97)))
        density = min(8.0, len(piece) / max(tokens, 1))
        if start + len(piece) < len(text):
            piece = piece[: _find_break(piece)]
        if piece.strip():
            yield piece.strip()
        start += len(piece)


def _find_break(piece: str) -> int:
    """Return the length of a part that ends with a sentence, or at least with a word; the whole length if it has none."""
    for pattern, share in ((SENTENCE_END, 0.3), (BLANK, 0.0)):
        ends = _list_ends(pattern.finditer(piece))
        if ends and ends[-1] > len(piece) * share:
            return ends[-1]
    return len(piece)


def _list_ends(matches: Iterable[re.Match[str]]) -> list[int]:
    return [match.end() for match in matches]
