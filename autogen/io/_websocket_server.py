"""The server behind `IOWebsockets`: it listens in a thread, accepts clients, and can be stopped whatever they do.

Messages to a client and its answers are in `websockets`.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .._extras import require
from .._mistakes import trim_stop
from .._threads import CallTimeout, run_with_timeout, start_daemon_thread
from ._waiting import POLL_INTERVAL
from .base import StreamClosed

if TYPE_CHECKING:
    from websockets.sync.server import Server, ServerConnection

logger = logging.getLogger(__name__)

SUBPROTOCOL = "autogen.json"
LOCAL_ORIGIN = re.compile(r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")
# A close code of the websocket protocol.
GOING_AWAY = 1001


class Limits(NamedTuple):
    """Time limits of a server, in seconds.

    Attributes:
        stop_timeout: For clients and chats to end when the server stops.
        send_timeout: For a client to accept data; None for no limit.
    """

    stop_timeout: float
    send_timeout: float | None


@contextmanager
def run_server(
    handle_client: Callable[[ServerConnection], None],
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    limits: Limits,
    options: dict[str, Any],
) -> Iterator[str]:
    """Run a server during a `with` block, which gets its URI.

    Args:
        handle_client: Called with each connection, in a thread of its own; the connection is closed when it returns.
        host: The address to listen on.
        port: The port; 0 for any free port.
        ssl_context: The context for TLS, or None.
        limits: The time limits.
        options: Further arguments for `websockets.sync.server.serve`.

    Raises:
        OSError: if the server can't listen on the address.
    """
    clients = ClientThreads(handle_client, limits)
    server = _listen(clients.run, host, port, ssl_context, options)
    # Threads inherit the daemon flag: neither this thread nor those of the clients keep the process alive.
    thread = threading.Thread(target=server.serve_forever, name="autogen-websockets", daemon=True)
    thread.start()
    try:
        yield _format_uri(host, server.socket, ssl_context is not None)
    finally:
        clients.stop()
        # In a thread of its own: it may wait for clients that connected but never finished the handshake.
        start_daemon_thread(server.shutdown)
        thread.join()
        clients.join()


class ClientThreads:
    """The threads of connected clients, each with a chat.

    Args:
        handle_client: Called with each connection.
        limits: The time limits.
    """

    def __init__(self, handle_client: Callable[[ServerConnection], None], limits: Limits) -> None:
        self._handle_client = handle_client
        self._limits = limits
        self._stopping: Future[None] = Future()
        self._threads: set[threading.Thread] = set()

    def run(self, websocket: ServerConnection) -> None:
        """Run a client's chat in another thread and supervise it; return when the chat ends or the server stops.

        Args:
            websocket: The connection.
        """
        thread = threading.current_thread()
        self._threads.add(thread)
        try:
            if self._limits.send_timeout is not None:
                _limit_sending(websocket.socket, self._limits.send_timeout)
            if self._stopping.done():
                return self._hang_up(websocket)
            chat, cancel = start_daemon_thread(self._run_chat, websocket)
            while not wait([chat, self._stopping], POLL_INTERVAL, FIRST_COMPLETED).done:
                # The client has left: programs of the chat have nobody to run for.
                if websocket.close_code is not None:
                    cancel.set()
            if not chat.done():
                self._hang_up(websocket)
                cancel.set()
                if not wait([chat], self._limits.stop_timeout).done:
                    logger.warning("A chat still runs %g seconds after its server was stopped.", self._limits.stop_timeout)
        finally:
            self._threads.discard(thread)

    def stop(self) -> None:
        """Close all connections: a chat gets `StreamClosed` when it next prints or asks."""
        self._stopping.set_result(None)

    def join(self) -> None:
        """Wait until all connections are closed."""
        for thread in list(self._threads):
            thread.join()

    def _run_chat(self, websocket: ServerConnection) -> None:
        try:
            self._handle_client(websocket)
        except StreamClosed as error:
            logger.info("A chat ended without its client: %s", error)
        except BaseException:
            logger.warning("on_connect failed.", exc_info=True)

    def _hang_up(self, websocket: ServerConnection) -> None:
        """Close a connection with a closing handshake; without one if the client doesn't respond."""
        try:
            run_with_timeout(self._limits.stop_timeout, websocket.close, GOING_AWAY)
        except CallTimeout:
            # The base class's method also works under TLS, and while another thread is blocked in `send`.
            with suppress(OSError):
                socket.socket.shutdown(websocket.socket, socket.SHUT_RDWR)


def _listen(
    handler: Callable[[ServerConnection], None],
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    options: dict[str, Any],
) -> Server:
    serve = require("websockets.sync.server", extra="websockets", feature="IOWebsockets").serve
    if not options.keys() & {"subprotocols", "select_subprotocol"}:
        options["select_subprotocol"] = _select_subprotocol
    # Else any web page could connect to a local server through the browser of its visitor.
    if "origins" not in options and _is_loopback(options["sock"].getsockname()[0] if "sock" in options else host):
        options["origins"] = [None, LOCAL_ORIGIN]
    if ":" in host:
        options.setdefault("family", socket.AF_INET6)
    address = () if "sock" in options else (host, port)
    try:
        return cast("Server", serve(handler, *address, ssl=ssl_context, **options))
    except OSError as error:
        hint = " Use port=0 for any free port, which the URI then names." if error.errno == errno.EADDRINUSE else ""
        text = f"The websocket server can't listen on {host}:{port}: {trim_stop(error.strerror or error)}.{hint}"
        raise OSError(error.errno or 0, text) from error


def _is_loopback(host: object) -> bool:
    """Return True if an address or the name of a host, in any spelling, leads to this machine alone."""
    try:
        hosts = {str(address[0]) for *_, address in socket.getaddrinfo(str(host), None, type=socket.SOCK_STREAM)}
    # Listening on it fails with a better error.
    except (OSError, UnicodeError):
        return False
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in hosts]
    return all((getattr(address, "ipv4_mapped", None) or address).is_loopback for address in addresses)


def _select_subprotocol(_: ServerConnection, offered: Sequence[str]) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _format_uri(host: str, listener: socket.socket, tls: bool) -> str:
    port = listener.getsockname()[1]
    return f"{'wss' if tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"


def _limit_sending(connection: socket.socket, seconds: float) -> None:
    """Make `send` fail if the client accepts no data for some seconds: such a connection never breaks by itself."""
    value: int | bytes = int(seconds * 1000)
    if sys.platform != "win32":
        value = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)
