"""Waiting for an answer: until it comes, its time is up, or nobody needs it any more."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .._threads import CallTimeout, is_cancelled
from .base import StreamClosed

LOOK = 0.25  # seconds between two looks whether anybody still waits


def slices(seconds: float | None) -> Iterator[float]:
    """How long to wait next; it never just ends.

    Raises:
        TimeUp: So many seconds are over.
        StreamClosed: The call that asks was cancelled.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while not is_cancelled():
        yield LOOK if end is None else max(0.0, min(LOOK, end - time.monotonic()))
        if end is not None and time.monotonic() >= end:
            raise CallTimeout(f"There was no input within {seconds:g} seconds.")
    raise StreamClosed("Nobody waits for this answer any more: the call that asked was cancelled.")
