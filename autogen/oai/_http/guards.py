"""Guards of responses: a limit of size, and no redirects to another host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

from ..._secrets import mask_url
from ..errors import RedirectRefused, ResponseTooLarge
from .libraries import httpx

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def guard_response(limit: int, response: httpx.Response) -> None:
    """Limit the size of a response, and refuse a redirect to another host (a response hook).

    Args:
        limit: Maximum number of bytes, after decompression.
        response: The response.

    Raises:
        RedirectRefused: if it is such a redirect.
    """
    _check_redirect(response)
    iter_bytes = response.iter_bytes

    def iter_limited(chunk_size: int | None = None) -> Iterator[bytes]:
        size = 0
        for chunk in iter_bytes(chunk_size):
            size = add_size(size, chunk, limit)
            yield chunk

    # Everything that reads a body, decompressed, does it through this method.
    setattr(response, "iter_bytes", iter_limited)  # noqa: B010


async def a_guard_response(limit: int, response: httpx.Response) -> None:
    """Async version of `guard_response`."""
    _check_redirect(response)
    aiter_bytes = response.aiter_bytes

    async def aiter_limited(chunk_size: int | None = None) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in aiter_bytes(chunk_size):
            size = add_size(size, chunk, limit)
            yield chunk

    setattr(response, "aiter_bytes", aiter_limited)  # noqa: B010


def add_size(size: int, chunk: bytes, limit: int) -> int:
    """Return the size of a response with one more piece.

    Args:
        size: Number of bytes before the piece.
        chunk: The piece.
        limit: Maximum number of bytes.

    Raises:
        ResponseTooLarge: if the response is larger.
    """
    size += len(chunk)
    if size > limit:
        text = f"The endpoint sent a response of more than {limit:,} bytes, the limit `max_response_bytes` in its config."
        raise ResponseTooLarge(text)
    return size


def _check_redirect(response: httpx.Response) -> None:
    if not response.has_redirect_location:
        return
    source, location = response.request.url, response.headers["location"]
    try:
        target = source.join(location)
    except httpx.InvalidURL:
        target = None
    if target is None or not _is_same_server(source, target):
        address = mask_url(location)
        text = (
            f"The endpoint redirects to {address}. A redirect to another server is not followed, "
            "because it would get the key and the conversation. If you trust it, set `base_url` to its address."
        )
        raise RedirectRefused(text, status_code=response.status_code, location=address)


def _is_same_server(source: httpx.URL, target: httpx.URL) -> bool:
    """Return True for the same scheme, host and port, and for the same host with TLS in place of none."""
    if source.host != target.host:
        return False
    schemes, ports = (
        (source.scheme, target.scheme),
        tuple(url.port or DEFAULT_PORTS.get(url.scheme) for url in (source, target)),
    )
    return (schemes[0] == schemes[1] and ports[0] == ports[1]) or (schemes == ("http", "https") and ports == (80, 443))
