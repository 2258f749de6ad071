"""Search for code in message content, and the guess of its language. Markdown is parsed by `_markdown_fences.py`."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from ._constants import CODE_BLOCK_PATTERN, PYTHON_VARIANTS, UNKNOWN
from .utils import requested_name

if TYPE_CHECKING:
    from ._markdown_fences import Fence

_RUNNABLE = (*PYTHON_VARIANTS, "python3", "bash", "shell", "sh", "zsh", "pwsh", "powershell", "ps1", "javascript", "js")
_ONE_LINE_FENCE = re.compile(r"(?:[ \t]|[-*+>][ \t]|\d+[.)][ \t])*(`{3,}|~{3,})([^`]+?)\1\s*")

_NAME_COMMENTS = {
    **dict.fromkeys(("javascript", "js", "typescript", "ts", "java", "c", "c++", "cpp", "go", "rust"), "// filename: {}"),
    **dict.fromkeys(("html", "xml", "markdown", "md"), "<!-- filename: {} -->"),
    "css": "/* filename: {} */",
}


_TEXT_KEYS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Key of the text by type of content part."""

_MEDIA = {
    **dict.fromkeys(("image_url", "input_image"), "image"),
    **dict.fromkeys(("input_audio", "audio_url", "output_audio"), "audio"),
    **dict.fromkeys(("video_url", "input_video"), "video"),
    **dict.fromkeys(("file", "file_url", "input_file", "document_url", "document"), "file"),
}
"""Kind of media by type of content part."""


def find_fences(text: str) -> list[Fence]:
    """Return the fenced blocks of a text in order. Blocks without lines are left out.

    Fences are those of CommonMark, and the looser forms that `CODE_BLOCK_PATTERN` matches.
    """
    if "```" not in text and "~~~" not in text:
        return []
    # The parser is only loaded for messages with fences.
    from ._markdown_fences import scan_fences

    return scan_fences(text).fences


def find_fence_error(content: object) -> str | None:
    """Return an explanation for the model if the content has no code block but a fence that was meant to be a block."""
    text = content_str(content)
    if "```" not in text and "~~~" not in text:
        return None
    from ._markdown_fences import scan_fences

    scan = scan_fences(text)
    if scan.fences:
        return None
    for number, line in enumerate(text.split("\n"), 1):
        match = _ONE_LINE_FENCE.fullmatch(line)
        if match and _is_code_line(match[2].strip()):
            return (
                f"No code was run: the code block on line {number} is on a single line. Put the opening fence with the "
                "language, the code, and the closing fence on lines of their own."
            )
    if not scan.unclosed:
        return None
    opening = scan.unclosed[0]
    return (
        f"No code was run: the code block that begins on line {opening.line} ({opening.text[:40]}) is not closed. Put the "
        "closing fence on a line of its own after the code. If the message was cut off, send a shorter one."
    )


def _is_code_line(text: str) -> bool:
    """Return True if the text of a fence on a single line is code; other text may be a quotation in prose."""
    language, _, code = text.partition(" ")
    if language in _RUNNABLE:
        return bool(code.strip())
    # Any word compiles as Python.
    guess = infer_lang(text)
    return guess == "sh" or (guess == "python" and "(" in text)


def find_named_code(content: object, blocks: list[tuple[str, str]]) -> list[str]:
    """Return the code of each block, with a comment for the file name that the info string of its fence requests.

    Args:
        content: The content of a message.
        blocks: All blocks that were extracted from it, as `(language, code)` pairs.
    """
    fences = find_fences(content_str(content))
    if len(fences) != len(blocks):
        return [code for _, code in blocks]
    return [
        code
        if fence.file_name is None or requested_name(code) is not None
        else f"{_NAME_COMMENTS.get(language, '# filename: {}').format(fence.file_name)}\n{code}"
        for fence, (language, code) in zip(fences, blocks, strict=True)
    ]


def content_str(content: object) -> str:
    """Return a message's content as text; images become `<image>`, and other media likewise `<audio>`, `<file>`, `<video>`.

    A part of another type must hold its data under the name of the type, as in `{"type": "map", "map": {...}}`. It becomes
    `<map>`.

    Raises:
        TypeError: if the content is not None, a str or a list of dicts.
        AssertionError: if a content part has no type.
        ValueError: if a content part is of an unknown type.
        KeyError: if a text part has no text.
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
    kind = part["type"]
    if isinstance(kind, str):
        if kind in _TEXT_KEYS:
            return str(part[_TEXT_KEYS[kind]])
        if kind in _MEDIA:
            return f"<{_MEDIA[kind]}>"
        if kind.isidentifier() and kind in part:
            return f"<{kind}>"
    raise ValueError(f"Wrong content format: unknown type {kind!r}.")


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
