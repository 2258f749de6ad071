"""A time limit for the whole body of an answer.

The HTTP library's time-out is the longest pause between two pieces. A server that sends a byte now and then would hold a
request for ever. A streamed answer is another thing: that it comes in pieces is its point.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any


def watch(response: Any) -> None:
    """A response hook for the SDK's HTTP client: the body must be there within the request's time-out."""
    limit = _limit(response)
    if limit is not None:
        response.stream = _clocked(response, "SyncByteStream", limit)


async def a_watch(response: Any) -> None:
    """`watch` for asynchronous clients."""
    limit = _limit(response)
    if limit is not None:
        response.stream = _clocked(response, "AsyncByteStream", limit)


def _limit(response: Any) -> float | None:
    """Seconds for the body; None for a stream of events, and where there is no time-out."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return None
    limit: float | None = response.request.extensions.get("timeout", {}).get("read")
    return limit


def _clocked(response: Any, kind: str, limit: float) -> Any:
    """The stream of a response with a clock. Its class belongs to the HTTP library that the SDK is built on."""
    library = sys.modules[type(response).__module__.partition(".")[0]]
    stream = response.stream
    deadline = time.monotonic() + limit

    def check() -> None:
        if time.monotonic() > deadline:
            raise library.ReadTimeout(f"The answer was not whole after {limit:g} seconds.", request=response.request)

    class Clocked(getattr(library, kind)):  # type: ignore[misc]
        """The stream, each piece of which must come in time."""

        def __iter__(self) -> Iterator[bytes]:
            for piece in stream:
                check()
                yield piece

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in stream:
                check()
                yield piece

        def close(self) -> None:
            """Close the stream."""
            stream.close()

        async def aclose(self) -> None:
            """Close the stream."""
            await stream.aclose()

    return Clocked()
