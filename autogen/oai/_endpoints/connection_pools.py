"""Many requests at once, each among few connections.

The connection pool of the SDK's HTTP library looks through all of its connections and waiting requests whenever one begins
or ends: with a thousand chats at once that is nearly all that it does. So requests are spread over several pools, the next
of which is opened when the ones before are busy. Who sends few at once has one pool, and its connections are used again.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.request import getproxies

BUSY = 32  # requests that go on in a pool, before the next one is opened
MOST_POOLS = 32  # for about as many requests as the SDK sends at once; with more of them pools take more than BUSY


def spread(http_class: Any) -> dict[str, Any]:
    """The arguments that spread the requests of an asynchronous HTTP client, of the class that the SDK uses; none where the
    environment names proxies, which the client has to see to itself."""
    if getproxies().keys() - {"no"}:
        return {}
    names = (base.__module__.partition(".")[0] for base in http_class.__mro__)
    library = sys.modules[next(name for name in names if name.startswith("httpx"))]
    return {"transport": _transport(library)}


def _transport(library: Any) -> Any:
    """A transport of this HTTP library that has others do its work."""
    tls = library.create_ssl_context()
    limits = library.Limits(max_connections=BUSY * 2, max_keepalive_connections=BUSY * 2, keepalive_expiry=5.0)

    class Pool:
        """A pool of connections, and how many requests go on in it."""

        def __init__(self) -> None:
            self.transport = library.AsyncHTTPTransport(verify=tls, limits=limits)
            self.busy = 0

    class Counted(library.AsyncByteStream):  # type: ignore[misc]
        """The body of an answer: with its end the request has ended."""

        def __init__(self, stream: Any, pool: Pool) -> None:
            self._stream, self._pool, self._is_open = stream, pool, True

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._stream:
                yield piece

        async def aclose(self) -> None:
            if self._is_open:
                self._is_open = False
                self._pool.busy -= 1
            await self._stream.aclose()

    class Spread(library.AsyncBaseTransport):  # type: ignore[misc]
        """The pools, in the order in which they were opened."""

        def __init__(self) -> None:
            self.pools = [Pool()]

        async def handle_async_request(self, request: Any) -> Any:
            pool = self._free()
            pool.busy += 1
            try:
                response = await pool.transport.handle_async_request(request)
            except BaseException:
                pool.busy -= 1
                raise
            response.stream = Counted(response.stream, pool)
            return response

        def _free(self) -> Pool:
            for pool in self.pools:
                if pool.busy < BUSY:
                    return pool
            if len(self.pools) < MOST_POOLS:
                self.pools.append(Pool())
                return self.pools[-1]
            return min(self.pools, key=lambda pool: pool.busy)

        async def aclose(self) -> None:
            for pool in self.pools:
                await pool.transport.aclose()

    return Spread()
