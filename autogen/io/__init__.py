"""Input and output streams of agents: the console, queues and websockets."""

from typing import Any

from ..events import _output
from ._messages import EndMessage, InputMessage, PrintMessage, StreamMessage, WithdrawnMessage
from .base import (
    LATER,
    AsyncInputStream,
    AsyncIOStreamProtocol,
    InputStream,
    InterruptibleInputStream,
    IOStream,
    IOStreamProtocol,
    OutputStream,
    StreamClosed,
    TimedInputStream,
)
from .console import IOConsole
from .queue_stream import IOQueue
from .websockets import IOWebsockets

# Agents print to the console unless a program sets another stream.
IOStream.set_global_default(IOConsole())


def _print_to_current(*objects: object, **kwargs: Any) -> None:
    IOStream.get_default().print(*objects, **kwargs)


def send(event: Any) -> None:
    """Send an AG2 event to the current stream; one without `send` prints it.

    Args:
        event: Event of `autogen.events.agent_events`, or of a program's class.
    """
    stream: Any = IOStream.get_default()
    if hasattr(stream, "send"):
        stream.send(event)
    else:
        event.print(stream.print)


_output.set_print(_print_to_current)

__all__ = [
    "AsyncIOStreamProtocol",
    "AsyncInputStream",
    "IOStreamProtocol",
    "IOConsole",
    "LATER",
    "IOQueue",
    "IOStream",
    "IOWebsockets",
    "InputStream",
    "InterruptibleInputStream",
    "OutputStream",
    "StreamClosed",
    "TimedInputStream",
    "EndMessage",
    "InputMessage",
    "PrintMessage",
    "StreamMessage",
    "WithdrawnMessage",
    "send",
]
