"""Waiting for an answer, with a time limit and cancellation."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .._threads import CallTimeout, is_cancelled
from .base import StreamClosed

POLL_INTERVAL = 0.25  # seconds


def iterate_waits(seconds: float | None) -> Iterator[float]:
    """Iterate over the seconds to wait next, until the time limit. The iterator never ends normally.

    Args:
        seconds: The time limit in seconds; None for no limit.

    Raises:
        CallTimeout: if the time limit is over.
        StreamClosed: if the waiting call was cancelled.
    """
    end = None if seconds is None else time.monotonic() + seconds
    # Nothing can interrupt a wait, so cancellation is polled between short waits.
    while not is_cancelled():
        yield POLL_INTERVAL if end is None else max(0.0, min(POLL_INTERVAL, end - time.monotonic()))
        if end is not None and time.monotonic() >= end:
            raise CallTimeout(f"There was no input within {seconds:g} seconds.")
    raise StreamClosed("The call that was waiting for this answer was cancelled.")
