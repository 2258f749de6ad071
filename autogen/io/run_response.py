"""AG2's names for the responses of runs: their cost, their protocols and their classes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from uuid import UUID

from .._jsonable import to_jsonable

if TYPE_CHECKING:
    from typing_extensions import Self

    # The classes run chats: they are loaded with the agents.
    AsyncRunIterResponse: Any
    AsyncRunResponse: Any
    RunIterResponse: Any
    RunResponse: Any

__all__ = [
    "AsyncRunIterResponse",
    "AsyncRunResponse",
    "AsyncRunResponseProtocol",
    "Cost",
    "CostBreakdown",
    "RunInfoProtocol",
    "RunIterResponse",
    "RunResponse",
    "RunResponseProtocol",
    "Usage",
]

_RESPONSES = ("AsyncRunIterResponse", "AsyncRunResponse", "RunIterResponse", "RunResponse")


def __getattr__(name: str) -> object:
    if name not in _RESPONSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("autogen.agentchat._runs"), name)


class _AttributeDict(dict[str, Any]):
    """A dict whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {', '.join(self) or 'no items'}.") from None

    def model_dump(self, *, mode: str = "python", **kwargs: Any) -> dict[str, Any]:
        """Return the items as plain dicts.

        Args:
            mode: Accepted for programs that expect a pydantic model, as all arguments.
            **kwargs: Accepted, too.
        """
        dumped: dict[str, Any] = to_jsonable(dict(self))
        return dumped


class Usage(_AttributeDict):
    """Usage of one model: `cost` in USD, `prompt_tokens`, `completion_tokens` and `total_tokens`."""

    # Declared for their names and types; the values are items of the dict.
    cost: float
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CostBreakdown(_AttributeDict):
    """Usage by model, as in `ChatResult.cost`; `total_cost` in USD is the sum."""

    total_cost: float

    @property
    def models(self) -> dict[str, Usage]:
        """The usage by the names of the models."""
        return {name: Usage(usage) for name, usage in self.items() if name != "total_cost"}

    @classmethod
    def from_raw(cls, data: Mapping[str, Any]) -> Self:
        """Make it of a dict; without a sum, that is 0."""
        return cls({"total_cost": 0.0, **data})


class Cost(_AttributeDict):
    """Cost of a chat: the dict of `ChatResult.cost`, whose items are attributes, too.

    >>> cost = Cost.from_raw({"usage_including_cached_inference": {"total_cost": 0.5}})
    >>> cost.usage_including_cached_inference.total_cost
    0.5
    """

    usage_including_cached_inference: CostBreakdown
    usage_excluding_cached_inference: CostBreakdown

    @classmethod
    def from_raw(cls, data: Mapping[str, Any] | None) -> Self:
        """Make it of the cost of a chat; a missing part is empty."""
        names = ("usage_including_cached_inference", "usage_excluding_cached_inference")
        return cls({name: CostBreakdown.from_raw((data or {}).get(name) or {}) for name in names})


class _ClassChecked(type(Protocol)):  # type: ignore[misc]
    """Metaclass of protocols that look at the class of an object: reading its properties would begin its run."""

    def __instancecheck__(cls, instance: object) -> bool:
        names = [name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")]
        return all(hasattr(type(instance), name) for name in names)


@runtime_checkable
class RunInfoProtocol(Protocol, metaclass=_ClassChecked):
    """A run that has an id."""

    @property
    def uuid(self) -> UUID:
        """Id of the run."""
        ...

    @property
    def above_run(self) -> RunResponseProtocol | None:
        """The run around it; always None."""
        ...


@runtime_checkable
class RunResponseProtocol(RunInfoProtocol, Protocol, metaclass=_ClassChecked):
    """The response of a run."""

    @property
    def events(self) -> Iterator[Any]:
        """The events of the run; the run goes on while they are read."""
        ...

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages."""
        ...

    @property
    def summary(self) -> str | None:
        """The summary."""
        ...

    @property
    def context_variables(self) -> Any:
        """The context variables of a group; None for other runs."""
        ...

    @property
    def last_speaker(self) -> str | None:
        """Name of the author of the last message."""
        ...

    @property
    def cost(self) -> Cost | None:
        """The cost."""
        ...

    def process(self, processor: Any = None) -> None:
        """Let a processor read the events; None for the console."""
        ...

    def set_ui_tools(self, tools: list[Any]) -> None:
        """Set the tools of a user interface for all agents."""
        ...


@runtime_checkable
class AsyncRunResponseProtocol(RunInfoProtocol, Protocol, metaclass=_ClassChecked):
    """The response of an async run; its values are awaited."""

    @property
    def events(self) -> AsyncIterator[Any]:
        """The events of the run; the run goes on while they are read."""
        ...

    @property
    def messages(self) -> Awaitable[list[dict[str, Any]]]:
        """The messages."""
        ...

    @property
    def summary(self) -> Awaitable[str | None]:
        """The summary."""
        ...

    @property
    def context_variables(self) -> Awaitable[Any]:
        """The context variables of a group; None for other runs."""
        ...

    @property
    def last_speaker(self) -> Awaitable[str | None]:
        """Name of the author of the last message."""
        ...

    @property
    def cost(self) -> Awaitable[Cost | None]:
        """The cost."""
        ...

    async def process(self, processor: Any = None) -> None:
        """Let a processor read the events; None for the console."""
        ...

    def set_ui_tools(self, tools: list[Any]) -> None:
        """Set the tools of a user interface for all agents."""
        ...
