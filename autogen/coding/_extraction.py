"""Code in message content: text of messages, fenced blocks, and language guessing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from ._constants import CODE_BLOCK_PATTERN, UNKNOWN

_OPENING = re.compile(r"```[ \t]*(?:(\w+)[ \t]*)?\r?\n")
_CLOSING = re.compile(r"\r?\n[ \t]*```")


class Fence(NamedTuple):
    """A fenced block and its position in the text."""

    start: int
    end: int
    language: str
    code: str


def find_fences(text: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a text in order, in linear time.

    The result equals that of `re.findall(CODE_BLOCK_PATTERN, text, re.DOTALL)`. The language is `""` if a fence names none.
    """
    # The single pattern rescans the rest of the text for each unclosed fence: a crafted text of 100 kB takes it a minute.
    opening = _OPENING.search(text)
    while opening:
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            # No later fence is closed either.
            return
        yield Fence(opening.start(), closing.end(), opening[1] or "", text[opening.end() : closing.start()])
        opening = _OPENING.search(text, closing.end())


def content_str(content: object) -> str:
    """Return a message's content as text; images become `<image>`.

    Raises:
        TypeError: If the content is not None, a str or a list of dicts.
        AssertionError: If a content part has no type.
        ValueError: If a content part is of an unknown type.
        KeyError: If a text part has no text.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise TypeError(f"content must be None, a str or a list, got {type(content).__name__}.")
    return "".join(map(_render_part, content))


def _render_part(part: object) -> str:
    if not isinstance(part, dict):
        raise TypeError(f"A content part must be a dict, got {type(part).__name__}.")
    assert "type" in part, "Wrong content format: a content part must have a 'type'."
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "image_url":
        return "<image>"
    raise ValueError(f"Wrong content format: unknown type {part['type']!r}.")


def infer_lang(code: str) -> str:
    """Guess the language of code: `sh`, `python` or `unknown`."""
    if code.startswith(("python ", "pip", "python3 ")):
        return "sh"
    try:
        with warnings.catch_warnings():
            # A SyntaxWarning would be about the model's code, not about the program that runs it.
            warnings.simplefilter("ignore")
            compile(code, "<code>", "exec", dont_inherit=True)
    # Deeply nested code raises the last three, depending on the Python version.
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return UNKNOWN
    return "python"


def extract_code(
    text: object, pattern: str = CODE_BLOCK_PATTERN, detect_single_line_code: bool = False
) -> list[tuple[str, str]]:
    """Extract the code blocks of a message as `(language, code)` pairs.

    Args:
        text: The content of a message: text, a list of content parts, or None.
        pattern: Regular expression of a block, with a group for the language and a group for the code.
        detect_single_line_code: Whether to extract inline code in backticks too.

    Returns:
        The blocks. Without blocks: `[("unknown", text)]`, or `[]` with `detect_single_line_code`.
    """
    text = content_str(text)
    if detect_single_line_code:
        return _extract_with_inline_code(text)
    if pattern == CODE_BLOCK_PATTERN:
        blocks = [(fence.language, fence.code) for fence in find_fences(text)]
    else:
        blocks = re.findall(pattern, text, flags=re.DOTALL)
    return blocks or [(UNKNOWN, text)]


def _extract_with_inline_code(text: str) -> list[tuple[str, str]]:
    blocks: list[tuple[str, str]] = []
    end = 0
    for fence in find_fences(text):
        blocks += _find_inline_code(text[end : fence.start])
        blocks.append((fence.language, fence.code.strip()))
        end = fence.end
    return blocks + _find_inline_code(text[end:])


def _find_inline_code(text: str) -> list[tuple[str, str]]:
    return [("", code.strip()) for code in re.findall("`([^`]+)`", text)]
