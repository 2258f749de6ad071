"""`IOWebsockets`: a stream to a websocket client, which sends prints and questions to it and receives its answers.

`IOWebsockets.run_server_in_thread` runs a chat with each client; listening and stopping are in `_websocket_server`.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Protocol

from .._extras import require
from .._mistakes import trim_stop
from .._steps import sync_and_async
from .._threads import CallTimeout
from ._messages import StreamMessage, format_print, make_input_message, make_print_message
from ._waiting import iterate_waits
from ._websocket_server import SUBPROTOCOL, Limits, run_server
from .base import IOStream, StreamClosed

__all__ = ["IOWebsockets"]

# Close codes of the websocket protocol: an unacceptable type of data, invalid data, and too much data.
NOT_TEXT, NOT_AN_ANSWER, TOO_BIG = 1003, 1007, 1009


class ServerConnection(Protocol):
    """A connection to a client, as `websockets.sync` has it."""

    def send(self, message: str | bytes) -> None:
        """Send a message."""

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Return the next message."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection."""


class WebSocketServer(Protocol):
    """A server, as `websockets.sync` has it."""

    def serve_forever(self) -> None:
        """Accept connections until `shutdown`."""

    def shutdown(self) -> None:
        """Stop the server."""

    def __enter__(self) -> WebSocketServer: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class IOWebsockets(IOStream):
    """Prints to a websocket client and reads from it.

    A plain client receives a text message for each print, and the prompt of each question; its next text message is the
    answer. It can't tell a prompt from a print, nor that a question asks for a password. A client that offers the
    subprotocol `autogen.json` can: it receives the messages of `IOQueue` as JSON, and answers with
    `{"type": "answer", "id": ..., "text": ...}`. In a page:

        const socket = new WebSocket(uri, "autogen.json");

    When the client disconnects, prints and questions raise `StreamClosed`, which ends the chat.

    Args:
        websocket: A connection of `websockets.sync`.

    Raises:
        ImportError: if the extra `websockets` is not installed.
    """

    def __init__(self, websocket: ServerConnection) -> None:
        require("websockets.sync.server", extra="websockets", feature="IOWebsockets")
        self._websocket = websocket
        self._is_typed = getattr(websocket, "subprotocol", None) == SUBPROTOCOL
        # A client can answer one question at a time.
        self._question_lock = threading.Lock()
        # Questions to a plain client that timed out; their answers may still come.
        self._late_answers = 0

    @staticmethod
    def run_server_in_thread(
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        on_connect: Callable[[IOWebsockets], object | Awaitable[object]],
        ssl_context: ssl.SSLContext | None = None,
        stop_timeout: float = 5,
        send_timeout: float | None = 60,
        **kwargs: Any,
    ) -> AbstractContextManager[str]:
        """Run a server during a `with` block, which gets its URI.

        Each client has a thread, in which its stream is the default stream. The connection is closed when `on_connect`
        returns. An error in it is logged and affects no other client. If the client disconnects, programs that its chat
        runs are killed.

        A server that only this machine can reach rejects pages of other sites, which could otherwise connect through the
        browser of a visitor. Behind a proxy, name the sites with `origins=["https://example.com"]`.

        Args:
            host: The address to listen on.
            port: The port; 0 for any free port.
            on_connect: The callback for each client, a function or a coroutine function.
            ssl_context: The context for TLS; the URI then starts with `wss`.
            stop_timeout: The seconds that clients and chats have to end with the block. A chat that doesn't ask or print
                in that time is abandoned in its thread.
            send_timeout: The seconds that a client has to accept data before it is disconnected; None for no limit.
            **kwargs: Arguments for `websockets.sync.server.serve`: `max_size`, `ping_interval`, `origins` and others.

        Raises:
            ImportError: if the extra `websockets` is not installed.
            OSError: if the server can't listen on the address.

        >>> def on_connect(stream):
        ...     user.initiate_chat(assistant, message=stream.input())
        >>> with IOWebsockets.run_server_in_thread(on_connect=on_connect, port=0) as uri:  # doctest: +SKIP
        ...     print("Listening on", uri)
        """
        run_chat = sync_and_async(on_connect)[0]

        def handle_client(websocket: ServerConnection) -> None:
            stream = IOWebsockets(websocket)
            with IOStream.set_default(stream):
                try:
                    run_chat(stream)
                except BaseException as error:
                    stream._send_end(f"The chat ended with {type(error).__name__}.")
                    raise
                stream._send_end("")

        limits = Limits(stop_timeout, send_timeout)
        return run_server(handle_client, host, port, ssl_context, limits, kwargs)

    @property
    def websocket(self) -> ServerConnection:
        """The connection."""
        return self._websocket

    def send(self, message: Any) -> None:
        """Send an AG2 event as JSON.

        Raises:
            StreamClosed: if the client has disconnected.
        """
        self.print(message.model_dump_json(), end="")

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Send text as one message.

        Args:
            *objects: The objects, sent as text.
            sep: The text between them.
            end: The text after the last one.
            flush: Ignored, because text is sent at once.

        Raises:
            StreamClosed: if the client has disconnected.
        """
        text = format_print(objects, sep, end)
        if not self._is_typed:
            self._send(text)
        elif message := make_print_message(text):
            self._send_json(message)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask a question and wait for the answer.

        Args:
            prompt: The question; an empty prompt is not sent to a plain client.
            password: True to ask the client to hide the input; plain clients ignore it.

        Raises:
            StreamClosed: if the client has disconnected.
        """
        return self._ask(prompt, password, None)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask a question with a time limit. An answer that comes later, before the next question, is dropped.

        Args:
            seconds: The time limit in seconds.
            prompt: The question.

        Raises:
            TimeoutError: if there is no answer in time.
            StreamClosed: if the client has disconnected.
        """
        return self._ask(prompt, False, seconds)

    def _ask(self, prompt: str, password: bool, seconds: float | None) -> str:
        # Waiting for another thread's question counts towards the time limit.
        waits = iterate_waits(seconds)
        while not self._question_lock.acquire(timeout=next(waits)):
            pass
        try:
            return self._ask_typed(prompt, password, waits) if self._is_typed else self._ask_plain(prompt, waits)
        finally:
            self._question_lock.release()

    def _ask_plain(self, prompt: str, waits: Iterator[float]) -> str:
        # Answers to earlier questions would be taken for the answer to this one.
        with suppress(TimeoutError):
            for _ in range(self._late_answers):
                self._decode(self._receive(0))
        self._late_answers = 0
        if prompt:
            self._send(format_print((prompt,), None, ""))
        try:
            return self._decode(self._receive_next(waits))
        except CallTimeout:
            self._late_answers = 1
            raise

    def _ask_typed(self, prompt: str, password: bool, waits: Iterator[float]) -> str:
        question = make_input_message(prompt, password)
        self._send_json(question)
        try:
            while True:
                id, text = self._parse_answer(self._receive_next(waits))
                # A late answer to another question has another id.
                if id == question["id"]:
                    return text
        except (CallTimeout, StreamClosed):
            with suppress(StreamClosed):
                self._send_json({"type": "withdrawn", "id": question["id"]})
            raise

    def _receive_next(self, waits: Iterator[float]) -> str | bytes:
        while True:
            # The iterator raises CallTimeout at the time limit; the connection raises TimeoutError after each wait.
            seconds = next(waits)
            with suppress(TimeoutError):
                return self._receive(seconds)

    def _receive(self, seconds: float) -> str | bytes:
        # An optional dependency, which `__init__` has checked.
        from websockets.exceptions import ConnectionClosed

        try:
            return self._websocket.recv(timeout=seconds)
        except ConnectionClosed as error:
            raise StreamClosed(_describe_disconnect(error)) from error

    def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._websocket.send(text)
        except ConnectionClosed as error:
            raise StreamClosed(_describe_disconnect(error)) from error

    def _send_json(self, message: StreamMessage) -> None:
        self._send(json.dumps(message))

    def _send_end(self, reason: str) -> None:
        if self._is_typed:
            with suppress(StreamClosed):
                self._send_json({"type": "end", "reason": reason})

    def _decode(self, data: str | bytes) -> str:
        try:
            return data if isinstance(data, str) else data.decode()
        except UnicodeDecodeError:
            raise self._reject(NOT_TEXT, "Only text is accepted.") from None

    def _parse_answer(self, data: str | bytes) -> tuple[str, str]:
        if not isinstance(data, str):
            raise self._reject(NOT_TEXT, "Only text is accepted.")
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        match message:
            case {"type": "answer", "id": str(id), "text": str(text)}:
                return id, text
        raise self._reject(
            NOT_AN_ANSWER, 'An answer is {"type": "answer", "id": ..., "text": ...}, its id that of the question.'
        )

    def _reject(self, code: int, reason: str) -> StreamClosed:
        """Disconnect a client that sent invalid data, and return the error to raise."""
        self._websocket.close(code, reason)
        return StreamClosed(f"The websocket client was disconnected. {reason}")


def _describe_disconnect(error: Exception) -> str:
    """Return the message for a lost connection, with advice if a limit was exceeded."""
    text = f"The websocket client has disconnected: {trim_stop(error)}."
    received, sent = getattr(error, "rcvd", None), getattr(error, "sent", None)
    if received is not None and received.code == TOO_BIG:
        return f"{text} A message to it is too big: raise its limit."
    if sent is not None and sent.code == TOO_BIG:
        return f"{text} A message from it is too big: pass max_size=... (bytes) to the server."
    return text
