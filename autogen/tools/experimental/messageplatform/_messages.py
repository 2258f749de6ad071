"""Helpers of the tools that send and read messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

MAX_MESSAGES = 100
"""Number of messages that a tool returns at most."""


def split_message(text: str, limit: int) -> Iterator[str]:
    """Yield a message in pieces of limited length, cut at a line end or a space if there is one.

    Raises:
        ValueError: if it is empty.
    """
    if not text.strip():
        raise ValueError("The message must not be empty.")
    # A piece that ends within a word can't be read.
    while len(text) > limit:
        cut = max(text.rfind("\n", 1, limit), text.rfind(" ", 1, limit))
        cut = cut if cut > 0 else limit
        yield text[:cut]
        text = text[cut:].lstrip()
    if text:
        yield text


def parse_time(text: str) -> float:
    """Return a time in ISO 8601 as seconds since 1970; one without a zone is in UTC.

    Raises:
        ValueError: if it is not a time.
    """
    try:
        # Python 3.10 knows no Z.
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"messages_since must be a time such as '2026-01-31T12:00:00Z', or an id, got {text!r}.") from None
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()


def read_maximum(maximum: int | None) -> int:
    """Return the number of messages to return; None for the limit.

    Raises:
        ValueError: if it is not positive.
    """
    if maximum is not None and maximum < 1:
        raise ValueError(f"maximum_messages must be positive, got {maximum}.")
    return min(maximum or MAX_MESSAGES, MAX_MESSAGES)
