"""A websocket server in a thread, which can be stopped whatever its clients and their chats do."""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from .._extras import require
from .._threads import CallTimeout, run_with_timeout, start_daemon_thread
from ._waiting import LOOK
from .base import StreamClosed

if TYPE_CHECKING:
    from websockets.sync.server import Server, ServerConnection

logger = logging.getLogger(__name__)

SUBPROTOCOL = "autogen.json"
LOCAL_ORIGIN = re.compile(r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")
GOING_AWAY = 1001


class Limits(NamedTuple):
    """How long others are waited for, in seconds."""

    stop_timeout: float
    send_timeout: float | None


@contextmanager
def serving(
    serve_one: Callable[[ServerConnection], None],
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    limits: Limits,
    options: dict[str, Any],
) -> Iterator[str]:
    """Run a server for the time of a `with` block; gives its URI.

    Raises:
        OSError: It can't listen there.
    """
    clients = Clients(serve_one, limits)
    server = _listening(clients.handle, host, port, ssl_context, options)
    # threads that it starts for its clients are daemons too: none of them keeps the process from its end
    thread = threading.Thread(target=server.serve_forever, name="autogen-websockets", daemon=True)
    thread.start()
    try:
        yield _uri(host, server.socket, ssl_context is not None)
    finally:
        clients.stop()
        start_daemon_thread(server.shutdown)  # it may wait for those that only knocked
        thread.join()
        clients.join()


class Clients:
    """Those that are connected, each with its chat."""

    def __init__(self, serve_one: Callable[[ServerConnection], None], limits: Limits) -> None:
        self._serve_one = serve_one
        self._stop_timeout, self._send_timeout = limits
        self._stopping: Future[None] = Future()
        self._threads: set[threading.Thread] = set()

    def handle(self, websocket: ServerConnection) -> None:
        """Hold a client's chat in a thread of its own, and watch both; whatever the chat does, this ends with the server."""
        me = threading.current_thread()
        self._threads.add(me)
        try:
            if self._send_timeout is not None:
                _limit_sending(websocket.socket, self._send_timeout)
            if self._stopping.done():
                return self._hang_up(websocket)
            chat, stop_programs = start_daemon_thread(self._chat, websocket)
            while not wait([chat, self._stopping], LOOK, FIRST_COMPLETED).done:
                if websocket.close_code is not None:  # nobody is there to see the results
                    stop_programs.set()
            if not chat.done():
                self._hang_up(websocket)
                stop_programs.set()
                if not wait([chat], self._stop_timeout).done:
                    logger.warning("A chat still runs %g seconds after its server was stopped.", self._stop_timeout)
        finally:
            self._threads.discard(me)

    def stop(self) -> None:
        """End the connections: a chat gets `StreamClosed` when it next prints or asks."""
        self._stopping.set_result(None)

    def join(self) -> None:
        """Wait until they are ended."""
        for thread in list(self._threads):
            thread.join()

    def _chat(self, websocket: ServerConnection) -> None:
        try:
            self._serve_one(websocket)
        except StreamClosed as gone:
            logger.info("A chat ended without its client: %s", gone)
        except BaseException:
            logger.warning("on_connect failed.", exc_info=True)

    def _hang_up(self, websocket: ServerConnection) -> None:
        """Close a connection politely; and if the client does not even listen, impolitely."""
        try:
            run_with_timeout(self._stop_timeout, websocket.close, GOING_AWAY)
        except CallTimeout:
            with suppress(OSError):
                socket.socket.shutdown(websocket.socket, socket.SHUT_RDWR)  # also under TLS, and under a blocked `send`


def _listening(
    handler: Callable[[ServerConnection], None],
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    options: dict[str, Any],
) -> Server:
    serve = require("websockets.sync.server", extra="websockets", feature="IOWebsockets").serve
    if not options.keys() & {"subprotocols", "select_subprotocol"}:
        options["select_subprotocol"] = _select_subprotocol
    if "origins" not in options and host in ("localhost", "127.0.0.1", "::1"):
        options["origins"] = [None, LOCAL_ORIGIN]
    if ":" in host:
        options.setdefault("family", socket.AF_INET6)
    address = () if "sock" in options else (host, port)
    try:
        return serve(handler, *address, ssl=ssl_context, **options)  # type: ignore[no-any-return]
    except OSError as error:
        hint = " port=0 takes a free one, which the URI then names." if error.errno == errno.EADDRINUSE else ""
        text = f"The websocket server can't listen on {host}:{port}: {error.strerror or error}.{hint}"
        raise OSError(error.errno or 0, text) from error


def _select_subprotocol(_: Any, offered: Any) -> Any:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _uri(host: str, listener: socket.socket, tls: bool) -> str:
    port = listener.getsockname()[1]
    return f"{'wss' if tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"


def _limit_sending(connection: socket.socket, seconds: float) -> None:
    """Let a `send` fail if the client takes nothing for so long: it stands still, but its connection does not break."""
    value: int | bytes = int(seconds * 1000)
    if sys.platform != "win32":
        value = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)
