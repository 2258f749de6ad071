"""The structure of a document: its headings, paragraphs, tables, code and records, as blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from .readers import Document, Line

BlockKind = Literal["heading", "text", "code", "table"]

ATX_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*")
FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*")
# The line below a heading, in Markdown and reStructuredText; the order is that of the levels.
UNDERLINES: Final = "=-~^\"'*+#:._"
UNDERLINE: Final = re.compile(rf"([{re.escape(UNDERLINES)}])\1{{2,}}[ \t]*")
TABLE_RULE: Final = re.compile(r"\|?[ :|-]*-[ :|-]*\|?")
DEFINITION: Final = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([a-z]+\))?|unsafe|virtual|"
    r"override|inline|open|data|sealed|local)\s+)*"
    r"(?:def|class|function\*?|func|fn|fun|interface|struct|enum|trait|impl|module|namespace|sub|record|object|protocol|type)"
    r"\s+(?:\([^)]*\)\s*)?([\w.:$]+)"
)
# A line that begins in the first column and yet belongs to the definition above it.
CLOSING: Final = re.compile(r"[)\]}]|end\b|else\b|elif\b|except\b|finally\b|catch\b")
MAX_HEADING_CHARS: Final = 200


class Block(NamedTuple):
    """A part of a document that is kept together if it fits.

    Attributes:
        text: Its lines.
        kind: Heading, text, code or table.
        headings: The headings above it, from the outermost; the block's own if it is a heading.
        line: The number of its first line.
        page: The page that it begins on; None for formats without pages.
        gap: True if an empty line is before it.
    """

    text: str
    kind: BlockKind
    headings: tuple[str, ...]
    line: int
    page: int | None
    gap: bool


class _Outline:
    """The headings above the current line."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        """Enter a section of a level, from 1; the sections of this level and below it end."""
        self._entries = [entry for entry in self._entries if entry[0] < level]
        self._entries.append((level, " ".join(title.split())[:MAX_HEADING_CHARS]))

    @property
    def path(self) -> tuple[str, ...]:
        """The titles, from the outermost."""
        return tuple(title for _, title in self._entries)


class _Parser:
    """Collects the lines of the current block, and decides where it ends."""

    def __init__(self, kind: str) -> None:
        self._is_markdown = kind == "markdown"
        self._is_code = kind == "code"
        self._is_record = kind == "records"
        self._outline = _Outline()
        self._lines: list[Line] = []
        self._kind: BlockKind = "code" if self._is_code else "text"
        self._fence = ""
        self._gap = self._has_gap = False

    def feed(self, line: Line) -> Iterator[Block]:
        """Take a line, and yield the blocks that end before it."""
        if self._fence:
            self._lines.append(line)
            text = line.text.strip()
            if text.startswith(self._fence) and not text.strip(self._fence[0]):
                yield from self.finish()
        elif self._is_code:
            yield from self._feed_code(line)
        elif not line.text.strip():
            yield from self.finish()
            self._gap = True
        elif self._is_record:
            yield from self.finish()
            self._lines.append(line)
        else:
            yield from self._feed_text(line)

    def finish(self, kind: BlockKind | None = None) -> Iterator[Block]:
        """Yield the block of the lines that were collected."""
        if self._lines:
            text = "\n".join(line.text.rstrip() for line in self._lines)
            first = self._lines[0]
            yield Block(text, kind or self._kind, self._outline.path, first.number, first.page, self._has_gap)
            self._lines = []
        self._kind, self._fence = "code" if self._is_code else "text", ""

    def _begin(self, line: Line, kind: BlockKind) -> None:
        self._lines, self._kind = [line], kind
        self._has_gap, self._gap = self._gap, False

    def _feed_text(self, line: Line) -> Iterator[Block]:
        heading = ATX_HEADING.fullmatch(line.text) if self._is_markdown else None
        underline = UNDERLINE.fullmatch(line.text)
        fence = FENCE.fullmatch(line.text) if self._is_markdown else None
        if underline and len(self._lines) == 1 and self._kind == "text" and self._is_title(self._lines[0], underline[0]):
            self._outline.enter(UNDERLINES.index(underline[1]) + 1, self._lines[0].text)
            self._lines.append(line)
            yield from self.finish("heading")
        elif heading:
            yield from self.finish()
            self._outline.enter(len(heading[1]), heading[2])
            self._begin(line, "heading")
            yield from self.finish()
        elif fence:
            yield from self.finish()
            self._begin(line, "code")
            self._fence = fence[1]
        else:
            kind: BlockKind = "table" if line.text.lstrip().startswith("|") else "text"
            if self._lines and (kind != self._kind or line.page != self._lines[-1].page):
                yield from self.finish()
            if self._lines:
                self._lines.append(line)
            else:
                self._begin(line, kind)

    def _is_title(self, line: Line, underline: str) -> bool:
        title = line.text.strip()
        is_long_enough = self._is_markdown or len(underline.strip()) >= len(title)
        return is_long_enough and len(title) <= MAX_HEADING_CHARS and (self._is_markdown or underline[0] in "=-~")

    def _feed_code(self, line: Line) -> Iterator[Block]:
        """Begin a block at each definition, and at each line of the first column after an empty line."""
        is_outer = bool(line.text.strip()) and not line.text[0].isspace() and not CLOSING.match(line.text)
        if not line.text.strip():
            self._gap = True
        elif is_outer and self._gap:
            while self._lines and not self._lines[-1].text.strip():
                self._lines.pop()
            yield from self.finish()
        definition = DEFINITION.match(line.text) if is_outer else None
        if definition:
            # Comments and decorators above a definition belong to it.
            self._outline.enter(1, definition[1].rstrip(":"))
        elif is_outer and not self._lines:
            self._outline = _Outline()
        if self._lines:
            self._lines.append(line)
            self._gap = not line.text.strip()
        elif line.text.strip():
            self._begin(line, "code")


def parse_blocks(document: Document) -> Iterator[Block]:
    """Yield the blocks of a document, in their order. All lines but empty ones are in exactly one block."""
    parser = _Parser(document.kind)
    for line in document.lines:
        yield from parser.feed(line)
    yield from parser.finish()
