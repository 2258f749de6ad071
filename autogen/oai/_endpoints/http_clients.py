"""HTTP clients for the SDK, with a time limit for whole bodies and with small connection pools.

**Body time limit.** The library's read timeout is the longest pause between two chunks, so a server that sends a byte now
and then holds a request forever. Here the whole body must arrive within it. Event streams are exempt.

**Small pools.** The library's pool walks through all of its connections and queued requests whenever one of them starts or
ends, which dominates the cost of a thousand concurrent chats. Async requests are therefore spread over several small pools;
a pool is opened when those before it are busy, so a few requests share one pool and reuse its connections.

This module imports the SDK; import it where a client is made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from urllib.request import getproxies

import openai

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    # Both `httpx` and `httpx2` may be installed: use the base class's, on which the SDK is built.
    _LIBRARY = next(base for base in openai.DefaultHttpxClient.__mro__ if base.__module__.startswith("httpx"))
    httpx = sys.modules[_LIBRARY.__module__.partition(".")[0]]

POOL_SIZE = 32  # concurrent requests in a pool before the next pool is opened
MAX_POOLS = 32  # together about the number of connections that the SDK allows


class TimedStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response body that must be complete before a deadline, for sync and async clients.

    Args:
        response: The response whose stream is wrapped.
        limit: Time for the whole body, in seconds.

    Raises:
        httpx.ReadTimeout: While reading, if the deadline has passed.
    """

    def __init__(self, response: httpx.Response, limit: float) -> None:
        self._stream = response.stream
        self._request = response.request
        self._limit = limit
        self._deadline = time.monotonic() + limit

    def _check_deadline(self) -> None:
        if time.monotonic() > self._deadline:
            raise httpx.ReadTimeout(f"response body incomplete after {self._limit:g} s", request=self._request)

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx.SyncByteStream)
        for chunk in self._stream:
            self._check_deadline()
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        async for chunk in self._stream:
            self._check_deadline()
            yield chunk

    def close(self) -> None:
        """Close the wrapped stream."""
        assert isinstance(self._stream, httpx.SyncByteStream)
        self._stream.close()

    async def aclose(self) -> None:
        """Close the wrapped stream."""
        assert isinstance(self._stream, httpx.AsyncByteStream)
        await self._stream.aclose()


def limit_body_time(response: httpx.Response) -> None:
    """Apply the request's read timeout to the whole body, unless the body is an event stream (a response hook)."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return
    limit = response.request.extensions.get("timeout", {}).get("read")
    if limit is not None:
        response.stream = TimedStream(response, limit)


async def a_limit_body_time(response: httpx.Response) -> None:
    """Async version of `limit_body_time`."""
    limit_body_time(response)


class Pool:
    """A small connection pool and the number of requests in it."""

    def __init__(self, tls: object, limits: httpx.Limits) -> None:
        self.transport = httpx.AsyncHTTPTransport(verify=tls, limits=limits)  # type: ignore[arg-type]
        self.busy = 0


class CountedStream(httpx.AsyncByteStream):
    """A response body that releases its request's slot in the pool when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: Pool) -> None:
        self._stream = stream
        self._pool: Pool | None = pool

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        """Release the slot, once, and close the wrapped stream."""
        if self._pool is not None:
            self._pool.busy -= 1
            self._pool = None
        await self._stream.aclose()


class PooledTransport(httpx.AsyncBaseTransport):
    """Spreads requests over several small pools, in the order in which the pools were opened."""

    def __init__(self) -> None:
        # Making a TLS context takes 20 ms: the pools share it.
        self._tls = httpx.create_ssl_context()
        self._limits = httpx.Limits(
            max_connections=POOL_SIZE * 2, max_keepalive_connections=POOL_SIZE * 2, keepalive_expiry=5.0
        )
        self.pools = [Pool(self._tls, self._limits)]

    def _select_pool(self) -> Pool:
        for pool in self.pools:
            if pool.busy < POOL_SIZE:
                return pool
        if len(self.pools) < MAX_POOLS:
            self.pools.append(Pool(self._tls, self._limits))
            return self.pools[-1]
        return min(self.pools, key=lambda pool: pool.busy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the first pool with a free slot."""
        pool = self._select_pool()
        pool.busy += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            pool.busy -= 1
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = CountedStream(response.stream, pool)
        return response

    async def aclose(self) -> None:
        """Close all pools."""
        for pool in self.pools:
            await pool.transport.aclose()


def make_http_client() -> httpx.Client:
    """Make an HTTP client for the SDK's sync client."""
    return openai.DefaultHttpxClient(event_hooks={"response": [limit_body_time]})


def make_async_http_client() -> httpx.AsyncClient:
    """Make an HTTP client for the SDK's async client."""
    # Proxies of the environment are mounted beside the transport by the client itself, but only if it makes its own.
    uses_proxies = bool(getproxies().keys() - {"no"})
    transport = None if uses_proxies else PooledTransport()
    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [a_limit_body_time]}, transport=transport)
