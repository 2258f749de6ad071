"""A proxy that connects a browser to the addresses that a policy allows, and to no others.

Interception of requests in the browser sees names alone, and the browser resolves them again when it connects: a name that
changes its address in between leads inside. Here, the proxy resolves the name, checks its addresses and connects to them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from urllib.parse import urlsplit

from .._mistakes import trim_stop
from ..fetching import AddressRefused, FetchPolicy

HEAD_LIMIT = 128 * 1024  # bytes
HEAD_SECONDS = 60.0
CHUNK = 64 * 1024
MAX_REASONS = 100
OWN_HEADERS = (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization")


class ConnectingProxy:
    """An HTTP proxy on loopback, for the event loop in which it is started.

    Args:
        policy: The addresses that it connects to.

    Attributes:
        refused: The reasons for its latest refusals; readers may clear it.
        url: Its address.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self.refused: deque[str] = deque(maxlen=MAX_REASONS)
        self.url = ""
        self._policy = policy
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            # The browser or the server has hung up, or speaks something else.
            pass
        except asyncio.CancelledError:
            # Only `stop` cancels. The server's own callback would report a task that ends as cancelled.
            pass
        finally:
            self._tasks.discard(task)
            await close_writer(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request of the browser: a tunnel, or a page without TLS."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        try:
            method, target, host, port = parse_request_line(head)
            upstream = await self._connect(host, port)
        except AddressRefused as error:
            # No word to the page, whose script could learn from it where names lead.
            self.refused.append(str(error))
            return
        try:
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(pipe(reader, upstream[1]), pipe(upstream[0], writer))
            else:
                await forward(head, target, reader, writer, upstream)
        finally:
            await close_writer(upstream[1])

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first allowed address of a host that can be reached.

        Raises:
            AddressRefused: if the policy does not allow it.
            OSError: if none can be reached; `FetchError` if the name can't be resolved.
        """
        self._policy.check_host(host, port)
        addresses = await asyncio.get_running_loop().run_in_executor(None, self._policy.resolve, host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                opening = asyncio.open_connection(address, port, limit=HEAD_LIMIT)
                return await asyncio.wait_for(opening, self._policy.timeout)
            except (OSError, asyncio.TimeoutError) as error:
                failure = error
        raise OSError(f"{host}:{port} can't be reached: {trim_stop(failure)}.")


def parse_request_line(head: bytes) -> tuple[bytes, bytes, str, int]:
    """Return the method of a request to a proxy, the target for the server, and the server's host and port.

    Raises:
        AddressRefused: if it is not such a request, or not one of HTTP.
    """
    words = head.split(b"\r\n", 1)[0].split(b" ")
    try:
        method, target, _version = words
        text = target.decode("ascii")
        parts = urlsplit(f"//{text}" if method == b"CONNECT" else text)
        host, port = parts.hostname or "", parts.port
        if method == b"CONNECT":
            if host and port:
                return method, target, host, port
        elif parts.scheme == "http" and host:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return method, path.encode("ascii"), host, port or 80
    except ValueError:
        pass
    raise AddressRefused(f"{head[:80]!r} is not a request that a proxy can serve.")


async def forward(
    head: bytes,
    target: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Send one request to a server, and its response to the browser.

    The connection ends with it: the browser's next request may be for another server.
    """
    lines = head.rstrip(b"\r\n").split(b"\r\n")
    method = lines[0].split(b" ", 1)[0]
    headers = strip_headers(lines[1:])
    upstream[1].write(b"\r\n".join([method + b" " + target + b" HTTP/1.1", *headers, b"Connection: close", b"", b""]))
    remaining = get_length(headers)
    while remaining > 0 and (chunk := await reader.read(min(CHUNK, remaining))):
        remaining -= len(chunk)
        upstream[1].write(chunk)
        await upstream[1].drain()
    await upstream[1].drain()
    while True:
        answer = await asyncio.wait_for(upstream[0].readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        status, *answer_headers = answer.rstrip(b"\r\n").split(b"\r\n")
        is_final = not status.partition(b" ")[2].startswith(b"1")
        ending = [b"Connection: close"] if is_final else []
        writer.write(b"\r\n".join([status, *strip_headers(answer_headers), *ending, b"", b""]))
        if is_final:
            break
    body = asyncio.ensure_future(pipe(upstream[0], writer))
    # The browser hangs up when it has read all, also if the server does not.
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((body, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (body, gone):
            task.cancel()
        await asyncio.gather(body, gone, return_exceptions=True)


def strip_headers(lines: list[bytes]) -> list[bytes]:
    """Return header lines without those that are about the connection to the proxy."""
    return [line for line in lines if line.partition(b":")[0].strip().lower() not in OWN_HEADERS]


def get_length(lines: list[bytes]) -> int:
    """Return the length of a request's body in bytes."""
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until their end, and pass the end on."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def close_writer(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the other side says."""
    with contextlib.suppress(OSError, asyncio.CancelledError):
        writer.close()
        await writer.wait_closed()
