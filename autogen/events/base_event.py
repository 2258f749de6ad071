"""The form of AG2's events: pydantic models of a `type` and a `content`.

They are a second face of the project's events: see `autogen.events._translation`. A program's own events join them by
`wrap_event`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, cast
from uuid import UUID, uuid4

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, create_model

from .._jsonable import to_jsonable
from . import _output

__all__ = [
    "BaseEvent",
    "camel2snake",
    "get_annotated_type_for_event_classes",
    "get_event_classes",
    "resolve_print_callable",
    "wrap_event",
]

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelType
else:
    _ModelType = type(BaseModel)

Print = Callable[..., object]
E = TypeVar("E", bound="BaseEvent")

AgentName = Annotated[str, BeforeValidator(lambda agent: getattr(agent, "name", agent))]
"""Name of an agent; the constructor also accepts the agent."""

Anything = Annotated[Any, PlainSerializer(to_jsonable)]
"""Any object; a dump has it as JSON."""


FORMER_FIELDS = {
    "agent_name": "agent",
    "agent_names": "agents",
    "code_block_languages": "code_blocks",
    "messages": "events",
    "no_messages_preserved": "no_events_preserved",
    "nr_messages_to_preserve": "nr_events_to_preserve",
    "recipient_name": "recipient",
    "sender_name": "sender",
    "speaker_name": "speaker",
}
"""Fields of events by their names of AG2 0.7, when events were messages."""


class _EventType(_ModelType):
    """Metaclass by which `isinstance(event, BaseEvent)` holds for both layers of an event."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        return super().__subclasscheck__(subclass) or (cls is BaseEvent and WrappedEvent in subclass.__mro__)

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or (cls is BaseEvent and isinstance(instance, WrappedEvent))


class BaseEvent(BaseModel, metaclass=_EventType):
    """Content of an event.

    Args:
        uuid: Id of the event; None for a new one.
        **kwargs: Fields of the subclass.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    uuid: UUID
    # The same as `Event.chat`: it tells nested chats apart.
    chat_id: str | None = None

    def __init__(self, uuid: UUID | None = None, **kwargs: Any) -> None:
        super().__init__(uuid=uuid or uuid4(), **kwargs)

    def print(self, f: Print | None = None) -> None:
        """Print the event in words; by default it has none.

        Args:
            f: Function that prints, such as the built-in `print`; None for the current stream.
        """

    # Type checkers know the present names alone.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            field = FORMER_FIELDS.get(name)
            return getattr(self, field) if field in type(self).model_fields else super().__getattr__(name)

    # Exceptions and agents inside an event become text in a dump, and the text equals the object that it came from.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.model_dump() == cast(BaseModel, other).model_dump()

    __hash__ = None  # type: ignore[assignment]


class WrappedEvent(BaseModel):
    """Base class of all events: each has the `type` and the `content` of its kind."""

    type: str
    content: Any

    def __init__(self, /, *args: Any, **data: Any) -> None:
        if args or not self._is_dump(data):
            inner = type(self).model_fields["content"].annotation
            data = {"type": type(self).model_fields["type"].default, "content": cast(Any, inner)(*args, **data)}
        super().__init__(**data)

    @classmethod
    def _is_dump(cls, data: Mapping[str, Any]) -> bool:
        """Return True for the two parts of an event, False for the fields of its content."""
        return data.keys() == {"type", "content"} and isinstance(data["content"], (BaseEvent, Mapping))

    def print(self, f: Print | None = None) -> None:
        """Print the event in words.

        Args:
            f: Function that prints, such as the built-in `print`; None for the current stream.
        """
        self.content.print(f)


_classes: dict[str, type[Any]] = {}


def resolve_print_callable(f: Print | None = None) -> Print:
    """Return a function that prints: the given one, or that of the current stream."""
    return f if f is not None else _output.print_objects


def camel2snake(name: str) -> str:
    """Convert `CamelCase` to `camel_case`; each capital letter begins a word."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def wrap_event(event_cls: type[E]) -> type[E]:
    """Make an event of a class of contents, whose name ends with `Event`. A class decorator.

    Returns:
        A class of the same name. Its constructor takes the fields of the content; its objects have a `type`, which is
        the name in snake case without `Event`, and the `content`.

    Raises:
        ValueError: The name does not end with `Event`.

    >>> @wrap_event
    ... class ParcelSentEvent(BaseEvent):
    ...     number: int
    >>> event = ParcelSentEvent(number=7)
    >>> event.type, event.content.number
    ('parcel_sent', 7)
    """
    return wrap_content(event_cls, "Event")


def wrap_content(event_cls: type[E], suffix: str) -> type[E]:
    """Make an event of a class of contents; see `wrap_event`.

    Args:
        event_cls: The class.
        suffix: End of its name, which the type of the event does not have.

    Raises:
        ValueError: The name does not end with it.
    """
    name = event_cls.__name__
    if not name.endswith(suffix):
        raise ValueError(f"The name of the class must end with {suffix!r}, got {name!r}.")
    type_name = camel2snake(name.removesuffix(suffix))
    wrapper = create_model(
        name,
        __base__=WrappedEvent,
        __module__=event_cls.__module__,
        __doc__=event_cls.__doc__,
        type=(cast(Any, Literal)[type_name], type_name),
        content=(event_cls, ...),
    )
    _classes[type_name] = wrapper
    return cast("type[E]", wrapper)


def load_event_classes() -> None:
    """Import the modules of the built-in events, whose classes are known from then on."""
    # By name: these modules import this one.
    for module in ("agent_events", "client_events", "print_event"):
        import_module(f".{module}", __package__)


def get_event_classes() -> dict[str, type[Any]]:
    """Return the event classes by their types: built-in classes that were imported, and those of the program."""
    return dict(_classes)


def get_annotated_type_for_event_classes() -> Any:
    """Return the type of all events for pydantic, which tells them apart by `type`.

    >>> TypeAdapter(get_annotated_type_for_event_classes()).validate_json(event.model_dump_json())  # doctest: +SKIP
    """
    load_event_classes()
    return Annotated[Union[tuple(_classes.values())], Field(discriminator="type")]
