"""Which methods of an agent are not those of `ConversableAgent`, and how overrides of one colour serve both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any, TypeVar

from ..._steps import Steps, run_async, wrap_in_thread

T = TypeVar("T")

ORIGINAL_METHODS: dict[str, Any] = {}
"""The methods of `ConversableAgent` by name, as it defined them. Kept apart from the class, where a tracing package's
wrapper would pass for the original."""


class MethodSet:
    """Methods that are asked about together, on each message: it is one look at the class and one at the instance."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._get = attrgetter(*names)
        self._own: Any = None

    def is_untouched(self, agent: Any) -> bool:
        """Whether nobody overrides, patches or wraps any of them. They aren't, for an agent of another kind."""
        if self._own is None:
            self._own = tuple(ORIGINAL_METHODS[name] for name in self.names)
        try:
            return bool(self._get(type(agent)) == self._own) and vars(agent).keys().isdisjoint(self.names)
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


def is_overridden(agent: Any, method: str) -> bool:
    """Whether a subclass, the instance or a patch of the class has put something else in the place of a method."""
    return method in vars(agent) or getattr(type(agent), method, None) is not ORIGINAL_METHODS[method]


def as_async_method(agent: Any, method: str, steps: Callable[..., Steps[T]]) -> Callable[..., Awaitable[T]]:
    """The form for asynchronous callers of a method that is public in its plain form alone.

    Args:
        agent: The agent.
        method: The method's name; an override of it runs in a thread.
        steps: What the method does where it isn't overridden.
    """
    if is_overridden(agent, method):
        return wrap_in_thread(getattr(agent, method))

    async def run(*args: Any, **kwargs: Any) -> T:
        return await run_async(steps(*args, **kwargs))

    return run
