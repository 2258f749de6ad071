"""A stream between a chat and a server: messages come out, answers go in."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import Any

from .._threads import CallTimeout
from ._messages import InputMessage, StreamMessage, input_message, print_message, printed
from ._waiting import slices
from .base import IOStream, StreamClosed

__all__ = ["IOQueue"]


class IOQueue(IOStream):
    """Turns what agents print and ask into small dicts, and takes the answers from any thread or task.

    It connects a chat with any web framework: one part of the program holds the chat, another sends the messages to a
    page, and a third gets the answers from it. The messages are

    - `{"type": "print", "text": ...}`: a line, or a piece of an answer that is being streamed;
    - `{"type": "input", "id": ..., "prompt": ..., "password": ...}`: a question, to be answered with `answer(id, text)`;
    - `{"type": "withdrawn", "id": ...}`: it needs no answer any more;
    - `{"type": "end", "reason": ...}`: the last one.

    Colours of the terminal are left out. One stream serves one chat.

    Args:
        on_message: Called with each message, in the thread that prints or asks (an error that it raises ends the chat);
            a `put` of a queue will do. Without it messages wait in the stream itself: iterate over it, or call `get`.

    >>> with IOQueue() as stream, IOStream.set_default(stream):
    ...     stream.print("Hello")
    >>> [message["type"] for message in stream]
    ['print', 'end']

    In a web server, with the chat as a task and the consumer in another:

    >>> async def chat(stream):
    ...     with stream, IOStream.set_default(stream):
    ...         await user.a_initiate_chat(assistant, message="Hello")
    >>> async def events(stream):
    ...     async for message in stream:
    ...         yield "data: " + json.dumps(message) + "\\n\\n"

    A human who is asked by an asynchronous chat costs a waiting thread. An agent that is made with
    `human_input_source=stream.a_input` needs none.
    """

    def __init__(self, on_message: Callable[[StreamMessage], Any] | None = None) -> None:
        self._on_message = on_message
        self._lock = threading.Lock()
        self._messages: deque[StreamMessage] = deque()
        self._waiting: list[Future[None]] = []  # consumers that found nothing
        self._open: dict[str, tuple[InputMessage, Future[str]]] = {}
        self._closed: str | None = None

    def __enter__(self) -> IOQueue:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close("" if kind is None else f"The chat ended with {kind.__name__}.")

    # What agents call.

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Send a text.

        Args:
            *objects: What is sent, as text.
            sep: What stands between them.
            end: What stands behind them.
            flush: Makes no difference: it is sent at once.

        Raises:
            StreamClosed: The stream was closed.
        """
        if message := print_message(printed(objects, sep, end)):
            self._publish(message)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask, and wait for the answer. If the call that asks is cancelled the question is withdrawn.

        Raises:
            StreamClosed: The stream was closed.
        """
        return self._ask(prompt, password, None)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask, and wait so long for the answer. After that the question is withdrawn.

        Raises:
            TimeoutError: It did not come.
            StreamClosed: The stream was closed.
        """
        return self._ask(prompt, False, seconds)

    async def a_input(self, prompt: str = "", *, password: bool = False) -> str:
        """`input`, awaited: no thread waits.

        >>> UserProxyAgent("user", human_input_source=stream.a_input)  # doctest: +SKIP
        """
        question, answer = self._new_question(prompt, password)
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            self._withdraw(question)
            raise

    # What the server calls.

    def answer(self, id: str, text: str) -> None:
        """Answer a question.

        Args:
            id: That of the question.
            text: The answer; empty for the Enter key alone.

        Raises:
            LookupError: No such question is open: it was answered, withdrawn, or never asked.
            TypeError: The answer is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"An answer must be a text, not {type(text).__name__}.")
        with self._lock:
            question = self._open.pop(id, None)
        if question is None:
            raise LookupError(f"There is no open question {id!r}: it was answered or withdrawn, or is none of this stream.")
        question[1].set_result(text)

    @property
    def questions(self) -> list[InputMessage]:
        """The open questions, for a page that was loaded again."""
        with self._lock:
            return [question for question, _ in self._open.values()]

    @property
    def is_closed(self) -> bool:
        """Whether the stream was closed. Messages may be left in it."""
        return self._closed is not None

    def close(self, reason: str = "") -> None:
        """End it, from either side. Whoever waits for an answer, or prints later, gets `StreamClosed`.

        Args:
            reason: Why, if not because all is done; it stands in the last message.
        """
        with self._lock:
            if self._closed is not None:
                return
            self._closed = f"The stream was closed. {reason}".rstrip()
            unanswered, self._open = list(self._open.values()), {}
            self._keep({"type": "end", "reason": reason})
        for _, answer in unanswered:
            answer.set_exception(StreamClosed(self._closed))
        if self._on_message:
            self._on_message({"type": "end", "reason": reason})

    def get(self, timeout: float | None = None) -> StreamMessage:
        """The next message.

        Raises:
            TimeoutError: There was none within so many seconds.
            StreamClosed: There will be none.
        """
        waits = slices(timeout)
        while True:
            seconds = next(waits)
            with self._next() as found:
                if not isinstance(found, Future):
                    return found
                wait([found], seconds)

    async def a_get(self) -> StreamMessage:
        """`get`, awaited. If it is cancelled, as `asyncio.wait_for` does, no message is lost.

        Raises:
            StreamClosed: There will be none.
        """
        while True:
            with self._next() as found:
                if not isinstance(found, Future):
                    return found
                await asyncio.wrap_future(found)

    def __iter__(self) -> Iterator[StreamMessage]:
        """The messages, up to the end."""
        with suppress(StreamClosed):
            while True:
                yield self.get()

    async def __aiter__(self) -> AsyncIterator[StreamMessage]:
        """The messages, up to the end."""
        with suppress(StreamClosed):
            while True:
                yield await self.a_get()

    # The inside.

    @contextmanager
    def _next(self) -> Iterator[StreamMessage | Future[None]]:
        """The next message, or what will be done when there is one."""
        if self._on_message:
            raise RuntimeError("The messages of this stream go to its on_message; there are none to get.")
        signal: Future[None] = Future()
        with self._lock:
            if self._messages:
                message = self._messages.popleft()
            elif self._closed is not None:
                raise StreamClosed(self._closed)
            else:
                message = None
                self._waiting.append(signal)
        try:
            yield message or signal
        finally:
            with self._lock:
                if signal in self._waiting:
                    self._waiting.remove(signal)

    def _ask(self, prompt: str, password: bool, seconds: float | None) -> str:
        question, answer = self._new_question(prompt, password)
        try:
            for pause in slices(seconds):
                if wait([answer], pause).done:
                    break
        except CallTimeout:
            if self._withdraw(question):
                raise
        except BaseException:
            self._withdraw(question)
            raise
        return answer.result()  # also if it came at the last moment

    def _new_question(self, prompt: str, password: bool) -> tuple[InputMessage, Future[str]]:
        question = input_message(prompt, password)
        answer: Future[str] = Future()
        answer.set_running_or_notify_cancel()  # who waits for it can't cancel it: it is withdrawn
        with self._lock:
            self._open[question["id"]] = question, answer
        try:
            self._publish(question)
        except BaseException:
            with self._lock:
                self._open.pop(question["id"], None)
            raise
        return question, answer

    def _withdraw(self, question: InputMessage) -> bool:
        """Take a question back; tells whether it was still open."""
        with self._lock:
            was_open = self._open.pop(question["id"], None) is not None
        if was_open:
            with suppress(StreamClosed):
                self._publish({"type": "withdrawn", "id": question["id"]})
        return was_open

    def _publish(self, message: StreamMessage) -> None:
        with self._lock:
            if self._closed is not None:
                raise StreamClosed(self._closed)
            self._keep(message)
        if self._on_message:
            self._on_message(message)  # outside of the lock: it may answer at once

    def _keep(self, message: StreamMessage) -> None:
        """Put a message where consumers find it; the lock is held."""
        if self._on_message:
            return
        self._messages.append(message)
        waiting, self._waiting = self._waiting, []
        for signal in waiting:
            if signal.set_running_or_notify_cancel():
                signal.set_result(None)
