"""The protocols of input and output streams, and the choice of the current stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, ClassVar, Protocol, runtime_checkable

from .._threads import reset_variable

__all__ = [
    "AsyncIOStreamProtocol",
    "AsyncInputStream",
    "IOStream",
    "IOStreamProtocol",
    "LATER",
    "InputStream",
    "InterruptibleInputStream",
    "OutputStream",
    "StreamClosed",
    "TimedInputStream",
]


class Later:
    """A source of human input that nobody is at: the chat ends, and waits for an answer. See `LATER`.

    Args:
        expires: Time after which a question has its default answer; None for no limit.
        clock: Returns the time in seconds since 1970, by which questions expire.
    """

    def __init__(self, expires: timedelta | None = None, clock: Callable[[], float] = time.time) -> None:
        self.expires = expires
        self.clock = clock

    def __call__(
        self, prompt: str | None = None, *, expires: timedelta | None = None, clock: Callable[[], float] | None = None
    ) -> Any:
        """Return a source whose questions expire.

        At the next start of the chat after that time, an approval is refused, and any other question has the agent's
        `human_input_default` as its answer, or `exit` if there is none.

        Args:
            prompt: None.
            expires: Time after which a question has its default answer; None for no limit.
            clock: Returns the time in seconds since 1970; None for that of the system.

        Raises:
            RuntimeError: if it is asked outside of a chat: the agent's own question is left open instead.
            TypeError: if `expires` is not a `timedelta`.
            ValueError: if it is not positive.

        >>> source = LATER(expires=timedelta(days=2))
        """
        if prompt is not None:
            raise RuntimeError("LATER answers nothing itself: it is the human_input_source of an agent in a chat.")
        if expires is not None and not isinstance(expires, timedelta):
            raise TypeError(f"expires must be a timedelta, got {expires!r}.")
        if expires is not None and not expires > timedelta(0):
            raise ValueError(f"expires must be positive, got {expires!r}.")
        return Later(expires, clock or self.clock)

    def __repr__(self) -> str:
        return "LATER" if self.expires is None else f"LATER(expires={self.expires!r})"

    def __copy__(self) -> Later:
        return self

    def __deepcopy__(self, memo: object) -> Later:
        return self


LATER = Later()
"""Source of human input for a chat with a `checkpoint`: it ends with the stop reason `waiting`, and is resumed after
`Recording.answer`. With a `human_input_timeout` the chat first waits for an answer from elsewhere for so long.
`LATER(expires=timedelta(days=2))` limits the time for an answer."""


class StreamClosed(ConnectionError, EOFError):
    """Raised when a stream was closed, or the other end has disconnected.

    It is also an `EOFError`, which a console raises at the end of its input: `except EOFError` handles every stream.
    """


@runtime_checkable
class OutputStream(Protocol):
    """A stream to print to."""

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print objects as the built-in `print` does.

        Args:
            *objects: The objects, printed as text.
            sep: The text between them.
            end: The text after the last one.
            flush: True to display the text at once.
        """
        ...


@runtime_checkable
class InputStream(Protocol):
    """A stream to read from."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line of input.

        Args:
            prompt: The question.
            password: True to hide the input.
        """
        ...


@runtime_checkable
class AsyncInputStream(Protocol):
    """A stream to read from in async chats."""

    async def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line of input.

        Args:
            prompt: The question.
            password: True to hide the input.
        """
        ...


@runtime_checkable
class IOStreamProtocol(InputStream, OutputStream, Protocol):
    """A stream to print to and read from, for annotations. It has no current stream, as `IOStream` has."""


@runtime_checkable
class AsyncIOStreamProtocol(AsyncInputStream, OutputStream, Protocol):
    """A stream to print to and read from in async chats, for annotations."""


@runtime_checkable
class TimedInputStream(Protocol):
    """A stream with a time limit for input, so that a question doesn't stay open forever."""

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask for a line of input with a time limit.

        Args:
            seconds: The time limit in seconds.
            prompt: The question.

        Raises:
            TimeoutError: if there is no input in time.
        """
        ...


@runtime_checkable
class InterruptibleInputStream(Protocol):
    """A stream whose question is withdrawn once somebody has answered it elsewhere."""

    def input_until(self, is_over: Callable[[], bool], prompt: str = "", *, seconds: float | None = None) -> str | None:
        """Ask for a line of input, and look several times a second whether the question is over.

        Args:
            is_over: Returns True if the answer is no longer needed. It is called in the thread of the caller.
            prompt: The question.
            seconds: The time limit in seconds; None for no limit.

        Returns:
            The line; None if the question is over.

        Raises:
            TimeoutError: if there is no input in time.
        """
        ...


@runtime_checkable
class IOStream(InputStream, OutputStream, Protocol):
    """The stream that agents print to and read from. Subclass it to use agents elsewhere than on a console.

    >>> with IOStream.set_default(my_stream):  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello")  # prints to my_stream
    """

    _global_default: ClassVar[IOStream | None] = None

    @staticmethod
    def set_global_default(stream: IOStream) -> None:
        """Set the default stream of the process."""
        IOStream._global_default = stream

    @staticmethod
    def get_global_default() -> IOStream:
        """Return the default stream of the process.

        Raises:
            RuntimeError: if there is none.
        """
        if IOStream._global_default is None:
            raise RuntimeError("No global default IOStream has been set")
        return IOStream._global_default

    @staticmethod
    def get_default() -> IOStream:
        """Return the stream of the current context, or the default stream of the process."""
        stream = _context_default.get()
        return IOStream.get_global_default() if stream is None else stream

    @staticmethod
    @contextmanager
    def set_default(stream: IOStream | None) -> Iterator[None]:
        """Set the stream of the current context during a `with` block."""
        token = _context_default.set(stream)
        try:
            yield
        finally:
            reset_variable(_context_default, token)


_context_default: ContextVar[IOStream | None] = ContextVar("default IOStream", default=None)
