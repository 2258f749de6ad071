"""AG2's path for the form of events, under its names of 0.7."""

from __future__ import annotations

from typing import Any, TypeVar

from .._lazy_imports import warn_of_alias
from ..events.base_event import (
    BaseEvent,
    camel2snake,
    get_annotated_type_for_event_classes,
    get_event_classes,
    wrap_content,
)

__all__ = [
    "BaseMessage",
    "camel2snake",
    "get_annotated_type_for_message_classes",
    "get_message_classes",
    "wrap_message",
]

M = TypeVar("M", bound=BaseEvent)

BaseMessage = BaseEvent


def wrap_message(message_cls: type[M]) -> type[M]:
    """Make an event of a class of contents, whose name ends with `Message`; see `wrap_event`.

    Args:
        message_cls: The class.

    Raises:
        ValueError: The name does not end with `Message`.
    """
    warn_of_alias("wrap_message", "wrap_event")
    return wrap_content(message_cls, "Message")


def get_annotated_type_for_message_classes() -> Any:
    """Return the type of all events for pydantic; see `get_annotated_type_for_event_classes`."""
    return get_annotated_type_for_event_classes()


def get_message_classes() -> dict[str, type[Any]]:
    """Return the event classes by their types; see `get_event_classes`."""
    return get_event_classes()
