"""The chats that run now. Two chats at once between the same agents would mix their histories, so the second is refused.

A chat within a chat is legal also between the same agents: it is part of the same call stack, as in 0.2.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from ..._threads import reset_variable
from ...control import ChatControl, get_control
from ...exception_utils import ChatInProgress
from .._core.internals import get_managed_group
from ..agent import Agent

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True


def _get_running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    # Raised where no event loop is running.
    except RuntimeError:
        return None


@dataclass(eq=False)
class ActiveChat:
    """A chat that runs.

    Attributes:
        agents: Its two agents. Their ids are not used again while they are referred to here.
        control: Its control, or that of a chat around it.
        thread: Thread in which it began.
        loop: Event loop of an async chat.
    """

    agents: tuple[Agent, Agent]
    control: ChatControl | None
    thread: threading.Thread = field(default_factory=threading.current_thread)
    loop: asyncio.AbstractEventLoop | None = field(default_factory=_get_running_loop)

    def is_over(self) -> bool:
        """Return True if nothing can follow: the chat is stopped, or its event loop was left with the chat unfinished."""
        if self.control is not None and self.control.is_stopped:
            return True
        if self.loop is None:
            return False
        return self.loop.is_closed() or not (self.thread.is_alive() or self.loop.is_running())


_active: dict[frozenset[int], list[ActiveChat]] = {}
_lock = threading.Lock()
_enclosing: ContextVar[tuple[ActiveChat, ...]] = ContextVar("chats around this point", default=())


@contextmanager
def enter_active_chat(sender: Agent, recipient: Agent, control: ChatControl | None) -> Iterator[None]:
    """Register a chat while it runs in the `with` block.

    Args:
        sender: Agent that starts the chat.
        recipient: The other agent.
        control: Control of the chat; None for that of the chat around it.

    Raises:
        ChatInProgress: if another chat of the two runs, or another chat of the recipient's group.
    """
    chat = ActiveChat((sender, recipient), control or get_control())
    keys = [frozenset((id(sender), id(recipient)))]
    # The record of a group belongs to all chats with its manager.
    if (group := get_managed_group(recipient)) is not None:
        keys.append(frozenset((id(group),)))
    enclosing = _enclosing.get()
    with _lock:
        for key in keys:
            for other in _active.get(key, ()):
                if other not in enclosing and not other.is_over():
                    raise ChatInProgress(*(agent.name for agent in (*chat.agents, *other.agents)))
        for key in keys:
            _active.setdefault(key, []).append(chat)
    token = _enclosing.set((*enclosing, chat))
    try:
        yield
    finally:
        with _lock:
            for key in keys:
                _active[key].remove(chat)
                if not _active[key]:
                    del _active[key]
        reset_variable(_enclosing, token)
