"""Classes of messages that are classes of events under another name."""

from __future__ import annotations

from typing import Any

from .._lazy_imports import warn_of_alias
from ..events.base_event import FORMER_FIELDS


class _Alias(type):
    """Metaclass of the former name of an event class: it makes, recognises and describes events of that class."""

    _event: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an event, from fields of either name."""
        warn_of_alias(cls.__name__, cls._event.__name__)
        return cls._event(*args, **{cls._rename(name): value for name, value in kwargs.items()})

    def _rename(cls, name: str) -> str:
        content = cls._event.model_fields.get("content")
        fields = cls._event.model_fields if content is None else getattr(content.annotation, "model_fields", {})
        return FORMER_FIELDS.get(name, name) if name not in fields else name

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._event)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls._event)

    # For `model_fields`, `model_validate` and so on.
    def __getattr__(cls, name: str) -> Any:
        return getattr(type.__getattribute__(cls, "_event"), name)


def make_message_class(event_class: Any, *former_fields: str) -> Any:
    """Make the former name of an event class: `TextMessage` of `TextEvent`.

    Args:
        event_class: The event class.
        *former_fields: Former names of fields, which its constructor also takes.
    """
    name = event_class.__name__.removesuffix("Event") + "Message"
    namespace = {
        "__doc__": f"The former name of `{event_class.__name__}`.",
        "__annotations__": dict.fromkeys(former_fields, object),
        "_event": event_class,
    }
    return _Alias(name, (), namespace)
