"""The message loop: messages go back and forth in a loop, not by recursion.

A *delivery* is a pending send or receive. Running it returns the next one. `run_loop` runs deliveries until none is
left, so the stack has the same depth in a chat of any length.

Programs override `send` and `receive`, and an override mostly calls `super()`. The loop calls the override; the base
method notices that it was called from there, runs its delivery, and hands the following one back to the loop. Code after
`super().receive(...)` therefore runs when this delivery is done, not when the whole chat is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar

from ..._images.sources import collect_sources, name_opening
from ..._steps import Steps, invoke
from ...control import get_control, yield_point
from .._core.internals import RECEIVING, SENDING, TALKING, MethodSet
from .._guardrails.checks import GuardrailStop

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True


@dataclass(slots=True)
class Delivery(ABC):
    """A pending send or receive. Running it returns the next one, or None at the end of the chat.

    Attributes:
        agent: Agent that sends or receives.
        peer: The other agent.
        message: The message.
        request_reply: True to request a reply, False not to, None to leave it to the receiver.
        silent: True to print nothing.
        follow_up: Next delivery. The base method leaves it here if the loop called an override, which returns nothing.
        in_override: True while the loop waits for an override.
        methods: The public methods that run it, to be checked for overrides.
    """

    agent: Any
    peer: Any
    message: Any
    request_reply: bool | None = None
    silent: bool | None = False
    follow_up: Delivery | None = None
    in_override: bool = False

    methods: ClassVar[MethodSet]

    @abstractmethod
    def run_builtin(self) -> Steps[Delivery | None]:
        """Run it as the base class does."""

    @abstractmethod
    def run_overridden(self) -> Steps[None]:
        """Run it through the agent's public method, which is overridden."""


class Send(Delivery):
    """`agent` sends `message` to `peer`."""

    __slots__ = ()
    methods = SENDING

    def run_builtin(self) -> Steps[Delivery | None]:
        return self.agent._send_step(self)  # type: ignore[no-any-return]

    def run_overridden(self) -> Steps[None]:
        # Passed only if it is set: overrides written for early versions lack the parameter.
        options = {} if self.request_reply is None else {"request_reply": self.request_reply}
        a_send = getattr(self.agent, "a_send", None)
        yield from invoke(self.agent.send, a_send, self.message, self.peer, **options, silent=self.silent)


class Receive(Delivery):
    """`agent` receives `message` from `peer`, and replies if a reply is requested."""

    __slots__ = ()
    methods = RECEIVING

    def run_builtin(self) -> Steps[Delivery | None]:
        return self.agent._receive_step(self)  # type: ignore[no-any-return]

    def run_overridden(self) -> Steps[None]:
        a_receive = getattr(self.agent, "a_receive", None)
        options = (self.request_reply, self.silent) if _accepts_silent(self.agent) else (self.request_reply,)
        yield from invoke(self.agent.receive, a_receive, self.message, self.peer, *options)

    def record(self) -> None:
        """Put the message into the history: it was sent, and readers of events have seen it."""
        if hasattr(self.agent, "_append_oai_message"):
            self.agent._append_oai_message(self.message, "user", self.peer, is_sending=False)


@dataclass(slots=True, kw_only=True)
class LastReceive(Receive):
    """`agent` receives the last message of a chat, which the guardrail of its sender ends.

    Attributes:
        guardrail: Name of the guardrail.
    """

    guardrail: str

    # Not by `super()`, which has no class to refer to: a dataclass with slots is made twice.
    def run_builtin(self) -> Steps[Delivery | None]:
        """Receive the message, and end the chat."""
        yield from Receive.run_builtin(self)
        raise GuardrailStop(self.guardrail)

    def run_overridden(self) -> Steps[None]:
        """Receive the message through the agent's public method, and end the chat."""
        yield from Receive.run_overridden(self)
        raise GuardrailStop(self.guardrail)


_current_delivery: ContextVar[Delivery | None] = ContextVar("current delivery", default=None)


def deliver(delivery: Delivery) -> Steps[None]:
    """Run a delivery and all that follow it: the body of the base class's `send` and `receive`."""
    caller = _current_delivery.get()
    _current_delivery.set(None)
    try:
        if caller and caller.in_override and _is_same_delivery(caller, delivery):
            # This is the `super()` call of an override that the loop called. The follow-up is left to the loop; one of an
            # earlier `super()` call in the same override is run first.
            earlier, caller.follow_up = caller.follow_up, None
            yield from run_loop(earlier)
            caller.follow_up = yield from delivery.run_builtin()
        else:
            with collect_sources():
                name_opening(delivery.message)
                yield from run_loop((yield from delivery.run_builtin()))
    finally:
        _current_delivery.set(caller)


def run_loop(delivery: Delivery | None) -> Steps[None]:
    """Run a delivery and all that follow it, at a constant stack depth. Only methods that are overridden are called."""
    is_controlled = get_control() is not None
    while delivery is not None:
        if is_controlled:
            try:
                yield from yield_point()
            except BaseException:
                if isinstance(delivery, Receive):
                    delivery.record()
                raise
        agent = delivery.agent
        # The usual case, in one step: nothing that receiving or replying involves is overridden.
        if type(delivery) is Receive and not is_controlled and TALKING.is_untouched(agent):
            delivery = yield from agent._receive_step(delivery, is_untouched=True)
            continue
        if delivery.methods.is_untouched(agent):
            delivery = yield from delivery.run_builtin()
            continue
        outer, delivery.in_override = _current_delivery.get(), True
        _current_delivery.set(delivery)
        try:
            yield from delivery.run_overridden()
        finally:
            delivery.in_override = False
            _current_delivery.set(outer)
        delivery = delivery.follow_up


def _accepts_silent(agent: Any) -> bool:
    """Return True if `receive` of an agent has the parameter `silent`, which the `Agent` protocol does not ask for."""
    if hasattr(agent, "_receive_step"):
        return True
    parameters = signature(agent.receive).parameters.values()
    # Besides `message`, `sender` and `request_reply`.
    return len(parameters) > 3 or any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def _is_same_delivery(first: Delivery, second: Delivery) -> bool:
    return type(first) is type(second) and first.agent is second.agent and first.peer is second.peer
