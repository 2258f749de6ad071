"""Which methods of an agent are not those of `ConversableAgent`, and how overrides of one colour serve both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .._drive import Steps, adrive, in_thread

T = TypeVar("T")

BOOK: dict[str, Any] = {}
"""The methods of `ConversableAgent` by name, as it defined them. Kept apart from the class, where a tracing package's
wrapper would pass for the original."""


def is_overridden(agent: Any, method: str) -> bool:
    """Whether a subclass, the instance or a patch of the class has put something else in the place of a method."""
    return method in vars(agent) or getattr(type(agent), method, None) is not BOOK[method]


def awaitable(agent: Any, method: str, steps: Callable[..., Steps[T]]) -> Callable[..., Awaitable[T]]:
    """The form for asynchronous callers of a method that is public in its plain form alone.

    Args:
        agent: The agent.
        method: The method's name; an override of it runs in a thread.
        steps: What the method does where it isn't overridden.
    """
    if is_overridden(agent, method):
        return in_thread(getattr(agent, method))

    async def run(*args: Any, **kwargs: Any) -> T:
        return await adrive(steps(*args, **kwargs))

    return run
