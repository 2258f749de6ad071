"""AG2's events for a program's own stream: a class of a program that has a method `send` gets them instead of lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...io._event_streams import forward_events, needs_forwarding
from .._core.display import silence


@contextmanager
def send_events_to_stream(silent: bool | None) -> Iterator[None]:
    """Send the events of the chat in a `with` block to the current stream, if its class is a program's and has `send`.

    Args:
        silent: True for a chat that shows nothing.
    """
    # Chats inside a chat belong to its listener.
    if silent or not needs_forwarding():
        yield
        return
    with forward_events(), silence(True):
        yield
