"""Thinking that models write into their text: `<think>...</think>` and the like, split off from the answer."""

from __future__ import annotations

import re

# Code hides tags: an answer may explain them. The length of a code span is bounded, because the text is untrusted.
_TOKEN = re.compile(
    r"""^[ ]{0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|.*\Z)
    |(?<!`)(?P<ticks>`+)(?!`)[^\n]{0,300}?(?<!`)(?P=ticks)(?!`)
    |<(?P<slash>/?)(?P<name>think|thinking|thought|reasoning)>""",
    re.MULTILINE | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_TAG = re.compile("</?(?:think|thinking|thought|reasoning)>", re.IGNORECASE)


def has_thinking_tags(text: str) -> bool:
    """Return True if the text has a tag of thinking anywhere, be it in code."""
    # Most answers have no tag at all.
    return "<" in text and _TAG.search(text) is not None


def split_thinking(text: str) -> tuple[str, str]:
    r"""Split a model's text into the answer and the thinking.

    Thinking is a block in tags that begins a line, outside of Markdown code. Its opening tag may be missing, because some
    chat templates put it into the prompt; its closing tag may be missing where the text was cut.

    Returns:
        The answer, and the thinking without its tags. Text without thinking is returned unchanged.

    >>> split_thinking("<think>Two and two.</think>\n\nIt is 4.")
    ('It is 4.', 'Two and two.')
    """
    if not has_thinking_tags(text):
        return text, ""
    splitter = _Splitter(text)
    splitter.run()
    if not splitter.thoughts:
        return text, ""
    return _join(splitter.pieces), _join(splitter.thoughts)


def _join(pieces: list[str]) -> str:
    return "\n\n".join(piece for piece in (piece.strip() for piece in pieces) if piece)


class _Splitter:
    """Single pass over a text. Its cost is linear in the length of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._unclosed: set[str] = set()
        self.pieces: list[str] = []
        self.thoughts: list[str] = []

    def run(self) -> None:
        start = 0
        while token := _TOKEN.search(self._text, start):
            start = token.end()
            if token["name"] and token["slash"]:
                self._end_block_of_template(token)
            elif token["name"]:
                start = self._take_block(token) or start
        self.pieces.append(self._text[self._position :])

    def _end_block_of_template(self, tag: re.Match[str]) -> None:
        """Move all text before a closing tag without an opening one to the thinking."""
        # In the middle of a line it is a word of the answer.
        if self._begins_line(tag) or not self._text[tag.end() :].partition("\n")[0].strip():
            self.thoughts += [*self.pieces, self._text[self._position : tag.start()]]
            self.pieces = []
            self._position = tag.end()

    def _take_block(self, tag: re.Match[str]) -> int | None:
        """Move the block that a tag opens to the thinking, and return its end; None if it opens none."""
        name = tag["name"].lower()
        if not self._begins_line(tag) or name in self._unclosed:
            return None
        # Also in code, which may be unclosed in the thinking.
        closing = re.compile(f"</{name}>", re.IGNORECASE).search(self._text, tag.end())
        before = self._text[self._position : tag.start()]
        if closing is None:
            self._unclosed.add(name)
            if before.strip() or any(piece.strip() for piece in self.pieces):
                return None
        self.pieces.append(before)
        self.thoughts.append(self._text[tag.end() : closing.start() if closing else None])
        self._position = closing.end() if closing else len(self._text)
        return self._position

    def _begins_line(self, tag: re.Match[str]) -> bool:
        line_start = max(self._position, self._text.rfind("\n", self._position, tag.start()) + 1)
        return not self._text[line_start : tag.start()].strip()
