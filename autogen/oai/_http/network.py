"""Network backends for the HTTP library: they keep the clocks of requests, and connect in an orderly queue.

Two thousand chats that begin at once would overrun the endpoint's queue of new connections and this process's event loop,
and then time out at a healthy endpoint. So a few at a time connect to an address. A time-out is not believed while other
requests of this process are connected to it: it is they for whom the endpoint has no time.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

from ..._threads import CallTimeout, run_with_timeout
from ...fetching._hosts import resolve_host, share_time
from .clock import Limit, get_remaining
from .libraries import httpcore

SLOTS = 32  # connections to one address that are opened at the same time
MAX_ATTEMPTS = 20
# Time-outs of a request among others until one is believed: the event loop may have been busy with the others.
MAX_TIMEOUTS = 3
WRITE_SIZE = 16_384  # bytes
# A time-out that comes later than its limit by this factor says that this process is busy.
LATE = 1.2
# Errors of a process that has too many connections itself.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS)

SlotsT = TypeVar("SlotsT", threading.BoundedSemaphore, asyncio.BoundedSemaphore)


class ConnectQueue(Generic[SlotsT]):
    """The requests that are connecting to an address, and those that are connected.

    Args:
        slots: Semaphore for those that connect at the same time.

    Attributes:
        slots: As above.
        connected: The open connections.
    """

    def __init__(self, slots: SlotsT) -> None:
        self.slots: SlotsT = slots
        # A stream that nobody closes is forgotten when it is freed.
        self.connected: WeakSet[TimedStream | AsyncTimedStream] = WeakSet()
        self._timed_out_at = 0.0
        self._lock = threading.Lock()
        self._requests = 0

    @contextmanager
    def join(self) -> Iterator[None]:
        """Count a request that waits or connects."""
        with self._lock:
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    def is_dead(self, since: float) -> bool:
        """Return True if the endpoint has let somebody time out since a moment, and nobody is connected."""
        return self._timed_out_at > since and not self.connected

    def get_delay(self, error: Exception, since: float, limit: float | None, attempts: int) -> float | None:
        """Return the seconds to wait before another attempt; None if the failure is the endpoint's.

        Args:
            error: The failure.
            since: Start of the attempt.
            limit: Seconds that the attempt had.
            attempts: Attempts so far.
        """
        if attempts >= MAX_ATTEMPTS:
            return None
        if isinstance(error, httpcore.ConnectTimeout):
            is_believed = attempts >= MAX_TIMEOUTS or self._requests == 1
            if self.connected or not is_believed or (limit is not None and time.monotonic() - since > limit * LATE):
                return 0.0
            self._timed_out_at = time.monotonic()
            return None
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__
        return 0.1 * attempts if cause is not None and cause.errno in SHORTAGES else None


class TimedStream(httpcore.NetworkStream):
    """A network stream that keeps the clock of each request."""

    def __init__(self, stream: httpcore.NetworkStream, queue: ConnectQueue[Any] | None = None) -> None:
        self._stream = stream
        self._queue = queue
        if queue is not None:
            queue.connected.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the wrapped stream."""
        return self._stream.read(max_bytes, get_remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the wrapped stream, which gives each part the whole limit."""
        for start in range(0, len(buffer), WRITE_SIZE):
            self._stream.write(buffer[start : start + WRITE_SIZE], get_remaining(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the wrapped stream."""
        _disconnect(self, self._queue)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Start TLS. The endpoint is alive by now, so the whole of the remaining time is for the handshake."""
        seconds = _get_time_for_tls(timeout)
        try:
            return TimedStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._queue)
        finally:
            _disconnect(self, self._queue)

    def get_extra_info(self, info: str) -> Any:
        """Return information of the wrapped stream."""
        return self._stream.get_extra_info(info)


class AsyncTimedStream(httpcore.AsyncNetworkStream):
    """Async version of `TimedStream`."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, queue: ConnectQueue[Any] | None = None) -> None:
        self._stream = stream
        self._queue = queue
        if queue is not None:
            queue.connected.add(self)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the wrapped stream."""
        return await self._stream.read(max_bytes, get_remaining(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the wrapped stream."""
        await self._stream.write(buffer, get_remaining(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        """Close the wrapped stream."""
        _disconnect(self, self._queue)
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS, as in the sync version."""
        seconds = _get_time_for_tls(timeout)
        try:
            return AsyncTimedStream(await self._stream.start_tls(ssl_context, server_hostname, seconds), self._queue)
        finally:
            _disconnect(self, self._queue)

    def get_extra_info(self, info: str) -> Any:
        """Return information of the wrapped stream."""
        return self._stream.get_extra_info(info)


class TimedBackend(httpcore.NetworkBackend):
    """A network backend whose streams keep the clocks of requests."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._queues: WeakValueDictionary[tuple[str, int], ConnectQueue[threading.BoundedSemaphore]] = WeakValueDictionary()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect when it is this request's turn."""
        with self._lock:
            queue = self._queues.get((host, port))
            if queue is None:
                queue = self._queues[host, port] = ConnectQueue(threading.BoundedSemaphore(SLOTS))
        since = time.monotonic()
        with queue.join(), queue.slots:
            for attempts in count(1):
                if queue.is_dead(since):
                    raise httpcore.ConnectTimeout("the endpoint accepts no connections")
                since = time.monotonic()
                seconds = get_remaining(timeout, httpcore.ConnectTimeout)
                try:
                    stream = self._connect(host, port, seconds, local_address, socket_options)
                except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                    delay = queue.get_delay(error, since, seconds, attempts)
                    if delay is None:
                        raise
                else:
                    return TimedStream(stream, queue)
                time.sleep(delay)
                _restart_clock(timeout)
        raise AssertionError("unreachable: the loop is endless")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Connect to a Unix socket."""
        seconds = get_remaining(timeout, httpcore.ConnectTimeout)
        return TimedStream(self._backend.connect_unix_socket(path, seconds, socket_options))

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._backend.sleep(seconds)

    def _connect(
        self, host: str, port: int, seconds: float | None, local_address: str | None, options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        """Connect to one of a host's addresses. Python's own function gives each of them the whole time limit."""
        if seconds is None:
            return self._backend.connect_tcp(host, port, None, local_address, options)
        deadline = time.monotonic() + seconds
        addresses = _resolve(host, port, seconds)
        for address, share, is_last in share_time(addresses, lambda: deadline - time.monotonic()):
            try:
                return self._backend.connect_tcp(address, port, share, local_address, options)
            except (httpcore.ConnectTimeout, httpcore.ConnectError):
                if is_last:
                    raise
        raise AssertionError("unreachable: a name that resolves has an address")


class AsyncTimedBackend(httpcore.AsyncNetworkBackend):
    """Async version of `TimedBackend`."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend
        self._queues: WeakValueDictionary[tuple[str, int], ConnectQueue[asyncio.BoundedSemaphore]] = WeakValueDictionary()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect when it is this request's turn."""
        queue = self._queues.get((host, port))
        if queue is None:
            queue = self._queues[host, port] = ConnectQueue(asyncio.BoundedSemaphore(SLOTS))
        since = time.monotonic()
        with queue.join():
            async with queue.slots:
                for attempts in count(1):
                    if queue.is_dead(since):
                        raise httpcore.ConnectTimeout("the endpoint accepts no connections")
                    since = time.monotonic()
                    seconds = get_remaining(timeout, httpcore.ConnectTimeout)
                    try:
                        stream = await self._backend.connect_tcp(host, port, seconds, local_address, socket_options)
                    except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                        delay = queue.get_delay(error, since, seconds, attempts)
                        if delay is None:
                            raise
                    else:
                        return AsyncTimedStream(stream, queue)
                    await asyncio.sleep(delay)
                    _restart_clock(timeout)
        raise AssertionError("unreachable: the loop is endless")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a Unix socket."""
        seconds = get_remaining(timeout, httpcore.ConnectTimeout)
        return AsyncTimedStream(await self._backend.connect_unix_socket(path, seconds, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)


def install_clocks(transport: object) -> None:
    """Make the connections of an HTTP transport keep the clocks of requests.

    Args:
        transport: A transport of the HTTP library; any other is left as it is.
    """
    pool = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if isinstance(backend, httpcore.AsyncNetworkBackend):
        pool._network_backend = AsyncTimedBackend(backend)  # type: ignore[union-attr]
    elif isinstance(backend, httpcore.NetworkBackend):
        pool._network_backend = TimedBackend(backend)  # type: ignore[union-attr]


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host. The system's function takes as long as it likes.

    Raises:
        httpcore.ConnectTimeout, httpcore.ConnectError: if there are none.
    """
    try:
        return run_with_timeout(seconds, resolve_host, host, port)
    except CallTimeout as error:
        raise httpcore.ConnectTimeout("looking up the name took too long") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error


def _disconnect(stream: TimedStream | AsyncTimedStream, queue: ConnectQueue[Any] | None) -> None:
    if queue is not None:
        queue.connected.discard(stream)


def _restart_clock(timeout: float | None) -> None:
    if isinstance(timeout, Limit):
        timeout.clock.restart()


def _get_time_for_tls(timeout: float | None) -> float | None:
    remaining = get_remaining(timeout, httpcore.ConnectTimeout)
    return timeout.clock.get_remaining() if isinstance(timeout, Limit) else remaining
