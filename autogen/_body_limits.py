"""Bodies of HTTP responses of limited size, however they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any


def limit_body(response: Any, limit: int, make_error: Callable[[str], Exception]) -> None:
    """Make the body of an async response raise an error as soon as it is too large: the whole, or an event of a stream.

    Args:
        response: Response of the HTTP library, not read yet.
        limit: Maximum number of bytes.
        make_error: Returns the error for a clause about the server, such as "it sent a message of more than 9 bytes".
    """
    is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
    response.aiter_bytes = partial(_read_limited, response.aiter_bytes, is_stream, limit, make_error)


async def _read_limited(
    read: Callable[..., AsyncIterator[bytes]],
    is_stream: bool,
    limit: int,
    make_error: Callable[[str], Exception],
    chunk_size: int | None = None,
) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in read(chunk_size):
        # An event ends with an empty line.
        end = max(chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n")) if is_stream else -1
        size = len(chunk) - end if end >= 0 else size + len(chunk)
        if size > limit:
            raise make_error(f"it sent a message of more than {limit:,} bytes")
        yield chunk
