"""Connections to checked addresses: a network backend for the HTTP library, sync and async.

The name is resolved once and the connection is made to an address that was checked, so a name that resolves to another
address a moment later (DNS rebinding) gains nothing. Host header and TLS keep the name.

A connection belongs to one fetch. In a shared pool, a fetch with strict rules could use the connection of a laxer fetch.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._extras import httpx as httpx_module
from .._secrets import mask_urls_in_record
from .._threads import CallTimeout, arun_with_timeout, run_with_timeout
from ._hosts import share_time
from ._policy import FetchPolicy

if TYPE_CHECKING:
    import httpcore2 as httpcore
    import httpx2 as httpx
else:
    httpx = httpx_module
    httpcore = import_module(httpx.__name__.replace("httpx", "httpcore"))

# The library logs the address of each request.
logging.getLogger(httpx.__name__).addFilter(mask_urls_in_record)


@cache
def get_tls_context() -> ssl.SSLContext:
    """Return the TLS context of all fetches. Making it takes 20 ms."""
    return httpx.create_ssl_context()


class Deadline:
    """The end of a fetch.

    Args:
        seconds: The seconds until then.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def clamp(self, timeout: float | None) -> float:
        """Return the shorter of a time limit and the remaining time, in seconds.

        Raises:
            httpcore.ReadTimeout: if no time remains.
        """
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the time limit is over")
        return remaining if timeout is None else min(timeout, remaining)


class LimitedStream(httpcore.NetworkStream):
    """A network stream that ends with its fetch, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the wrapped stream."""
        return self._stream.read(max_bytes, self._deadline.clamp(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the wrapped stream."""
        self._stream.write(buffer, self._deadline.clamp(timeout))

    def close(self) -> None:
        """Close the wrapped stream."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Start TLS."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.clamp(timeout))
        return LimitedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return information of the wrapped stream."""
        return self._stream.get_extra_info(info)


class AsyncLimitedStream(httpcore.AsyncNetworkStream):
    """Async version of `LimitedStream`."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the wrapped stream."""
        return await self._stream.read(max_bytes, self._deadline.clamp(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the wrapped stream."""
        await self._stream.write(buffer, self._deadline.clamp(timeout))

    async def aclose(self) -> None:
        """Close the wrapped stream."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS."""
        stream = await self._stream.start_tls(ssl_context, server_hostname, self._deadline.clamp(timeout))
        return AsyncLimitedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return information of the wrapped stream."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """A network backend that connects to addresses that a policy allows."""

    def __init__(self, policy: FetchPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first allowed address of a host that can be reached."""
        try:
            # The system's function takes as long as it likes.
            addresses = run_with_timeout(self._deadline.clamp(timeout), self._policy.resolve, host, port)
        except CallTimeout as error:
            raise httpcore.ConnectTimeout("looking up the name took too long") from error
        for address, seconds, is_last in share_time(addresses, partial(self._deadline.clamp, timeout)):
            try:
                stream = self._backend.connect_tcp(address, port, seconds, local_address, socket_options)
                return LimitedStream(stream, self._deadline)
            except (httpcore.ConnectTimeout, httpcore.ConnectError):
                if is_last:
                    raise
        raise AssertionError("unreachable: a name that resolves has an address")


class AsyncGuardedBackend(httpcore.AsyncNetworkBackend):
    """Async version of `GuardedBackend`."""

    def __init__(self, policy: FetchPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address of a host that can be reached."""
        try:
            addresses = await arun_with_timeout(self._deadline.clamp(timeout), self._policy.resolve, host, port)
        except CallTimeout as error:
            raise httpcore.ConnectTimeout("looking up the name took too long") from error
        for address, seconds, is_last in share_time(addresses, partial(self._deadline.clamp, timeout)):
            try:
                stream = await self._backend.connect_tcp(address, port, seconds, local_address, socket_options)
                return AsyncLimitedStream(stream, self._deadline)
            except (httpcore.ConnectTimeout, httpcore.ConnectError):
                if is_last:
                    raise
        raise AssertionError("unreachable: a name that resolves has an address")


class Exchange:
    """The requests of one fetch, sync or async: each method has an async version with the prefix `a_`.

    Args:
        policy: The rules.
        timeout: Time limit of the whole fetch in seconds.
    """

    def __init__(self, policy: FetchPolicy, timeout: float) -> None:
        self._policy = policy
        self._deadline = Deadline(timeout)
        self._client: httpx.Client | httpx.AsyncClient | None = None
        self._response: httpx.Response | None = None
        self._next_chunk: Callable[[], Any] | None = None

    def send(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None) -> httpx.Response:
        """Send a request and return its response, whose body is not read yet."""
        if self._client is None:
            # The environment's proxies would connect instead of us, and its .netrc has credentials.
            transport = httpx.HTTPTransport(verify=get_tls_context(), trust_env=False)
            install_backend(transport, GuardedBackend(self._policy, self._deadline))
            self._client = httpx.Client(transport=transport, trust_env=False, timeout=self._policy.timeout)
        assert isinstance(self._client, httpx.Client)
        request = self._client.build_request(method, url, headers=dict(headers), content=body)
        self._response = self._client.send(request, stream=True)
        self._next_chunk = self._response.iter_raw().__next__
        return self._response

    async def a_send(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None) -> httpx.Response:
        """Send a request and return its response, whose body is not read yet."""
        if self._client is None:
            transport = httpx.AsyncHTTPTransport(verify=get_tls_context(), trust_env=False)
            install_backend(transport, AsyncGuardedBackend(self._policy, self._deadline))
            self._client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=self._policy.timeout)
        assert isinstance(self._client, httpx.AsyncClient)
        request = self._client.build_request(method, url, headers=dict(headers), content=body)
        self._response = await self._client.send(request, stream=True)
        self._next_chunk = self._response.aiter_raw().__anext__
        return self._response

    def read(self) -> bytes | None:
        """Return the next bytes of the body, as sent; None at its end."""
        assert self._next_chunk is not None
        try:
            chunk: bytes = self._next_chunk()
        except StopIteration:
            return None
        return chunk

    async def a_read(self) -> bytes | None:
        """Return the next bytes of the body, as sent; None at its end."""
        assert self._next_chunk is not None
        try:
            chunk: bytes = await self._next_chunk()
        except StopAsyncIteration:
            return None
        return chunk

    def release(self) -> None:
        """Close the response, read or not."""
        if self._response is not None:
            self._response.close()

    async def a_release(self) -> None:
        """Close the response, read or not."""
        if self._response is not None:
            await self._response.aclose()

    def close(self) -> None:
        """Close the connections."""
        self.release()
        if isinstance(self._client, httpx.Client):
            self._client.close()

    async def a_close(self) -> None:
        """Close the connections."""
        await self.a_release()
        if isinstance(self._client, httpx.AsyncClient):
            await self._client.aclose()


def install_backend(transport: object, backend: object) -> None:
    """Make a transport of the HTTP library connect by a backend.

    Raises:
        RuntimeError: if the library is built in another way than this package knows. Nothing is fetched then.
    """
    pool = getattr(transport, "_pool", None)
    if not isinstance(getattr(pool, "_network_backend", None), (httpcore.NetworkBackend, httpcore.AsyncNetworkBackend)):
        raise RuntimeError(f"{httpx.__name__} {httpx.__version__} can't be guarded, so nothing is fetched with it.")
    pool._network_backend = backend  # type: ignore[union-attr]
