"""Rate limiters for requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["RateLimiter", "TimeRateLimiter"]


class RateLimiter(Protocol):
    """An object that delays requests."""

    def sleep(self, *args: object, **kwargs: object) -> None:
        """Wait until the next request may be sent."""


class TimeRateLimiter:
    """Limits requests to `rate` per second, evenly spaced. The first request never waits. Thread-safe.

    Args:
        rate: Requests per second. A negative rate sets no limit.
        clock: A function that returns the time in seconds.

    Raises:
        ZeroDivisionError: if `rate` is 0.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._interval = max(0.0, 1.0 / rate)
        self._clock = clock
        self._next = float("-inf")
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Reserve the next free slot, and return the seconds until it begins."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            self._next = slot + self._interval
            return slot - now

    def sleep(self, *args: object, **kwargs: object) -> None:
        """Wait for the next free slot."""
        time.sleep(self.reserve())
