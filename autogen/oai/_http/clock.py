"""One clock for a whole request: connecting, headers, redirects and body together end within its time limit.

The HTTP library gives every wait the full limit, so a server that sends a byte, a header or a comment now and then holds a
request for ever. But it hands its limits to the network unchanged: here they are `Limit` objects, and the network backends
of `network.py` wait only for the time that is left.

The clock starts when the request first uses the network. Waiting for a connection of a pool is not the endpoint's fault.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

from .libraries import httpx


class Clock:
    """The time that a request has taken.

    Args:
        limit: The seconds that it may take.

    Attributes:
        limit: As above.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._deadline: float | None = None

    def restart(self) -> None:
        """Begin to count, again if need be."""
        self._deadline = time.monotonic() + self.limit

    def get_remaining(self) -> float:
        """Return the seconds that are left; the first call starts the clock."""
        if self._deadline is None:
            self.restart()
        assert self._deadline is not None
        return self._deadline - time.monotonic()


class Limit(float):
    """The time limit of a single wait, which ends with the clock of its request at the latest."""

    clock: Clock

    @classmethod
    def of(cls, clock: Clock, seconds: float | None) -> Limit:
        """Make a limit; None for the clock's alone."""
        limit = cls(clock.limit if seconds is None else min(seconds, clock.limit))
        limit.clock = clock
        return limit


def get_remaining(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the seconds that a wait may take.

    Args:
        timeout: The limit that the HTTP library hands over; None for no limit.
        error: Exception class for a clock that has run out.
    """
    if not isinstance(timeout, Limit):
        return timeout
    remaining = timeout.clock.get_remaining()
    if remaining <= 0:
        raise error("the request has used up its time limit")
    return min(timeout, remaining)


def set_clock(request: httpx.Request) -> None:
    """Give a request a clock. Its limit is the read timeout, or for lack of that none."""
    timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout") or {})
    total = timeouts.get("read")
    if total is None or isinstance(total, Limit):
        return
    clock = Clock(total)
    limits = {name: Limit.of(clock, timeouts.get(name)) for name in ("connect", "read", "write")}
    # Other requests of this process have the connections, so the endpoint is not to blame for the wait.
    request.extensions = {**request.extensions, "timeout": {**limits, "pool": None}}
