"""A stream of typed events: what happens in chats, in a form that JSON can hold.

No event is created unless there is a listener.

>>> import autogen.events
>>> with autogen.events.subscribe(lambda event: print(event.to_dict())):
...     user.initiate_chat(assistant, message="Hello")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import threading
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TypeAlias, Union, cast

from .._threads import reset_variable
from ._budget_kinds import SteppedDown
from ._capability_kinds import MemoriesRecalled, PlanChanged, SkillUsed
from ._context_kinds import ContextTransformed
from ._document_kinds import DocumentsIndexed, DocumentsRetrieved
from ._event import Event, current_chat_id, current_operation_id, parent_operation_id
from ._group_kinds import GroupResumed, HandedOver, SpeakerAttempted, SpeakerRequested, SpeakerSelected
from ._kinds import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    AutoReplied,
    ChatEnded,
    ChatPrepared,
    ChatStarted,
    ChatWaiting,
    CodeEnded,
    CodeStarted,
    GuardrailChecked,
    HistoryCleared,
    HumanAnswered,
    HumanAsked,
    MessageSent,
    NoHumanInput,
    ProgramEvent,
    ReplyEnded,
    ReplyRetracted,
    ReplyStarted,
    SafeguardActed,
    ToolCalled,
    ToolReturned,
    UsagePrinted,
)
from ._model_kinds import ModelAnswered, ModelAsked, ModelFailed, ReasoningTree, TokenReceived

__all__ = [
    "AnyEvent",
    "ApprovalAsked",
    "ApprovalGiven",
    "AutoReplied",
    "ChatEnded",
    "ChatPrepared",
    "ChatStarted",
    "ChatWaiting",
    "CodeEnded",
    "CodeStarted",
    "ContextTransformed",
    "DocumentsIndexed",
    "DocumentsRetrieved",
    "Event",
    "GroupResumed",
    "GuardrailChecked",
    "HandedOver",
    "HistoryCleared",
    "HumanAnswered",
    "HumanAsked",
    "Kinds",
    "Listener",
    "MemoriesRecalled",
    "MessageSent",
    "ModelAnswered",
    "ModelAsked",
    "ModelFailed",
    "PlanChanged",
    "SteppedDown",
    "NoHumanInput",
    "ProgramEvent",
    "ReasoningTree",
    "ReplyEnded",
    "ReplyRetracted",
    "ReplyStarted",
    "SkillUsed",
    "SpeakerAttempted",
    "SpeakerRequested",
    "SafeguardActed",
    "SpeakerSelected",
    "TokenReceived",
    "ToolCalled",
    "ToolReturned",
    "UsagePrinted",
    "emit",
    "enter_chat",
    "enter_operation",
    "get_current_chat",
    "get_current_operation",
    "is_wanted",
    "resolve_types",
    "subscribe",
]

logger = logging.getLogger(__name__)

Listener: TypeAlias = Callable[[AnyEvent], None]
"""A function that receives events. Extensions may emit events of classes of their own, which only their listeners expect."""

_AnyListener: TypeAlias = Callable[[Event], None]

Kinds: TypeAlias = Union[type[Event], str, Iterable[Union[type[Event], str]]]
"""Some kinds of events: classes, or the names of their types."""


_lock = threading.Lock()
_process_listeners: tuple[_AnyListener, ...] = ()
_context_listeners: ContextVar[tuple[_AnyListener, ...]] = ContextVar("listeners", default=())

# The kinds that each subscription wants; None stands for all.
_subscriptions: list[frozenset[type[Event]] | None] = []
_wanted_kinds: frozenset[type[Event]] | None = frozenset()

has_listeners = False
"""True while anybody listens. Read it as `events.has_listeners` before an event is created."""

_RENAMED = {
    "current_chat": "get_current_chat",
    "in_chat": "enter_chat",
    "kinds_of": "resolve_types",
    "on": "has_listeners",
    "wanted": "is_wanted",
}


_AG2_ORIGINS = {
    "BaseEvent": "base_event",
    "deprecated_by": "helpers",
    "get_annotated_type_for_event_classes": "base_event",
    "wrap_event": "base_event",
}
"""The modules of AG2's names, which need pydantic: they are imported on first use."""


def __getattr__(name: str) -> object:
    if name in _AG2_ORIGINS:
        return getattr(import_module(f".{_AG2_ORIGINS[name]}", __name__), name)
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"events.{name} is deprecated, use events.{_RENAMED[name]}.", DeprecationWarning, stacklevel=2)
    return globals()[_RENAMED[name]]


def _with_subclasses(kind: type[Event]) -> set[type[Event]]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))


def resolve_types(kinds: Kinds) -> frozenset[type[Event]]:
    """Return the classes of some kinds of events, with their subclasses.

    Raises:
        ValueError: There is no such kind.
    """
    every_kind = _with_subclasses(Event)
    classes: set[type[Event]] = set()
    for kind in [kinds] if isinstance(kinds, (str, type)) else kinds:
        if isinstance(kind, type) and issubclass(kind, Event):
            classes |= _with_subclasses(kind)
        elif matches := {candidate for candidate in every_kind if candidate.type == kind}:
            classes |= matches
        else:
            names = ", ".join(sorted(candidate.type for candidate in every_kind - {Event}))
            raise ValueError(f"Unknown kind of event: {kind!r}. Give a class of autogen.events, or one of: {names}.")
    return frozenset(classes)


def is_wanted(*kinds: type[Event]) -> bool:
    """Return True if a listener wants any of these kinds. Check it before frequent events are created."""
    return _wanted_kinds is None or not _wanted_kinds.isdisjoint(kinds)


def get_current_chat() -> str:
    """Return the id of the chat of this context; empty outside of a chat."""
    return current_chat_id.get()


def get_current_operation() -> str:
    """Return the id of the operation of this context; empty outside of an operation."""
    return current_operation_id.get()


class _OperationScope:
    """A `with` block of an operation. A generator as context manager would take four times as long."""

    __slots__ = ("_id", "_outer", "_outer_parent")

    def __init__(self, operation_id: str) -> None:
        self._id = operation_id

    def __enter__(self) -> None:
        self._outer_parent = parent_operation_id.set(current_operation_id.get())
        self._outer = current_operation_id.set(self._id)

    def __exit__(self, *error: object) -> None:
        current_operation_id.reset(self._outer)
        parent_operation_id.reset(self._outer_parent)


def enter_operation(operation_id: str) -> AbstractContextManager[None]:
    """Make an operation the current one of a `with` block: events emitted there belong to it."""
    return _OperationScope(operation_id)


@contextmanager
def enter_chat(chat_id: str | None = None) -> Iterator[tuple[str, str]]:
    """Make a chat the current one of a `with` block.

    Args:
        chat_id: Id of the chat; None for a new one.

    Yields:
        The id of the chat, and that of the chat around it.
    """
    parent_id, own_id = current_chat_id.get(), chat_id or uuid.uuid4().hex
    token = current_chat_id.set(own_id)
    try:
        with enter_operation(own_id):
            yield own_id, parent_id
    finally:
        reset_variable(current_chat_id, token)


@contextmanager
def subscribe(
    listener: Listener, *, everywhere: bool = False, types: Kinds | None = None, essential: bool = False
) -> Iterator[None]:
    """Call a function with each event, in the order and in the thread in which they happen.

    An exception of the listener is logged, and the chat continues; that of an essential listener ends the chat.

    Args:
        listener: The function.
        everywhere: True for all chats of the process; False for those started in this context.
        types: Kinds to listen to: classes, or names of types; None for all. Fewer kinds cost less.
        essential: True if the chat must not continue without the listener, such as a record of all payments. Its exception
            is raised where the event happens, after all other listeners were called.

    Raises:
        ValueError: There is no such kind.
    """
    global _process_listeners
    kinds = None if types is None else resolve_types(types)
    callback = cast("_AnyListener", listener)
    if kinds is not None:
        callback = _filter_kinds(kinds, callback)
    if essential:
        callback = _EssentialListener(callback)
    token = None
    with _lock:
        if everywhere:
            _process_listeners = (*_process_listeners, callback)
        else:
            token = _context_listeners.set((*_context_listeners.get(), callback))
        _subscriptions.append(kinds)
        _update_wanted_kinds()
    try:
        yield
    finally:
        with _lock:
            if token is None:
                index = next(index for index, other in enumerate(_process_listeners) if other is callback)
                _process_listeners = _process_listeners[:index] + _process_listeners[index + 1 :]
            else:
                reset_variable(_context_listeners, token)
            _subscriptions.remove(kinds)
            _update_wanted_kinds()


def _update_wanted_kinds() -> None:
    global has_listeners, _wanted_kinds
    kinds = [wanted for wanted in _subscriptions if wanted is not None]
    _wanted_kinds = frozenset().union(*kinds) if len(kinds) == len(_subscriptions) else None
    has_listeners = bool(_subscriptions)


def _filter_kinds(kinds: frozenset[type[Event]], listener: _AnyListener) -> _AnyListener:
    def listen(event: Event) -> None:
        if type(event) in kinds:
            listener(event)

    return listen


class _EssentialListener:
    """A listener whose exceptions end the chat."""

    def __init__(self, listener: _AnyListener) -> None:
        self._listener = listener

    def __call__(self, event: Event) -> None:
        self._listener(event)


def emit(event: Event) -> None:
    """Call the listeners with an event.

    Raises:
        Exception: An essential listener raised it.
    """
    failure: Exception | None = None
    for listener in _process_listeners + _context_listeners.get():
        try:
            listener(event)
        except Exception as error:
            if isinstance(listener, _EssentialListener):
                failure = failure or error
            else:
                logger.exception("A listener failed at a %s event; the chat continues.", event.type)
    if failure is not None:
        raise failure
