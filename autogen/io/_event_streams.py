"""Streams whose readers get AG2's events in place of printed lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .. import events
from .._threads import reset_variable
from .base import IOStream

logger = logging.getLogger("autogen.agentchat.conversable_agent")

_event_stream: ContextVar[object] = ContextVar("stream whose reader gets events", default=None)


@contextmanager
def replace_lines(stream: object) -> Iterator[None]:
    """Mark a stream in a `with` block: its reader gets events, so that lines which an event replaces are not printed."""
    token = _event_stream.set(stream)
    try:
        yield
    finally:
        reset_variable(_event_stream, token)


def has_event_reader() -> bool:
    """Return True if the reader of the current stream gets events."""
    stream = _event_stream.get()
    return stream is not None and stream is IOStream.get_default()


def get_asked_stream(stream: IOStream | None = None) -> IOStream:
    """Return the stream that is asked once the reader of a run has not answered.

    Args:
        stream: A stream; None for the current one.
    """
    stream = IOStream.get_default() if stream is None else stream
    return getattr(stream, "caller_stream", stream)


def needs_forwarding() -> bool:
    """Return True if the class of the current stream is a program's and has `send`, and gets no events yet."""
    stream = IOStream.get_default()
    send = getattr(type(stream), "send", None)
    # Our own streams print lines.
    is_own = send is not None and not (getattr(send, "__module__", None) or "").startswith("autogen.")
    return is_own and _event_stream.get() is not stream


@contextmanager
def forward_events() -> Iterator[None]:
    """Send the events of a `with` block to the current stream, if it needs that; see `needs_forwarding`."""
    if not needs_forwarding():
        yield
        return
    from ..events._translation import KINDS, Translator

    stream: Any = IOStream.get_default()
    translator = Translator()
    has_failed = False

    def forward(event: events.Event) -> None:
        nonlocal has_failed
        for item in translator.translate(event):
            try:
                stream.send(item)
            except Exception:
                if not has_failed:
                    logger.exception("The stream failed at a %s event; the chat continues.", event.type)
                has_failed = True

    # The stream is asked by its `input`, which may send an event of its own.
    kinds = [kind for kind in KINDS if kind is not events.HumanAsked]
    with replace_lines(stream), events.subscribe(forward, types=kinds):
        yield
