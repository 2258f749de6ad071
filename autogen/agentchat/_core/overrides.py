"""Detection of overridden methods, and overrides of a sync method that serve async callers too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, TypeVar

from ..._steps import Steps, hide_from_tracebacks, invoke, run_async, wrap_in_thread
from .protocols import AgentCore

T = TypeVar("T")

ORIGINAL_METHODS: dict[str, Any] = {}
"""Methods of `ConversableAgent` by name, as it defined them. Kept apart from the class, because a tracing package may wrap
methods of the class."""


class MethodSet:
    """Methods that are checked for overrides together, on each message: one lookup at the class, one at the instance.

    Attributes:
        names: Names of the methods.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self._get = attrgetter(*names)

    @cached_property
    def _originals(self) -> tuple[object, ...]:
        # on first use, because the table is filled after this module is loaded
        return tuple(ORIGINAL_METHODS[name] for name in self.names)

    def is_class_untouched(self, agent_class: type) -> bool:
        """Return True if a class overrides no method, which its instances still may."""
        try:
            return bool(self._get(agent_class) == self._originals)
        except AttributeError:
            return False

    def is_untouched(self, agent: object) -> bool:
        """Return True if no method is overridden, patched or wrapped. False for an agent of another kind."""
        # not by `is_class_untouched`: this runs several times for each message
        try:
            return bool(self._get(type(agent)) == self._originals) and vars(agent).keys().isdisjoint(self.names)
        # an agent of another kind has not all of the methods, or no `__dict__`
        except AttributeError:
            return False


SENDING = MethodSet("send", "a_send")
RECEIVING = MethodSet("receive", "a_receive")
ANSWERING = MethodSet(
    "generate_reply",
    "a_generate_reply",
    "process_last_received_message",
    "a_process_last_received_message",
    "process_all_messages_before_reply",
    "a_process_all_messages_before_reply",
)
TALKING = MethodSet(*SENDING.names, *RECEIVING.names, *ANSWERING.names)


def is_overridden(agent: object, method: str) -> bool:
    """Return True if a subclass, the instance or a patch of the class overrides a method of `ConversableAgent`."""
    return method in vars(agent) or getattr(type(agent), method, None) is not ORIGINAL_METHODS[method]


def as_async_method(agent: object, method: str, steps: Callable[..., Steps[T]]) -> Callable[..., Awaitable[T]]:
    """Return the async version of a method that is public in its sync form alone.

    Args:
        agent: Agent.
        method: Name of the method; an override of it runs in a thread.
        steps: Built-in implementation, for a method that is not overridden.
    """
    if is_overridden(agent, method):
        return wrap_in_thread(getattr(agent, method))

    return partial(_run_steps, steps)


@hide_from_tracebacks
async def _run_steps(steps: Callable[..., Steps[T]], *args: object, **kwargs: object) -> T:
    return await run_async(steps(*args, **kwargs))


@hide_from_tracebacks
def invoke_overridable(agent: AgentCore, method: str, steps: Callable[..., Steps[T]], *args: object) -> Steps[T]:
    """Call a method that programs override and that is public in its sync form alone.

    Args:
        agent: Agent.
        method: Name of the method.
        steps: Built-in implementation, for async callers if the method is not overridden.
        *args: Arguments of the method.
    """
    result: T = yield from invoke(getattr(agent, method), as_async_method(agent, method, steps), *args)
    return result
