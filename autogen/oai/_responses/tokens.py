"""Tokens while they arrive: from the client that reads a stream to the events and the display of the requesting agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from ... import events
from ..._threads import reset_variable
from ...io.base import IOStream
from .assembly import Delta
from .text import repair_text


class ReplyDisplay(Protocol):
    """Display of a reply that arrives; see `agentchat._core.token_display.TokenDisplay`."""

    def show(self, delta: Delta) -> None:
        """Show a piece of the reply."""
        ...

    def finish(self, error: BaseException | None = None) -> None:
        """End the display, with the error that cut the reply off, if any."""
        ...


class _PlainDisplay:
    """Display for a program that uses a client without an agent: the text alone, as it arrives."""

    def __init__(self) -> None:
        self._show = IOStream.get_default().print
        self._is_open = False

    def show(self, delta: Delta) -> None:
        if delta.kind == "text":
            self._is_open = True
            self._show(repair_text(delta.text), end="", flush=True)

    def finish(self, error: BaseException | None = None) -> None:
        if self._is_open:
            self._show("", flush=True)


class TokenReceiver:
    """Receiver of the pieces of one streamed response.

    Args:
        agent: Agent of the request; None or a name for a request of a program.
    """

    def __init__(self, agent: object) -> None:
        self._agent = getattr(agent, "name", None) or str(agent or "")
        open_display = getattr(agent, "_open_token_display", None)
        self._display: ReplyDisplay | None = _PlainDisplay() if open_display is None else open_display()

    def receive(self, deltas: list[Delta]) -> None:
        """Emit the events of some pieces, and display them."""
        for delta in deltas:
            if events.has_listeners and events.is_wanted(events.TokenReceived):
                text = repair_text(delta.text)
                events.emit(events.TokenReceived(agent=self._agent, delta=text, kind=delta.kind, tool=delta.tool))
            if self._display is not None:
                self._display.show(delta)

    def finish(self, error: BaseException | None = None) -> None:
        """End the display, with the error that cut the response off, if any."""
        if self._display is not None:
            self._display.finish(error)


_receiver: ContextVar[TokenReceiver | None] = ContextVar("token receiver", default=None)


@contextmanager
def receive_tokens(agent: object) -> Iterator[None]:
    """Receive the tokens of the request that is made in a `with` block, for the agent of the request."""
    receiver = TokenReceiver(agent)
    token = _receiver.set(receiver)
    try:
        yield
    except BaseException as error:
        receiver.finish(error)
        raise
    else:
        receiver.finish()
    finally:
        reset_variable(_receiver, token)


def get_token_receiver() -> TokenReceiver:
    """Return the receiver of the current request; for a client that a program calls by itself, a new one."""
    return _receiver.get() or TokenReceiver(None)
