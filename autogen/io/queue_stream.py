"""`IOQueue`: a stream between a chat and a server: queues of messages to the user, and of the user's answers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import Any

from .._threads import CallTimeout
from ._messages import InputMessage, StreamMessage, format_print, make_input_message, make_print_message
from ._waiting import iterate_waits
from .base import IOStream, StreamClosed

__all__ = ["IOQueue"]


class IOQueue(IOStream):
    r"""Turns prints and questions of agents into small dicts, and accepts the answers from any thread or task.

    It connects a chat with any web framework: one part of the program runs the chat, another sends the messages to a page,
    and a third receives the answers. The messages are

    - `{"type": "print", "text": ...}`: a line, or a piece of a response that is being streamed;
    - `{"type": "input", "id": ..., "prompt": ..., "password": ...}`: a question, to be answered with `answer(id, text)`;
    - `{"type": "withdrawn", "id": ...}`: the question needs no answer any more;
    - `{"type": "end", "reason": ...}`: the last message.

    Terminal colours are removed. A stream serves one chat.

    Args:
        on_message: Callback for each message, in the thread that prints or asks; `put` of a queue will do. An error in it
            ends the chat. Without a callback the messages are queued: iterate over the stream, or call `get`.

    >>> with IOQueue() as stream, IOStream.set_default(stream):
    ...     stream.print("Hello")
    >>> [message["type"] for message in stream]
    ['print', 'end']

    In a web server, with the chat in one task and its consumer in another:

    >>> async def chat(stream):
    ...     with stream, IOStream.set_default(stream):
    ...         await user.a_initiate_chat(assistant, message="Hello")
    >>> async def events(stream):
    ...     async for message in stream:
    ...         yield "data: " + json.dumps(message) + "\n\n"

    A question in an async chat occupies a thread until it is answered. An agent with `human_input_source=stream.a_input`
    needs no thread.
    """

    def __init__(self, on_message: Callable[[StreamMessage], object] | None = None) -> None:
        self._on_message = on_message
        self._lock = threading.Lock()
        self._messages: deque[StreamMessage] = deque()
        # Signals of consumers that found no message.
        self._waiting: list[Future[None]] = []
        self._open_questions: dict[str, tuple[InputMessage, Future[str]]] = {}
        self._closed: str | None = None

    def __enter__(self) -> IOQueue:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close("" if kind is None else f"The chat ended with {kind.__name__}.")

    # For agents

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Send text.

        Args:
            *objects: The objects, sent as text.
            sep: The text between them.
            end: The text after the last one.
            flush: Ignored, because text is sent at once.

        Raises:
            StreamClosed: if the stream was closed.
        """
        if message := make_print_message(format_print(objects, sep, end)):
            self._publish(message)

    def send(self, message: Any) -> None:
        """Send the text of an AG2 event.

        Raises:
            StreamClosed: if the stream was closed.
        """
        message.print(self.print)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask a question and wait for the answer. The question is withdrawn if this call is cancelled.

        Args:
            prompt: The question.
            password: True if the answer must not be displayed.

        Raises:
            StreamClosed: if the stream was closed.
        """
        return self._ask(prompt, password, None)

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask a question with a time limit, after which it is withdrawn.

        Args:
            seconds: The time limit in seconds.
            prompt: The question.

        Raises:
            TimeoutError: if there is no answer in time.
            StreamClosed: if the stream was closed.
        """
        return self._ask(prompt, False, seconds)

    async def a_input(self, prompt: str = "", *, password: bool = False) -> str:
        """Async version of `input`; it occupies no thread.

        >>> UserProxyAgent("user", human_input_source=stream.a_input)  # doctest: +SKIP
        """
        question, answer = self._open_question(prompt, password)
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            self._withdraw(question)
            raise

    # For servers

    def answer(self, id: str, text: str) -> None:
        """Answer a question.

        Args:
            id: The id of the question.
            text: The answer; empty for the Enter key alone.

        Raises:
            LookupError: if there is no open question with this id.
            TypeError: if `text` is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"An answer must be a string, got {type(text).__name__}.")
        with self._lock:
            question = self._open_questions.pop(id, None)
        if question is None:
            raise LookupError(f"There is no open question {id!r}: it was answered, withdrawn, or asked by another stream.")
        question[1].set_result(text)

    @property
    def questions(self) -> list[InputMessage]:
        """The open questions, for a page that is loaded again."""
        with self._lock:
            return [question for question, _ in self._open_questions.values()]

    @property
    def is_closed(self) -> bool:
        """True once the stream was closed. It may still hold messages."""
        return self._closed is not None

    def close(self, reason: str = "") -> None:
        """Close the stream, from either side. Open questions and later prints raise `StreamClosed`.

        Args:
            reason: The reason, sent with the last message; empty for a normal end.
        """
        with self._lock:
            if self._closed is not None:
                return
            self._closed = f"The stream was closed. {reason}".rstrip()
            unanswered, self._open_questions = list(self._open_questions.values()), {}
            self._enqueue({"type": "end", "reason": reason})
        # Outside of the lock, because setting a future runs the callbacks of its waiters.
        for _, answer in unanswered:
            answer.set_exception(StreamClosed(self._closed))
        if self._on_message:
            self._on_message({"type": "end", "reason": reason})

    def get(self, timeout: float | None = None) -> StreamMessage:
        """Return the next message, and wait for it.

        Args:
            timeout: The time limit in seconds; None for no limit.

        Raises:
            TimeoutError: if there is no message in time.
            StreamClosed: if the stream was closed and all messages were read.
        """
        waits = iterate_waits(timeout)
        while True:
            seconds = next(waits)
            with self._take_message() as message:
                if not isinstance(message, Future):
                    return message
                wait([message], seconds)

    async def a_get(self) -> StreamMessage:
        """Async version of `get`. No message is lost if it is cancelled, as by `asyncio.wait_for`.

        Raises:
            StreamClosed: if the stream was closed and all messages were read.
        """
        while True:
            with self._take_message() as message:
                if not isinstance(message, Future):
                    return message
                await asyncio.wrap_future(message)

    def __iter__(self) -> Iterator[StreamMessage]:
        """Iterate over the messages until the stream is closed."""
        with suppress(StreamClosed):
            while True:
                yield self.get()

    async def __aiter__(self) -> AsyncIterator[StreamMessage]:
        """Iterate over the messages until the stream is closed."""
        with suppress(StreamClosed):
            while True:
                yield await self.a_get()

    @contextmanager
    def _take_message(self) -> Iterator[StreamMessage | Future[None]]:
        """Take the next message, or a future that is done when there may be one; the `with` block waits for it."""
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
        # A consumer that times out or is cancelled leaves no signal behind.
        try:
            yield message or signal
        finally:
            with self._lock:
                if signal in self._waiting:
                    self._waiting.remove(signal)

    def _ask(self, prompt: str, password: bool, seconds: float | None) -> str:
        question, answer = self._open_question(prompt, password)
        try:
            for pause in iterate_waits(seconds):
                if wait([answer], pause).done:
                    break
        # An answer may come at the last moment, between the timeout and the withdrawal.
        except CallTimeout:
            if self._withdraw(question):
                raise
        except BaseException:
            self._withdraw(question)
            raise
        return answer.result()

    def _open_question(self, prompt: str, password: bool) -> tuple[InputMessage, Future[str]]:
        question = make_input_message(prompt, password)
        answer: Future[str] = Future()
        # A running future can't be cancelled by the caller that waits for it; the question is withdrawn instead.
        answer.set_running_or_notify_cancel()
        with self._lock:
            self._open_questions[question["id"]] = question, answer
        try:
            self._publish(question)
        except BaseException:
            with self._lock:
                self._open_questions.pop(question["id"], None)
            raise
        return question, answer

    def _withdraw(self, question: InputMessage) -> bool:
        """Withdraw a question. Return False if it was no longer open."""
        with self._lock:
            was_open = self._open_questions.pop(question["id"], None) is not None
        if was_open:
            with suppress(StreamClosed):
                self._publish({"type": "withdrawn", "id": question["id"]})
        return was_open

    def _publish(self, message: StreamMessage) -> None:
        with self._lock:
            if self._closed is not None:
                raise StreamClosed(self._closed)
            self._enqueue(message)
        # Outside of the lock, because the callback may answer at once.
        if self._on_message:
            self._on_message(message)

    def _enqueue(self, message: StreamMessage) -> None:
        """Queue a message for consumers. The caller holds the lock."""
        if self._on_message:
            return
        self._messages.append(message)
        # All consumers are woken: one of them takes the message, the others wait again.
        waiting, self._waiting = self._waiting, []
        for signal in waiting:
            if signal.set_running_or_notify_cancel():
                signal.set_result(None)
