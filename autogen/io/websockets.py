"""A stream to a websocket client, and a server that holds a chat with each one."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

from .._extras import require
from .._steps import sync_and_async
from .._threads import CallTimeout
from ._messages import StreamMessage, input_message, print_message, printed
from ._waiting import slices
from ._websocket_server import SUBPROTOCOL, Limits, serving
from .base import IOStream, StreamClosed

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

__all__ = ["IOWebsockets"]

NOT_TEXT, NOT_AN_ANSWER = 1003, 1007  # codes of the websocket protocol: a kind of data, or data, that is not accepted


class IOWebsockets(IOStream):
    """Prints to a websocket client, and reads from it.

    A plain client gets a text message for each `print`, and for each question its prompt; its next text message is the
    answer. It can't tell a prompt from a text, nor that what is asked is a password. A client that offers the
    subprotocol `autogen.json` can: it gets the messages of `IOQueue` as JSON, and answers with
    `{"type": "answer", "id": ..., "text": ...}`. In a page:

        const socket = new WebSocket(uri, "autogen.json");

    If the client goes away, prints and questions raise `StreamClosed`, which ends the chat.

    Args:
        websocket: A connection of `websockets.sync`.

    Raises:
        ImportError: The extra `websockets` is not installed.
    """

    def __init__(self, websocket: ServerConnection) -> None:
        require("websockets.sync.server", extra="websockets", feature="IOWebsockets")
        self._websocket = websocket
        self._is_typed = getattr(websocket, "subprotocol", None) == SUBPROTOCOL
        self._asking = threading.Lock()  # one question at a time: the client has one voice
        self._given_up = 0  # questions of a plain client whose answers may still come

    @staticmethod
    def run_server_in_thread(
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        on_connect: Callable[[IOWebsockets], Any],
        ssl_context: ssl.SSLContext | None = None,
        stop_timeout: float = 5,
        send_timeout: float | None = 60,
        **kwargs: Any,
    ) -> AbstractContextManager[str]:
        """Run a server for the time of a `with` block; gives its URI.

        Each client has a thread, in which its stream is the default one. When `on_connect` returns the connection is
        closed. An error in it is logged, and harms no other client. If the client goes away, programs that its chat
        runs are killed.

        A server that only this machine reaches refuses pages of other sites, which could else talk to it through the
        browser of whoever visits them. Behind a proxy name the sites with `origins=["https://example.com"]`.

        Args:
            host: The address to listen on.
            port: The port; 0 for a free one.
            on_connect: What is done with each client, plain or a coroutine function.
            ssl_context: For TLS; the URI then starts with `wss`.
            stop_timeout: How many seconds clients and chats have to end when the block ends. A chat that does not ask
                or print in that time is left behind in its thread.
            send_timeout: After how many seconds a client that takes nothing of what is sent is given up.
            **kwargs: For `websockets.sync.server.serve`: `max_size`, `ping_interval`, `origins` and others.

        Raises:
            ImportError: The extra `websockets` is not installed.
            OSError: The server can't listen there.

        >>> def on_connect(stream):
        ...     user.initiate_chat(assistant, message=stream.input())
        >>> with IOWebsockets.run_server_in_thread(on_connect=on_connect, port=0) as uri:  # doctest: +SKIP
        ...     print("Listening on", uri)
        """
        run = sync_and_async(on_connect)[0]

        def serve_one(websocket: ServerConnection) -> None:
            stream = IOWebsockets(websocket)
            with IOStream.set_default(stream):
                try:
                    run(stream)
                except BaseException as error:
                    stream._end(f"The chat ended with {type(error).__name__}.")
                    raise
                stream._end("")

        limits = Limits(stop_timeout, send_timeout)
        return serving(serve_one, host, port, ssl_context, limits, kwargs)

    @property
    def websocket(self) -> ServerConnection:
        """The connection."""
        return self._websocket

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Send the text as one message.

        Args:
            *objects: What is sent, as text.
            sep: What stands between them.
            end: What stands behind them.
            flush: Makes no difference: it is sent at once.

        Raises:
            StreamClosed: The client is gone.
        """
        text = printed(objects, sep, end)
        if not self._is_typed:
            self._send(text)
        elif message := print_message(text):
            self._send_typed(message)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask, and wait for the answer.

        Args:
            prompt: The question; if it is empty a plain client is sent none.
            password: Whether a client should hide what is typed. A plain client can't know it.

        Raises:
            StreamClosed: The client is gone.
        """
        return self._ask(prompt, password, None)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask, and wait so long for the answer. If it comes later, before the next question, it is dropped.

        Raises:
            TimeoutError: It did not come.
            StreamClosed: The client is gone.
        """
        return self._ask(prompt, False, seconds)

    def _ask(self, prompt: str, password: bool, seconds: float | None) -> str:
        waits = slices(seconds)
        while not self._asking.acquire(timeout=next(waits)):
            pass
        try:
            return self._typed_answer(prompt, password, waits) if self._is_typed else self._plain_answer(prompt, waits)
        finally:
            self._asking.release()

    def _plain_answer(self, prompt: str, waits: Iterator[float]) -> str:
        with suppress(TimeoutError):
            for _ in range(self._given_up):
                self._text(self._receive(0))
        self._given_up = 0
        if prompt:
            self._send(printed((prompt,), None, ""))
        try:
            return self._text(self._next_message(waits))
        except CallTimeout:
            self._given_up = 1
            raise

    def _typed_answer(self, prompt: str, password: bool, waits: Iterator[float]) -> str:
        question = input_message(prompt, password)
        self._send_typed(question)
        try:
            while True:
                id, text = self._parsed(self._next_message(waits))
                if id == question["id"]:  # else it is a late answer to another one
                    return text
        except (CallTimeout, StreamClosed):
            with suppress(StreamClosed):
                self._send_typed({"type": "withdrawn", "id": question["id"]})
            raise

    def _next_message(self, waits: Iterator[float]) -> str | bytes:
        while True:
            try:
                return self._receive(next(waits))
            except CallTimeout:
                raise
            except TimeoutError:
                continue

    def _receive(self, seconds: float) -> str | bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            return self._websocket.recv(timeout=seconds)
        except ConnectionClosed as error:
            raise StreamClosed(_gone(error)) from error

    def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._websocket.send(text)
        except ConnectionClosed as error:
            raise StreamClosed(_gone(error)) from error

    def _send_typed(self, message: StreamMessage) -> None:
        self._send(json.dumps(message))

    def _end(self, reason: str) -> None:
        if self._is_typed:
            with suppress(StreamClosed):
                self._send_typed({"type": "end", "reason": reason})

    def _text(self, data: str | bytes) -> str:
        try:
            return data if isinstance(data, str) else data.decode()
        except UnicodeDecodeError:
            raise self._refused(NOT_TEXT, "Only text is accepted.") from None

    def _parsed(self, data: str | bytes) -> tuple[str, str]:
        if not isinstance(data, str):
            raise self._refused(NOT_TEXT, "Only text is accepted.")
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        match message:
            case {"type": "answer", "id": str(id), "text": str(text)}:
                return id, text
        raise self._refused(
            NOT_AN_ANSWER, 'An answer is {"type": "answer", "id": ..., "text": ...}, its id that of the question.'
        )

    def _refused(self, code: int, reason: str) -> StreamClosed:
        self._websocket.close(code, reason)
        return StreamClosed(f"The websocket client was hung up on. {reason}")


def _gone(error: Exception) -> str:
    """What happened, and what to do if it is not just that a page was closed."""
    text = f"The websocket client is gone: {error}."
    received, sent = getattr(error, "rcvd", None), getattr(error, "sent", None)
    if received is not None and received.code == 1009:
        return f"{text} What was sent is too big for it: raise its limit."
    if sent is not None and sent.code == 1009:
        return f"{text} What it sent is too big: pass max_size=... (bytes) to the server."
    return text
