"""Spacing requests in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["RateLimiter", "TimeRateLimiter"]


class RateLimiter(Protocol):
    """Somebody who says when the next request may go out."""

    def sleep(self, *args: Any, **kwargs: Any) -> None:
        """Wait until it may."""


class TimeRateLimiter:
    """At most `rate` requests a second, evenly spaced. The first never waits. Safe between threads.

    Args:
        rate: Requests per second; a negative rate is no limit.
        clock: Where the time comes from, in seconds.

    Raises:
        ZeroDivisionError: The rate is 0.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._interval = max(0.0, 1.0 / rate)
        self._clock = clock
        self._next = float("-inf")
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next free slot; returns the seconds until it begins."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            self._next = slot + self._interval
            return slot - now

    def sleep(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the next free slot."""
        time.sleep(self.reserve())
