"""Tokens while they arrive: from the client that reads a stream to the events and the display of the requesting agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
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


class TokenBuffer:
    """Pieces of responses that nobody may see yet.

    Args:
        outer: Buffer of a reply around this one, which has the last word; None for none.
        width: Number of characters of the text to keep; None for all.
        is_sound: Returns True if a beginning of the text may be shown; once it may not, nothing is any more.

    Attributes:
        has_released: True if pieces were shown.
    """

    def __init__(
        self, outer: TokenBuffer | None, width: int | None = None, is_sound: Callable[[str], bool] | None = None
    ) -> None:
        self._outer = outer
        self._width, self._is_sound = width, is_sound
        self._text = ""
        # Each with the length of the text up to its piece; None for other pieces.
        self._actions: list[tuple[int | None, Callable[[], None], str]] = []
        self.has_released = False

    def add(self, action: Callable[[], None], text: str | None = None) -> None:
        """Keep an action on a piece for `release`.

        Args:
            action: The action.
            text: The piece of text; None for any other piece.
        """
        self._text += text or ""
        self._actions.append((None if text is None else len(self._text), action, text or ""))
        if self._width is None or self._is_sound is None or text is None:
            return
        if not self._is_sound(self._text):
            self._width = None
            return
        shown = 0
        for end, _, _ in self._actions:
            if end is None or end > len(self._text) - self._width:
                break
            shown += 1
        self._emit(shown)

    def _emit(self, count: int) -> None:
        actions, self._actions = self._actions[:count], self._actions[count:]
        self.has_released = self.has_released or bool(actions)
        for end, action, text in actions:
            if self._outer is None:
                action()
            else:
                self._outer.add(action, None if end is None else text)

    def release(self) -> None:
        """Emit and display the pieces. Without this call they never are."""
        self._emit(len(self._actions))


_buffer: ContextVar[TokenBuffer | None] = ContextVar("token buffer", default=None)


@contextmanager
def hold_tokens(width: int | None = None, is_sound: Callable[[str], bool] | None = None) -> Iterator[TokenBuffer]:
    """Keep the pieces of the responses in a `with` block back, until the buffer is released.

    Args:
        width: Number of characters of the text to keep, so that earlier ones are shown as they arrive; None for all.
        is_sound: Returns True if a beginning of the text may be shown.
    """
    # By value, because the step may be closed in another context, where a token is invalid.
    outer = _buffer.get()
    buffer = TokenBuffer(outer, width, is_sound)
    _buffer.set(buffer)
    try:
        yield buffer
    finally:
        _buffer.set(outer)


class TokenReceiver:
    """Receiver of the pieces of one streamed response.

    Args:
        agent: Agent of the request; None or a name for a request of a program.
    """

    def __init__(self, agent: object) -> None:
        self._agent = getattr(agent, "name", None) or str(agent or "")
        open_display = getattr(agent, "_open_token_display", None)
        self._display: ReplyDisplay | None = _PlainDisplay() if open_display is None else open_display()
        self._buffer = _buffer.get()

    def receive(self, deltas: list[Delta]) -> None:
        """Emit the events of some pieces, and display them."""
        for delta in deltas:
            event = None
            if events.has_listeners and events.is_wanted(events.TokenReceived):
                text = repair_text(delta.text)
                # Made now, because it belongs to the operation in progress.
                event = events.TokenReceived(agent=self._agent, delta=text, kind=delta.kind, tool=delta.tool)
            if self._buffer is None:
                self._show(delta, event)
            else:
                self._buffer.add(partial(self._show, delta, event), delta.text if delta.kind == "text" else None)

    def _show(self, delta: Delta, event: events.TokenReceived | None) -> None:
        if event is not None:
            events.emit(event)
        if self._display is not None:
            self._display.show(delta)

    def finish(self, error: BaseException | None = None) -> None:
        """End the display, with the error that cut the response off, if any."""
        if self._display is None:
            return
        if self._buffer is None:
            self._display.finish(error)
        else:
            self._buffer.add(partial(self._display.finish, error))


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
