"""The documents that the agents of a chat were shown, and those that they cite."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..._threads import reset_variable
from .._core.result import ChatSource

# The line with the sources of an answer, and the items of a list below it.
SOURCES_LINE: Final = re.compile(r"^[ \t>*_#-]*sources?[ \t*_]*:[ \t*_]*(.*)$", re.IGNORECASE | re.MULTILINE)
LIST_ITEM: Final = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)]|(?=\[))[ \t]*(\S.*)")
NUMBER: Final = re.compile(r"\[?(\d{1,4})\]?")
BLOCK_MARK: Final = "<<<untrusted"


@dataclass
class SourceRecord:
    """The sources that were shown in a chat, and the intermediate answers whose messages were cleared."""

    shown: list[ChatSource] = field(default_factory=list)
    intermediate_answers: list[str] = field(default_factory=list)


_records: ContextVar[tuple[SourceRecord, ...]] = ContextVar("source records of the chats in progress", default=())


@contextmanager
def gather_sources() -> Iterator[SourceRecord]:
    """Collect the sources of a chat, and of the chats inside it, in a `with` block."""
    record = SourceRecord()
    token = _records.set((*_records.get(), record))
    try:
        yield record
    finally:
        reset_variable(_records, token)


def record_sources(sources: Sequence[ChatSource]) -> None:
    """Record sources that agents are shown, for the results of the chats in progress."""
    for record in _records.get():
        record.shown.extend(sources)


def record_intermediate_answer(text: str) -> None:
    """Record an answer whose message is going to be cleared, for the results of the chats in progress."""
    for record in _records.get():
        record.intermediate_answers.append(text)


def resolve_sources(record: SourceRecord, messages: Iterable[Mapping[str, Any]]) -> list[ChatSource]:
    """Return the sources of a chat: those that were shown, each once, and those that are only cited.

    Args:
        record: The sources that were shown.
        messages: The messages of the chat. Those that show documents are not searched for citations.
    """
    shown = {(source.id, source.source): source for source in record.shown}
    if not shown:
        return []
    contents = (message.get("content") for message in messages)
    answers = [content for content in contents if isinstance(content, str) and BLOCK_MARK not in content]
    cited = dict.fromkeys(citation for answer in answers for citation in find_citations(answer))
    unknown: dict[str, ChatSource] = {}
    for citation in cited:
        matches = [key for key, source in shown.items() if _is_citation_of(citation, source)]
        for key in matches:
            shown[key] = replace(shown[key], cited=True)
        if not matches:
            unknown[citation] = ChatSource(citation, in_context=False, cited=True)
    return [*shown.values(), *unknown.values()]


def find_citations(text: str) -> list[str]:
    r"""Return the sources that an answer names after "Sources:", on the same line or as a list below it.

    >>> find_citations("It is tea. Sources: guide.md, [2]")
    []
    >>> find_citations("It is tea.\nSources: guide.md, [2]")
    ['guide.md', '[2]']
    """
    citations: list[str] = []
    for match in SOURCES_LINE.finditer(text):
        items = re.split(r"[,;]\s+", match[1])
        if not match[1].strip():
            for line in text[match.end() :].lstrip("\n").split("\n"):
                item = LIST_ITEM.fullmatch(line)
                if item is None:
                    break
                items.append(item[1])
        citations += [stripped for item in items if (stripped := item.strip(" \t.*_`\"'<>"))]
    return citations


def _is_citation_of(citation: str, source: ChatSource) -> bool:
    """Return True if a citation means a source: by its number, its label, its path or address, or its file name."""
    number = NUMBER.fullmatch(citation)
    if number:
        return int(number[1]) == source.number
    name = re.sub(r"^\[\d+\]\s*", "", citation)
    names = (source.source, os.path.basename(source.source.rstrip("/")), source.label)
    return name in names or name.startswith((f"{source.source} ", f"{source.source},")) or source.source.endswith(f"/{name}")
