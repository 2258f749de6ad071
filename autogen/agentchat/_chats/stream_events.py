"""AG2's events for a program's own stream: a class of a program that has a method `send` gets them instead of lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ... import events
from ..._threads import reset_variable
from ...io.base import IOStream
from .._core.display import silence

logger = logging.getLogger("autogen.agentchat.conversable_agent")

_receiver: ContextVar[object] = ContextVar("stream that gets the events of this chat", default=None)


@contextmanager
def send_events_to_stream(silent: bool | None) -> Iterator[None]:
    """Send the events of the chat in a `with` block to the current stream, if its class is a program's and has `send`.

    Args:
        silent: True for a chat that shows nothing.
    """
    stream: Any = IOStream.get_default()
    send = getattr(type(stream), "send", None)
    # Our own streams print lines; chats inside a chat belong to its listener.
    is_own = send is not None and not (getattr(send, "__module__", None) or "").startswith("autogen.")
    if silent or not is_own or _receiver.get() is stream:
        yield
        return
    token = _receiver.set(stream)
    try:
        with _forward_events(stream), silence(True):
            yield
    finally:
        reset_variable(_receiver, token)


@contextmanager
def _forward_events(stream: Any) -> Iterator[None]:
    from ...events._translation import KINDS, Translator

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
    with events.subscribe(forward, types=kinds):
        yield
