"""HTTP clients for the SDK: with a clock for each request, a limit of size, no redirects to strangers, and small pools.

**Small pools.** The library's pool walks through all of its connections and queued requests whenever one of them starts or
ends, which dominates the cost of a thousand concurrent chats. Async requests are therefore spread over several small pools;
a pool is opened when those before it are busy, so a few requests share one pool and reuse its connections. Requests beyond
the capacity of all pools wait, without a time limit: each that has a connection ends by its clock.

A client belongs to no endpoint: it keeps no credentials and no cookies, and all endpoints of the process share it.

This module imports the SDK; import it where a client is made.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
from collections.abc import AsyncIterator
from functools import lru_cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies

import openai

from ..._secrets import mask_urls_in_record
from .clock import set_clock
from .guards import a_guard_response, guard_response
from .libraries import httpx
from .network import install_clocks

POOL_SIZE = 32  # concurrent requests in a pool before the next pool is opened
MAX_POOLS = 32  # together about the number of connections that the SDK allows


# The library logs the address of each request.
logging.getLogger(httpx.__name__).addFilter(mask_urls_in_record)


def _get_capacity() -> int:
    """Return the number of connections that a client may open: at most half of the files that the process may."""
    capacity = POOL_SIZE * MAX_POOLS
    if sys.platform == "win32":
        return capacity
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return capacity if files == resource.RLIM_INFINITY else max(POOL_SIZE, min(capacity, files // 2))


@lru_cache(maxsize=8)
def _make_tls_context(*_: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


def get_tls_context() -> ssl.SSLContext:
    """Return the TLS context of this process for the certificates that its environment names.

    Reading the certificates takes 20 ms, and each event loop has a client of its own.
    """
    return _make_tls_context(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")))


class Pool:
    """A small connection pool and the number of requests in it."""

    def __init__(self, tls: object, limits: httpx.Limits) -> None:
        self.transport = httpx.AsyncHTTPTransport(verify=tls, limits=limits)  # type: ignore[arg-type]
        install_clocks(self.transport)
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
        self._tls = get_tls_context()
        self._limits = _make_limits(POOL_SIZE)
        self._max_pools = _get_capacity() // POOL_SIZE
        self.pools = [Pool(self._tls, self._limits)]

    def _select_pool(self) -> Pool:
        for pool in self.pools:
            if pool.busy < POOL_SIZE:
                return pool
        if len(self.pools) < self._max_pools:
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


def _make_limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=min(connections, 100), keepalive_expiry=5.0)


def _refuse_cookies() -> CookieJar:
    # They would pass from one endpoint's credentials to another's.
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class Client(openai.DefaultHttpxClient):
    """An HTTP client for the SDK's sync client."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, which gets a clock."""
        set_clock(request)
        return super().send(request, **options)


class AsyncClient(openai.DefaultAsyncHttpxClient):
    """An HTTP client for the SDK's async client."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, which gets a clock."""
        set_clock(request)
        return await super().send(request, **options)


def make_http_client(max_response_bytes: int) -> Client:
    """Make an HTTP client for the SDK's sync client.

    Args:
        max_response_bytes: Maximum size of a response.
    """
    client = Client(
        event_hooks={"response": [partial(guard_response, max_response_bytes)]},
        limits=_make_limits(_get_capacity()),
        cookies=_refuse_cookies(),
    )
    _install_in_transports(client)
    return client


def make_async_http_client(max_response_bytes: int) -> AsyncClient:
    """Make an HTTP client for the SDK's async client.

    Args:
        max_response_bytes: Maximum size of a response.
    """
    # Proxies of the environment are mounted beside the transport by the client itself, but only if it makes its own.
    uses_proxies = bool(getproxies().keys() - {"no"})
    client = AsyncClient(
        event_hooks={"response": [partial(a_guard_response, max_response_bytes)]},
        limits=_make_limits(_get_capacity()),
        transport=None if uses_proxies else PooledTransport(),
        cookies=_refuse_cookies(),
    )
    _install_in_transports(client)
    return client


def _install_in_transports(client: Client | AsyncClient) -> None:
    # Only the client itself can make the transports for the proxies of the environment.
    for transport in (client._transport, *client._mounts.values()):
        install_clocks(transport)
