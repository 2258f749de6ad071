"""Markdown of models on a terminal, also while it arrives.

The text is not trusted: links show their address, and nothing of it is left out (HTML, images and link definitions are shown
as they are written).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment

# Rich renders no HTML, no images as such, and no link definitions.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable(["image", "reference"])


class MarkdownText:
    """A Markdown text as a renderable of Rich, without blank lines at its ends.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._markdown = Markdown("", code_theme="ansi_dark", hyperlinks=False)
        self._markdown.markup = text
        self._markdown.parsed = _PARSER.parse(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._markdown, options, pad=False)
        filled = [index for index, line in enumerate(lines) if any(segment.text.strip() for segment in line)]
        for line in lines[filled[0] : filled[-1] + 1] if filled else ():
            yield from line
            yield Segment.line()


@dataclass
class StreamedReply:
    """A reply of a model that arrives in pieces.

    A block of Markdown (a paragraph, a list, a code block) is finished when the next one has begun. Finished blocks stay on
    the terminal as they are, so that a long reply scrolls; the last one is drawn again with each piece.

    Attributes:
        chat: Id of the chat.
        agent: Name of the agent.
        indent: Columns in front of each line.
        text: The text so far.
        tail: The unfinished block.
        has_blocks: True once a block was shown.
    """

    chat: str
    agent: str
    indent: int
    text: str = ""
    tail: str = ""
    has_blocks: bool = False

    def feed(self, piece: str) -> list[str]:
        """Add a piece, and return the blocks that it finishes."""
        self.text += piece
        tail = self.tail + piece
        # An incomplete line may still turn out to be the next item of a list.
        finished = _split_blocks(tail[: tail.rindex("\n") + 1])[:-1] if "\n" in piece else []
        self.tail = tail[sum(map(len, finished)) :]
        return finished

    def finish(self) -> list[str]:
        """Return the last blocks."""
        tail, self.tail = self.tail, ""
        return _split_blocks(f"{tail}\n")

    def get_whole_words(self) -> str:
        """Return the unfinished block up to its last space: a secret that is cut would not be recognised."""
        tail = self.tail
        return tail[: max(tail.rfind(" "), tail.rfind("\n")) + 1]


def _split_blocks(text: str) -> list[str]:
    """Return the blocks of a text whose last line is complete; together they are the text."""
    starts = [token.map[0] for token in _PARSER.parse(text) if token.level == 0 and token.map]
    # The parser ends lines at line feeds.
    lines = [f"{line}\n" for line in text.split("\n")[:-1]]
    bounds = [0, *starts[1:], len(lines)]
    return ["".join(lines[first:last]) for first, last in pairwise(bounds)]
