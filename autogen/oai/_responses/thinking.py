"""Thinking that models write into their text, in `<think>...</think>` and the like, split off from the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Code hides tags: an answer may explain them. The length of a code span is bounded, because the text is untrusted.
_FENCED = (
    r"(?P<fence>`{3,}(?!`)(?![^\n]*`)|~{3,}(?!~))[^\n]*"
    r"(?:\n(?:.*?^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|.*\Z)|\Z)"
)
_FENCE = re.compile(_FENCED, re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\S")
_TOKEN = re.compile(
    rf"""^[ ]{{0,3}}{_FENCED}
    |(?<!`)(?P<ticks>`+)(?!`)[^\n]{{0,300}}?(?<!`)(?P=ticks)(?!`)
    |<(?P<slash>/?)(?P<name>think|thinking|thought|reasoning)>""",
    re.MULTILINE | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_BLANK_TO_END = re.compile(r"[^\S\n]*(?:\n|\Z)")
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
        # Names of tags that are not closed any more.
        self._unclosed: set[str] = set()
        # End of the blanks at the position.
        self._first_word = -1
        self.pieces: list[str] = []
        self.thoughts: list[str] = []

    def run(self) -> None:
        start = self._move_to(0)
        while token := _TOKEN.search(self._text, start):
            start = token.end()
            if token["name"] and token["slash"]:
                start = self._end_block_of_template(token) or start
            elif token["name"]:
                start = self._take_block(token) or start
        self.pieces.append(self._text[self._position :])

    def _move_to(self, position: int) -> int:
        """Begin the next piece, and return its start or the end of the fenced code that it begins with."""
        self._position = position
        first_word = _WORD.search(self._text, position)
        self._first_word = first_word.start() if first_word else len(self._text)
        # The pieces are stripped, so code may begin a line there that doesn't begin one here.
        fenced = _FENCE.match(self._text, self._first_word)
        return fenced.end() if fenced else position

    def _end_block_of_template(self, tag: re.Match[str]) -> int | None:
        """Move all text before a closing tag without an opening one to the thinking, and return the next start, or None."""
        # In the middle of a line it is a word of the answer.
        if not self._begins_line(tag) and not _BLANK_TO_END.match(self._text, tag.end()):
            return None
        self.thoughts += [*self.pieces, self._text[self._position : tag.start()]]
        self.pieces = []
        return self._move_to(tag.end())

    def _take_block(self, tag: re.Match[str]) -> int | None:
        """Move the block that a tag opens to the thinking, and return the next start; None if it opens none."""
        name = tag["name"].lower()
        if not self._begins_line(tag):
            return None
        # Also in code, which may be unclosed in the thinking.
        closing = None
        if name not in self._unclosed:
            closing = re.compile(f"</{name}>", re.IGNORECASE).search(self._text, tag.end())
        if closing is None:
            self._unclosed.add(name)
            if self.pieces or self._first_word < tag.start():
                return None
        if self._first_word < tag.start():
            self.pieces.append(self._text[self._position : tag.start()])
        self.thoughts.append(self._text[tag.end() : closing.start() if closing else None])
        return self._move_to(closing.end() if closing else len(self._text))

    def _begins_line(self, tag: re.Match[str]) -> bool:
        # Back over blanks alone: a line may be as long as the text, and full of tags.
        start = tag.start()
        while start > self._position and self._text[start - 1].isspace():
            start -= 1
            if self._text[start] == "\n":
                return True
        return start == self._position


_OPENING = re.compile(r"\s*<(think|thinking|thought|reasoning)>", re.IGNORECASE)
_LONGEST_TAG = len("</reasoning>")


class ThinkingStream:
    """Splits the pieces of a text that arrives into thinking and answer: a block in tags at the start is thinking.

    It is for display. What the whole text means is only known at its end; see `split_thinking`.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._name = ""
        self._is_answer = False
        self._is_blank = False

    def feed(self, piece: str) -> Iterator[tuple[bool, str]]:
        """Yield pairs of a flag, True for thinking, and a text. A part that may be a tag waits for the next piece."""
        text, self._pending = self._pending + piece, ""
        if not self._is_answer and not self._name:
            opening = _OPENING.match(text)
            if opening is not None:
                self._name, text = opening[1], text[opening.end() :]
            elif text.lstrip()[:1] in ("", "<") and len(text.lstrip()) < _LONGEST_TAG:
                self._pending = text
                return
            else:
                self._is_answer = True
        if self._name:
            thinking, tag, rest = _partition(text, f"</{self._name}>")
            if not tag:
                # The end may be the beginning of the closing tag.
                start = thinking.rfind("<", max(0, len(thinking) - _LONGEST_TAG))
                thinking, self._pending = (thinking[:start], thinking[start:]) if start >= 0 else (thinking, "")
            if thinking:
                yield True, thinking
            if not tag:
                return
            self._name, self._is_answer, self._is_blank, text = "", True, True, rest
        if self._is_blank:
            # The answer is set off from the thinking by blank lines.
            text = text.lstrip()
        if text:
            self._is_blank = False
            yield False, text

    def finish(self) -> Iterator[tuple[bool, str]]:
        """Yield the part that waited for the next piece."""
        if self._pending:
            yield bool(self._name), self._pending


def _partition(text: str, tag: str) -> tuple[str, str, str]:
    start = text.lower().find(tag.lower())
    return (text, "", "") if start < 0 else (text[:start], tag, text[start + len(tag) :])
