"""How messages go back and forth: a loop, not a recursion.

Half a turn is a *move*: one agent says something, or hears something. Playing a move gives the next one. `exchange` plays
moves until there is none left, so a chat of any length runs at one stack depth.

`send` and `receive` may be overridden, and an override mostly calls `super()`. The exchange calls the override; the base
method notices that this very call came from an exchange, does its half, and hands the following move back to it. Code
after `super().receive(...)` therefore runs when this agent's half is done, not when the whole chat is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar

from ..._steps import Steps, invoke
from ...control import is_controlled, yield_point
from .._core.overrides import RECEIVING, SENDING, TALKING, MethodSet


@dataclass(slots=True)
class Delivery(ABC):
    """One agent's half of a turn. Playing it gives the other agent's half, or None."""

    agent: Any
    peer: Any
    message: Any
    request_reply: bool | None = None
    silent: bool | None = False
    next: Delivery | None = None  # what the base class found to follow, when an exchange called an override of it
    open: bool = False  # such a call is under way

    methods: ClassVar[MethodSet]  # those that play it

    @abstractmethod
    def own(self) -> Steps[Delivery | None]:
        """Play the base class's half."""

    @abstractmethod
    def public(self) -> Steps[None]:
        """Play it through the agent's public method, whoever wrote that."""


class Send(Delivery):
    """`agent` sends `message` to `peer`."""

    __slots__ = ()
    methods = SENDING

    def own(self) -> Steps[Delivery | None]:
        return self.agent._send_step(self)  # type: ignore[no-any-return]

    def public(self) -> Steps[None]:
        asked = {} if self.request_reply is None else {"request_reply": self.request_reply}
        twin = getattr(self.agent, "a_send", None)
        yield from invoke(self.agent.send, twin, self.message, self.peer, **asked, silent=self.silent)


class Receive(Delivery):
    """`agent` receives `message` from `peer`, and answers if an answer is wanted."""

    __slots__ = ()
    methods = RECEIVING

    def own(self) -> Steps[Delivery | None]:
        return self.agent._receive_step(self)  # type: ignore[no-any-return]

    def public(self) -> Steps[None]:
        twin = getattr(self.agent, "a_receive", None)
        options = (self.request_reply, self.silent) if _accepts_silent(self.agent) else (self.request_reply,)
        yield from invoke(self.agent.receive, twin, self.message, self.peer, *options)


_in_play: ContextVar[Delivery | None] = ContextVar("move in play", default=None)


def deliver(move: Delivery) -> Steps[None]:
    """What the base class's `send` and `receive` do: this agent's half, then all that follows from it."""
    caller = _in_play.get()
    _in_play.set(None)
    try:
        if caller and caller.open and _is_same_delivery(caller, move):  # an exchange called an override; this is its super()
            earlier, caller.next = caller.next, None
            yield from run_loop(earlier)  # a second super() in one override: finish what the first began
            caller.next = yield from move.own()  # and leave the rest to that exchange
        else:
            yield from run_loop((yield from move.own()))
    finally:
        _in_play.set(caller)


def run_loop(move: Delivery | None) -> Steps[None]:
    """Play a move and all that follow it, each through its agent's public method. The stack stays flat."""
    controlled = is_controlled()
    while move is not None:
        if controlled:
            yield from yield_point()
        agent = move.agent
        if type(move) is Receive and not controlled and TALKING.is_untouched(agent):  # as most are: what follows costs more
            move = yield from agent._receive_step(move, True)
            continue
        if move.methods.is_untouched(agent):  # the front door can be passed by
            move = yield from move.own()
            continue
        outer, move.open = _in_play.get(), True
        _in_play.set(move)
        try:
            yield from move.public()
        finally:
            move.open = False
            _in_play.set(outer)
        move = move.next


def _accepts_silent(agent: Any) -> bool:
    """Whether an agent may be told not to print: the protocol of agents does not ask for that."""
    if hasattr(agent, "_receive_step"):
        return True
    given = signature(agent.receive).parameters.values()
    return len(given) > 3 or any(one.kind is one.VAR_POSITIONAL for one in given)


def _is_same_delivery(a: Delivery, b: Delivery) -> bool:
    return type(a) is type(b) and a.agent is b.agent and a.peer is b.peer
