"""The protocol of an input/output stream, and which one is in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol, runtime_checkable

__all__ = ["IOStream", "InputStream", "OutputStream", "StreamClosed", "TimedInputStream"]


class StreamClosed(ConnectionError, EOFError):
    """Whoever was at the other end of a stream is gone, or the stream was closed.

    It is also an `EOFError`, as a console raises at the end of its input: `except EOFError` serves every stream.
    """


@runtime_checkable
class OutputStream(Protocol):
    """Somewhere to print to."""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Print, as the built-in `print` does.

        Args:
            *objects: What is printed.
            sep: What stands between them.
            end: What stands behind them.
            flush: Whether it is to be seen at once.
        """
        ...


@runtime_checkable
class InputStream(Protocol):
    """Somewhere to read from."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask for a line; with `password` it is not shown."""
        ...


@runtime_checkable
class TimedInputStream(Protocol):
    """Somewhere to read from that can itself give up waiting: a question then does not stay open."""

    def input_within(self, seconds: float, prompt: str = "") -> str:
        """Ask for a line, which must come within so many seconds; otherwise raise `TimeoutError`."""
        ...


@runtime_checkable
class IOStream(InputStream, OutputStream, Protocol):
    """Where agents print to and read from. Subclass it to embed agents elsewhere than on a console.

    >>> with IOStream.set_default(my_stream):  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello")  # prints to my_stream
    """

    _global_default: ClassVar[IOStream | None] = None

    @staticmethod
    def set_global_default(stream: IOStream) -> None:
        """Set the stream of the whole process."""
        IOStream._global_default = stream

    @staticmethod
    def get_global_default() -> IOStream:
        """The stream of the whole process.

        Raises:
            RuntimeError: None was set.
        """
        if IOStream._global_default is None:
            raise RuntimeError("No global default IOStream has been set")
        return IOStream._global_default

    @staticmethod
    def get_default() -> IOStream:
        """The stream of the current context, or that of the process."""
        stream = _of_context.get()
        return IOStream.get_global_default() if stream is None else stream

    @staticmethod
    @contextmanager
    def set_default(stream: IOStream | None) -> Iterator[None]:
        """Set the stream of the current context, for the time of a `with` block."""
        token = _of_context.set(stream)
        try:
            yield
        finally:
            _of_context.reset(token)


_of_context: ContextVar[IOStream | None] = ContextVar("default IOStream", default=None)
