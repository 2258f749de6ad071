"""Marks of parameters that the program fills in, and never the model: contexts and dependencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class BaseContext:
    """Base class of values that tools get from the program: accounts, keys, connections.

    A parameter of such a type is in no schema, and no argument of a model reaches it. `Depends` says which value it gets.
    """


class ChatContext(BaseContext):
    """The conversations of the agent that executes a tool. A parameter of this type is filled in for each call.

    Args:
        agent: The agent.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        self._call_message: dict[str, Any] | None = None

    @property
    def chat_messages(self) -> Mapping[Any, list[dict[str, Any]]]:
        """Live histories of the agent, by peer."""
        histories: Mapping[Any, list[dict[str, Any]]] = self._agent.chat_messages
        return histories

    @property
    def last_message(self) -> dict[str, Any] | None:
        """The message with the call; outside of a call the last message of the newest conversation, None without one."""
        if self._call_message is not None:
            return self._call_message
        histories = [history for history in self.chat_messages.values() if history]
        return histories[-1][-1] if histories else None


def make_chat_context(agent: Any, message: dict[str, Any] | None) -> ChatContext:
    """Make the context of a call.

    Args:
        agent: The agent that executes it.
        message: The message with the call, if there is one.
    """
    context = ChatContext(agent)
    context._call_message = message
    return context


@dataclass(frozen=True, eq=False)
class Dependency:
    """Mark of a parameter, made by `Depends`.

    Attributes:
        provider: The value, if it is a context; otherwise a function that returns the value.
    """

    provider: BaseContext | Callable[..., Any]


# It returns `Any`, so that it may be the default of a parameter of any type.
def Depends(x: BaseContext | Callable[..., Any]) -> Any:
    """Mark a parameter that the program fills in.

    The mark stands in `Annotated`, or is the default of the parameter.

    Args:
        x: A `BaseContext`, which is the value itself; or a function, sync or async, that is called for each call of the tool
            and returns the value. Its parameters are filled in the same way, or have defaults; nothing of the model
            reaches them. A function that several parameters depend on is called once.

    Raises:
        TypeError: if it is neither.

    >>> def get_balance(account: Annotated[Account, Depends(Account("Ada"))], currency: str) -> str:  # doctest: +SKIP
    ...     return account.get_balance(currency)
    """
    if not isinstance(x, BaseContext) and not callable(x):
        raise TypeError(f"Depends takes a BaseContext or a function, got {x!r}. Depends(on(x)) gives any value.")
    return Dependency(x)


def on(x: T) -> Callable[[], T]:
    """Make a function that returns `x`, for `Depends`."""

    def get_value() -> T:
        return x

    return get_value


class Field:
    """Description of a parameter: `Annotated[str, Field("The city.")]`. Plain text means the same.

    Args:
        description: The description.
    """

    def __init__(self, description: str) -> None:
        self._description = description

    @property
    def description(self) -> str:
        """The description."""
        return self._description
