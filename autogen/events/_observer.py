"""`Observer`: a fold over events that maintains the tree of chats and operations.

Tracing, the terminal view and `autogen inspect` only render its results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ._event import Event
from ._group_kinds import SpeakerSelected
from ._kinds import MessageSent
from ._model_kinds import ModelAnswered
from ._observations import CHAT, MODEL, TURN, Conversation, RecordedOperation, Totals

_Handler: TypeAlias = Callable[[Any], Sequence[RecordedOperation]]


class Observer:
    """Maintains the tree of open chats and operations from their events, and totals of the finished ones.

    Events may come from several threads. Only open operations are kept, so that an observer can run in a server for months.

    Attributes:
        totals: Sums of all messages and finished operations.
        chat_count: Number of chats that have started.
        root: Parent of the operations outside of any chat; it has no events.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self.chat_count = 0
        self.root = Conversation(CHAT)
        # By id of the operation; by id of the chat in recordings of earlier versions, where operations have no id.
        self._open: dict[str, list[RecordedOperation]] = {}
        self._handlers: dict[type[Event], _Handler] = {MessageSent: self._add_message, SpeakerSelected: self._start_turn}
        # Re-entrant: a finaliser may emit an event at any moment.
        self._lock = threading.RLock()

    def get_chat(self, chat_id: str) -> Conversation:
        """Return an open chat; the root if there is none with this id."""
        chat = self._find(chat_id)
        return chat if isinstance(chat, Conversation) else self.root

    def observe(self, event: Event) -> Sequence[RecordedOperation]:
        """Update the tree with an event.

        Returns:
            The operations that the event opened or closed (see `is_open`), inner ones first. A response from a cache is
            an operation that opens and closes at once.
        """
        with self._lock:
            return self._observe(event)

    def _observe(self, event: Event) -> Sequence[RecordedOperation]:
        handler = self._handlers.get(type(event))
        if handler is None:
            handler = self._start if event.starts else self._end if event.ends else self._observe_other
            # An extension may have a subclass of a kind of the core.
            inherited = (self._handlers[base] for base in type(event).__mro__ if base in self._handlers)
            handler = self._handlers[type(event)] = next(inherited, handler)
        return handler(event)

    def _observe_other(self, event: Event) -> Sequence[RecordedOperation]:
        """Ignore an event of an extension that neither starts nor ends an operation."""
        return ()

    def _add_message(self, event: MessageSent) -> Sequence[RecordedOperation]:
        self.totals.messages += 1
        chat = self.get_chat(event.chat)
        is_of_member = chat.member_turn is not None and chat.member_turn.agent == event.sender
        return self._end_turn(chat, event) if is_of_member else ()

    def _start_turn(self, event: SpeakerSelected) -> Sequence[RecordedOperation]:
        chat = self.get_chat(event.chat)
        if chat is self.root:
            return ()
        # A member that sent nothing has no message that ends its turn.
        closed = self._end_turn(chat, event)
        turn = RecordedOperation(
            TURN, event.speaker, parent=chat.id, chat=chat.id, at=event.at, started=event, enclosing=chat
        )
        chat.member_turn = turn
        chat.inner[turn] = None
        return [*closed, turn]

    def _end_turn(self, chat: Conversation, event: Event) -> Sequence[RecordedOperation]:
        turn, chat.member_turn = chat.member_turn, None
        if turn is None:
            return ()
        turn.ended, turn.seconds = event, max(0.0, event.at - turn.at)
        return self._close(turn)

    def _start(self, event: Event, kind: str = "") -> Sequence[RecordedOperation]:
        operation = _make_operation(event, kind or event.starts, event.at)
        operation.started = event
        same_id = self._open.get(event.operation or event.chat, ())
        # Another operation has this id if the event was emitted by hand, or by an earlier version.
        owner = next((other for other in same_id if other.kind != operation.kind), None)
        lost = _match(same_id, operation.kind, operation.agent, operation.name) if same_id else None
        self._attach(operation, owner)
        if isinstance(operation, Conversation):
            self.chat_count += 1
            operation.number = self.chat_count
        if lost is not None and (owner is None or _is_repeated_request(operation, lost)):
            return [*self._abandon(lost, operation), operation]
        return (operation,)

    def _abandon(self, lost: RecordedOperation, operation: RecordedOperation) -> list[RecordedOperation]:
        """Close an operation that never ended, because it started again as `operation`."""
        return self._close(lost)

    def _end(self, event: Event, kind: str = "") -> Sequence[RecordedOperation]:
        kind = kind or event.ends
        seconds: float | None = getattr(event, "seconds", None)
        operation = None
        if not (isinstance(event, ModelAnswered) and event.cached):
            same_id = self._open.get(event.operation or event.chat, ())
            operation = _match(same_id, kind, getattr(event, "agent", ""), _get_name(event))
        if operation is None:
            # It came from a cache, or its start was not observed.
            operation = _make_operation(event, kind, event.at - (seconds or 0.0))
            self._attach(operation, None)
        operation.ended = event
        # The seconds of a response don't include the time in which the request was prepared.
        operation.seconds = max(0.0, event.at - operation.at) if seconds is None or kind == MODEL else seconds
        operation.failed = _has_failed(event)
        return self._close(operation)

    def _find(self, operation_id: str) -> RecordedOperation | None:
        same_id = self._open.get(operation_id)
        return same_id[0] if same_id else None

    def _attach(self, operation: RecordedOperation, owner: RecordedOperation | None) -> None:
        """Add an operation to the tree: inside `owner`, or else inside its parent or its chat."""
        outer = owner or self._find(operation.parent) or self.get_chat(operation.chat)
        if isinstance(operation, Conversation):
            around = self.get_chat(outer.chat)
            operation.depth = 0 if around is self.root else around.depth + 1
        operation.enclosing = outer
        outer.inner[operation] = None
        self._open.setdefault(operation.id or operation.chat, []).append(operation)

    def _close(self, operation: RecordedOperation) -> list[RecordedOperation]:
        """Close an operation, and those inside it: an error or a stop cut them off, so that they have no end."""
        closed: list[RecordedOperation] = []
        if operation.inner:
            for inner in reversed(list(operation.inner)):
                closed += self._close(inner)
        operation.is_open = False
        if operation.enclosing is not None:
            operation.enclosing.inner.pop(operation, None)
        key = operation.id or operation.chat
        same_id = self._open.get(key)
        if same_id == [operation]:
            del self._open[key]
        elif same_id and operation in same_id:
            same_id.remove(operation)
        self.totals.add(operation)
        closed.append(operation)
        return closed


def _make_operation(event: Event, kind: str, at: float) -> RecordedOperation:
    operation = (Conversation if kind == CHAT else RecordedOperation)(
        kind,
        getattr(event, "agent", ""),
        _get_name(event),
        getattr(event, "attempt", 0),
        event.operation,
        event.parent_operation or getattr(event, "parent", ""),
        event.chat,
        at,
    )
    if isinstance(operation, Conversation):
        operation.initiator, operation.recipient = getattr(event, "initiator", ""), getattr(event, "recipient", "")
    return operation


def _get_name(event: Event) -> str:
    """Return the name of the tool, or of the reply function."""
    return getattr(event, "name", "") or getattr(event, "function", "")


def _match(operations: Sequence[RecordedOperation], kind: str, agent: str, name: str) -> RecordedOperation | None:
    """Return the last started operation of a kind, agent and name; None if there is none."""
    for operation in reversed(operations):
        if operation.kind == kind and operation.agent == agent and operation.name == name:
            return operation
    return None


def _is_repeated_request(operation: RecordedOperation, lost: RecordedOperation) -> bool:
    """Return True if a model request without an id repeats an unanswered request: its number doesn't rise."""
    return operation.kind == MODEL and not operation.id and operation.attempt <= lost.attempt


def _has_failed(event: Event) -> bool:
    has_error = getattr(event, "error", None) is not None
    return has_error or not getattr(event, "success", True) or getattr(event, "exit_code", 0) != 0
