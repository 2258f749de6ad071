"""Parser of fenced code blocks: CommonMark's block parser with a fence rule that also accepts the looser forms of 0.2.

Containers (lists, quotes) are parsed by markdown-it. Beyond CommonMark, a fence may open after text on its line, close
with text behind it, be indented by any width, and, if no proper closing follows, end at the next line of backticks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from ._constants import PYTHON_VARIANTS
from .utils import is_file_name

_OPENING = re.compile(r"(`{3,}(?!.*`)|~{3,})(.*)", re.DOTALL)
_TRAILING_OPENING = re.compile(r"```[ \t]*\w*[ \t]*$")
_CLASSIC_INFO = re.compile(r"[ \t]*\w*[ \t]*")
# A single word behind backticks is the language of an inner fence; anything longer is prose behind a closing fence.
_PROSE = re.compile(r"[ \t]+(?!\w+[ \t]*$)\S")

_LANGUAGE = re.compile(r"[{\s.]*([^\s{}\[\]()<>,;:=|\"']*)(=?)")
_CLASS = re.compile(r"[{\s]\.([^\s{}.]+)")
_FILE_ATTRIBUTE = re.compile(r"\b(?:title|file_?name|file|path|name)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s,}]+))", re.I)
_FILE_SUFFIX = re.compile(r"[^\s:={\"']+:([^\s:]+)")
_CODE_ON_OPENING = re.compile(r"(?:import|from)\s+\w|[A-Za-z_][\w.]*(?:\(| = )")


class Fence(NamedTuple):
    """A fenced block and its position in the text.

    Attributes:
        start: Offset of the opening fence.
        end: Offset behind the closing fence.
        language: First word of the info string, `""` if there is none.
        code: The lines between the fences.
        file_name: File name in the info string, as in `python:app.py` or `title="app.py"`.
    """

    start: int
    end: int
    language: str
    code: str
    file_name: str | None


class Opening(NamedTuple):
    """An opening fence without a closing fence: its line number, from 1, and its text."""

    line: int
    text: str


class Info(NamedTuple):
    """A parsed info string."""

    language: str
    file_name: str | None
    code: str
    """Code that the model put on the opening line."""


@dataclass
class Scan:
    """The fences of a text, collected during a parse."""

    text: str
    backtick_lines: list[int]
    """Indices of the lines that begin with three backticks, in order."""

    fences: list[Fence] = field(default_factory=list)
    unclosed: list[Opening] = field(default_factory=list)
    failed_searches: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The last search without a result for a marker: its minimal length, and the line at which it ended."""

    def find_backtick_line(self, after: int) -> int | None:
        """Return the next line that begins with three backticks."""
        position = bisect_right(self.backtick_lines, after)
        return self.backtick_lines[position] if position < len(self.backtick_lines) else None


def scan_fences(text: str) -> Scan:
    """Find the fenced blocks of a text, in linear time."""
    # A carriage return becomes a blank, so that offsets are those of the text and lines end as CommonMark expects.
    source = text.replace("\r\n", " \n")
    lines = source.split("\n")
    scan = Scan(text, [index for index, line in enumerate(lines) if line.lstrip(" \t").startswith("```")])
    parser = _get_parser()
    parser.block.parse(source, parser, {"scan": scan}, [])
    return scan


def parse_info(info: str) -> Info:
    """Parse the info string of a fence.

    >>> parse_info('{.python title="app.py"}')
    Info(language='python', file_name='app.py', code='')
    """
    info = info.strip()
    match = _LANGUAGE.match(info)
    assert match is not None, "Every part of the pattern is optional."
    # A name followed by `=` is an attribute, not a language.
    language, rest = ("", info) if match[2] else (match[1], info[match.end() :].strip())
    if info.startswith("{") and (css_class := _CLASS.search(info.replace("{", "{ ", 1))):
        language = css_class[1]
    file_name = None
    if attribute := _FILE_ATTRIBUTE.search(info):
        file_name = attribute[1] or attribute[2] or attribute[3]
    elif suffix := _FILE_SUFFIX.match(info):
        file_name = suffix[1]
    if file_name is not None and not is_file_name(file_name):
        file_name = None
    has_code = language in PYTHON_VARIANTS and file_name is None and _CODE_ON_OPENING.match(rest)
    return Info(language, file_name, rest if has_code else "")


@cache
def _get_parser() -> MarkdownIt:
    # A line in indented code, HTML or a heading would hide a fence that 0.2 runs: only containers matter.
    # A line such as `- - -` would be read as nested lists without the rule for thematic breaks. The nesting limit,
    # which cuts off the rest of the text, stays far below Python's recursion limit.
    parser = MarkdownIt("commonmark", {"maxNesting": 60})
    parser.block.ruler.enableOnly(["fence", "blockquote", "hr", "list", "paragraph"])
    parser.block.ruler.at("fence", _read_fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.block.ruler.at("paragraph", _read_text)
    return parser


def _read_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a fence into the scan, a markdown-it rule."""
    line = _get_line(state, start)
    match = _OPENING.match(line)
    if match is None:
        return False
    # In this mode the rule only reports whether a fence interrupts a container.
    if silent:
        return True
    scan: Scan = state.env["scan"]
    markers, info = match[1], match[2]
    closing, container_end = _find_closing(state, start, end, markers)
    if closing is None and markers[0] == "`" and _CLASSIC_INFO.fullmatch(info):
        closing = _find_classic_closing(state, start, container_end)
    if closing is not None:
        _add_fence(state, start, closing, 0, info, is_nested=state.level > 0 and closing < container_end)
        state.line = closing + 1
        return True
    is_backtick = markers[0] == "`"
    if (is_backtick or parse_info(info).language) and _has_content(state, start + 1, container_end):
        scan.unclosed.append(Opening(start + 1, line.strip()))
    # Unclosed tildes may underline a heading, so the lines below them are read on.
    state.line = container_end if is_backtick else start + 1
    return True


def _read_text(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a single line of text, a markdown-it rule: as in 0.2, a fence may open at its end."""
    scan: Scan = state.env["scan"]
    state.line = start + 1
    line = _get_line(state, start)
    match = _TRAILING_OPENING.search(line)
    # After an odd number of backtick runs, these backticks end inline code.
    if match is None or len(re.findall("`{3,}", line[: match.start()])) % 2:
        return True
    info = line[match.start() + 3 :]
    closing = scan.find_backtick_line(start)
    if closing is not None and _is_closing_text(_get_line(state, closing)):
        _add_fence(state, start, closing, match.start(), info, is_nested=False)
        state.line = closing + 1
    # Without a colon before it, it is rather prose about fences.
    is_announced = line[: match.start()].rstrip().endswith(":") and info.strip()
    if closing is None and is_announced and _has_content(state, start + 1, min(start + 3, state.lineMax)):
        scan.unclosed.append(Opening(start + 1, match[0].strip()))
    return True


def _get_line(state: StateBlock, index: int) -> str:
    """Return a line without the markers and the indentation of its containers."""
    return state.src[state.bMarks[index] + state.tShift[index] : state.eMarks[index]]


def _has_content(state: StateBlock, start: int, end: int) -> bool:
    return any(_get_line(state, index).strip() for index in range(start, end))


def _is_closing_text(line: str) -> bool:
    """Return True if three or more backticks are alone on the line or followed by prose."""
    rest = line.lstrip("`")
    return not rest.strip() or _PROSE.match(rest) is not None


def _find_closing(state: StateBlock, start: int, end: int, markers: str) -> tuple[int | None, int]:
    """Find the closing fence in the container of an opening fence.

    Returns:
        The line of the closing fence, or None; and the line at which the container, or else the text, ends.
    """
    marker, length = markers[0], len(markers)
    failed_searches: dict[str, tuple[int, int]] = state.env["scan"].failed_searches
    failed_length, failed_end = failed_searches.get(marker, (0, 0))
    # Without this memory, a text of unclosed fences would be searched to its end for each of them.
    if start < failed_end and length >= failed_length:
        return None, _find_container_end(state, start, end) if marker == "`" else end
    for index in range(start + 1, end):
        line = _get_line(state, index)
        if line and state.sCount[index] < state.blkIndent:
            end = index
            break
        rest = line.lstrip(marker)
        run = len(line) - len(rest)
        if run < length:
            continue
        if not rest.strip() and state.sCount[index] <= state.sCount[start] + 3:
            return index, end
        if markers == "```" and run == length and _PROSE.match(rest):
            return index, end
    failed_searches[marker] = (length, end)
    return None, end


def _find_container_end(state: StateBlock, start: int, end: int) -> int:
    """Return the line at which the container ends, if that is before the next line of backticks; else `end`."""
    next_fence: int | None = state.env["scan"].find_backtick_line(start)
    lines = range(start + 1, end if next_fence is None else min(end, next_fence + 1))
    return next((index for index in lines if _get_line(state, index) and state.sCount[index] < state.blkIndent), end)


def _find_classic_closing(state: StateBlock, start: int, container_end: int) -> int | None:
    """Find the closing fence as 0.2 does: the next line that begins with three backticks.

    Beyond the end of the container, a line that names a language is rather the next opening.
    """
    scan: Scan = state.env["scan"]
    index = scan.find_backtick_line(start)
    if index is not None and index >= container_end and not _is_closing_text(_get_line(state, index)):
        return None
    return index


def _add_fence(state: StateBlock, start: int, closing: int, column: int, info: str, *, is_nested: bool) -> None:
    """Add the fence to the scan, unless it has no lines.

    Args:
        state: State of the parse.
        start: Line of the opening fence.
        closing: Line of the closing fence.
        column: Offset of the opening fence in its line.
        info: The info string.
        is_nested: Whether the whole block is within a container.
    """
    scan: Scan = state.env["scan"]
    parsed = parse_info(info)
    # Indented Python could not run; for other languages the indentation stays as in 0.2.
    is_dedented = is_nested or (column == 0 and parsed.language in ("", *PYTHON_VARIANTS))
    indentation = state.sCount[start] if is_dedented else 0
    parser_source, state.src = state.src, scan.text
    code = state.getLines(start + 1, closing, indentation, False).removesuffix("\r")
    if indentation:
        # Blank lines have lost their carriage returns with their indentation.
        code = code.replace("\r\n", "\n")
    state.src = parser_source
    if closing == start + 1 and not parsed.code:
        return
    if parsed.code:
        code = f"{parsed.code}\n{code}" if closing > start + 1 else parsed.code
    line = _get_line(state, closing)
    end = state.bMarks[closing] + state.tShift[closing] + len(line) - len(line.lstrip("`~"))
    opening = state.bMarks[start] + state.tShift[start] + column
    scan.fences.append(Fence(opening, end, parsed.language, code, parsed.file_name))
