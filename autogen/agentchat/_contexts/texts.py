"""The texts of messages: found, shortened and replaced without a change to the message itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..agent import Message


def get_texts(message: Message) -> list[str]:
    """Return the texts that a model sees of a message: of its results, or else of its content, part by part."""
    texts: list[str] = []
    for response in message.get("tool_responses") or ():
        texts += _get_content_texts(response.get("content"))
    return texts if _repeats_results(message) else texts + _get_content_texts(message.get("content"))


def replace_texts(message: Message, texts: Sequence[str]) -> Message:
    """Return a copy of a message with other texts, as many as `get_texts` returns."""
    remaining = iter(texts)
    changed = dict(message)
    if responses := message.get("tool_responses"):
        changed["tool_responses"] = [
            {**response, "content": _replace_content(response.get("content"), remaining)} for response in responses
        ]
    if _repeats_results(message):
        changed["content"] = "\n\n".join(text for text in texts if text)
    else:
        changed["content"] = _replace_content(message.get("content"), remaining)
    return changed


def get_other_parts(message: Message) -> Iterator[Any]:
    """Return the parts of a message's content besides its texts, such as images."""
    content = message.get("content")
    if isinstance(content, (list, tuple)):
        yield from (part for part in content if not _is_text(part))


def _repeats_results(message: Message) -> bool:
    """Return True if the content of a message only repeats the results that it has in the form of a history."""
    return bool(message.get("tool_responses")) and message.get("role") == "tool"


def _is_text(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("text"), str))


def _get_content_texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, (list, tuple)):
        return [part if isinstance(part, str) else part["text"] for part in content if _is_text(part)]
    return []


def _replace_content(content: Any, texts: Iterator[str]) -> Any:
    if isinstance(content, str):
        return next(texts)
    if isinstance(content, (list, tuple)):
        return [_replace_part(part, texts) if _is_text(part) else part for part in content]
    return content


def _replace_part(part: Any, texts: Iterator[str]) -> Any:
    return next(texts) if isinstance(part, str) else {**part, "text": next(texts)}


def allot(sizes: Iterable[int], limit: int) -> list[int]:
    """Divide a limit among texts: no text gets more than its size, and large texts get equal shares.

    >>> allot([5, 100, 40], 65)
    [5, 30, 30]
    """
    sizes = list(sizes)
    shares = [0] * len(sizes)
    remaining, left = max(limit, 0), len(sizes)
    for index in sorted(range(len(sizes)), key=sizes.__getitem__):
        shares[index] = min(sizes[index], remaining // left)
        remaining -= shares[index]
        left -= 1
    return shares
