"""The base class of the kinds of events, and the chat and the operation that an event belongs to."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from .._jsonable import to_jsonable
from .._secrets import redact

current_chat_id: ContextVar[str] = ContextVar("chat", default="")

# Two variables instead of one pair: `get` itself is the default factory of a field then, which costs the least.
current_operation_id: ContextVar[str] = ContextVar("operation", default="")
parent_operation_id: ContextVar[str] = ContextVar("parent operation", default="")


# Not frozen: the `__init__` of a frozen dataclass takes twice the time, which is most of the cost of listening.
@dataclass(kw_only=True)
class Event:
    """Base class of all events.

    An operation (a chat, a reply function, a model request, a tool call, ...) emits a start and an end event with the
    same `operation`; any other event has that of the operation in which it happened.

    Attributes:
        type: Kind of event, as it stands in JSON.
        starts: Kind of the operation that the event starts; empty if it starts none.
        ends: Kind of the operation that the event ends; empty if it ends none.
        at: Time of the event, in seconds since 1970.
        chat: Id of the chat in which it happened; empty outside of a chat.
        operation: Id of the operation to which it belongs; empty outside of an operation.
        parent_operation: Id of the operation around that one; empty for the outermost.
    """

    type: ClassVar[str] = "event"
    starts: ClassVar[str] = ""
    ends: ClassVar[str] = ""
    at: float = field(default_factory=time.time)
    chat: str = field(default_factory=current_chat_id.get)
    operation: str = field(default_factory=current_operation_id.get)
    parent_operation: str = field(default_factory=parent_operation_id.get)

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON: secrets are masked, values that JSON can't hold are replaced by their type."""
        values = {item.name: to_jsonable(getattr(self, item.name)) for item in fields(self) if item.name[0] != "_"}
        return {"type": self.type, **redact(values)}

    def __getstate__(self) -> dict[str, Any]:
        # The objects of this process stay behind: agents and responses may hold locks and connections.
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for item in fields(self):
            if item.name not in state and item.default_factory is not MISSING:
                setattr(self, item.name, item.default_factory())

    # A type checker must go on to report names that no event has.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            # Called for missing attributes only.
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in _AG2_NAMES:
                text += (
                    f". It is an event of autogen.events; those with {name!r} are AG2's, which run(), run_group_chat() and "
                    "run_iter(yield_on=[TextEvent, ...]) with classes of autogen.events.agent_events yield"
                )
            raise AttributeError(text)


_AG2_NAMES = frozenset({"content", "print", "uuid", "model_dump", "model_dump_json"})
