"""`Observer`: a fold over events that maintains the tree of chats and operations.

Tracing, the terminal view and `autogen inspect` only render its results.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ._kinds import (
    ChatEnded,
    ChatStarted,
    CodeEnded,
    Event,
    MessageSent,
    ModelAnswered,
    ModelFailed,
    SpeakerSelected,
    ToolReturned,
)
from ._observations import CHAT, MODEL, TURN, Conversation, RecordedOperation, Totals


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
        self._chats: dict[str, Conversation] = {}
        # by id of the operation; by id of the chat in recordings of earlier versions, where operations have no id
        self._open: dict[str, list[RecordedOperation]] = {}
        # re-entrant: a finaliser may emit an event at any moment
        self._lock = threading.RLock()

    def get_chat(self, chat_id: str) -> Conversation:
        """Return an open chat; the root if there is none with this id."""
        return self._chats.get(chat_id) or self.root

    def observe(self, event: Event) -> Sequence[RecordedOperation]:
        """Update the tree with an event.

        Returns:
            The operations that the event opened or closed (see `is_open`), inner ones first. A response from a cache is
            an operation that opens and closes at once.
        """
        with self._lock:
            return self._observe(event)

    def _observe(self, event: Event) -> Sequence[RecordedOperation]:
        if isinstance(event, MessageSent):
            return self._add_message(event)
        if isinstance(event, ChatStarted):
            return self._start_chat(event)
        if isinstance(event, ChatEnded):
            return self._end_chat(event)
        if isinstance(event, SpeakerSelected):
            return self._start_turn(event)
        if event.starts:
            return self._start(event, event.starts)
        return self._end(event, event.ends) if event.ends else self._observe_other(event)

    def _observe_other(self, event: Event) -> Sequence[RecordedOperation]:
        """Ignore an event of an extension that neither starts nor ends an operation."""
        return ()

    def _start_chat(self, event: ChatStarted) -> Sequence[RecordedOperation]:
        earlier = self._chats.get(event.chat)
        # the same chat again, without an end: its process was killed
        closed = [] if earlier is None else self._close(earlier)
        outer = self._find(event.parent_operation) or self._chats.get(event.parent) or self.root
        return [*closed, self._open_chat(event, event.initiator, event.recipient, outer)]

    def _open_chat(self, event: Event, initiator: str, recipient: str, outer: RecordedOperation) -> Conversation:
        self.chat_count += 1
        chat = Conversation(
            CHAT,
            initiator,
            id=event.chat,
            parent=outer.id,
            chat=event.chat,
            at=event.at,
            started=event,
            initiator=initiator,
            recipient=recipient,
            number=self.chat_count,
        )
        around = self._chats.get(outer.chat)
        chat.depth = around.depth + 1 if around else 0
        chat.enclosing = outer
        outer.inner[chat] = None
        self._chats[event.chat] = chat
        return chat

    def _end_chat(self, event: ChatEnded) -> Sequence[RecordedOperation]:
        chat = self._chats.get(event.chat)
        if chat is None:
            return ()
        chat.ended, chat.seconds, chat.failed = event, event.seconds, event.error is not None
        return self._close(chat)

    def _add_message(self, event: MessageSent) -> Sequence[RecordedOperation]:
        self.totals.messages += 1
        chat = self._chats.get(event.chat)
        if chat is None or chat.member_turn is None or chat.member_turn.agent != event.sender:
            return ()
        return self._end_turn(chat, event)

    def _start_turn(self, event: SpeakerSelected) -> Sequence[RecordedOperation]:
        chat = self._chats.get(event.chat)
        if chat is None:
            return ()
        # a member that sent nothing has no message that ends its turn
        closed = self._end_turn(chat, event)
        chat.member_turn = RecordedOperation(
            TURN, event.speaker, parent=chat.id, chat=chat.id, at=event.at, started=event, enclosing=chat
        )
        chat.inner[chat.member_turn] = None
        return [*closed, chat.member_turn]

    def _end_turn(self, chat: Conversation, event: Event) -> Sequence[RecordedOperation]:
        turn, chat.member_turn = chat.member_turn, None
        if turn is None:
            return ()
        turn.ended, turn.seconds = event, max(0.0, event.at - turn.at)
        return self._close(turn)

    def _start(self, event: Event, kind: str) -> Sequence[RecordedOperation]:
        operation = _make_operation(event, kind, event.at)
        operation.started = event
        same_id = self._open.get(event.operation or event.chat, ())
        # another operation has this id if the event was emitted by hand, or by an earlier version
        owner = self._chats.get(event.operation or event.chat) or next((op for op in same_id if op.kind != kind), None)
        lost = _match(operation, same_id)
        closed: list[RecordedOperation] = []
        if lost is not None and (owner is None or _is_repeated_request(operation, lost)):
            closed = self._abandon(lost, operation)
        self._attach(operation, owner)
        return [*closed, operation]

    def _abandon(self, lost: RecordedOperation, operation: RecordedOperation) -> list[RecordedOperation]:
        """Close an operation that never ended, because it started again as `operation`."""
        return self._close(lost)

    def _end(self, event: Event, kind: str) -> Sequence[RecordedOperation]:
        seconds: float | None = getattr(event, "seconds", None)
        ended = _make_operation(event, kind, event.at - (seconds or 0.0))
        is_cached = isinstance(event, ModelAnswered) and event.cached
        operation = None if is_cached else _match(ended, self._open.get(event.operation or event.chat, ()))
        if operation is None:
            operation = ended
            self._attach(operation, None)
        operation.ended = event
        # the seconds of a response don't include the time in which the request was prepared
        operation.seconds = max(0.0, event.at - operation.at) if seconds is None or kind == MODEL else seconds
        operation.failed = _has_failed(event)
        return self._close(operation)

    def _find(self, operation_id: str) -> RecordedOperation | None:
        same_id = self._open.get(operation_id)
        return same_id[0] if same_id else self._chats.get(operation_id)

    def _attach(self, operation: RecordedOperation, owner: RecordedOperation | None) -> None:
        outer = owner or self._find(operation.parent) or self.get_chat(operation.chat)
        operation.enclosing = outer
        outer.inner[operation] = None
        self._open.setdefault(operation.id or operation.chat, []).append(operation)

    def _close(self, operation: RecordedOperation) -> list[RecordedOperation]:
        """Close an operation, and those inside it: an error or a stop cut them off, so that they have no end."""
        closed: list[RecordedOperation] = []
        for inner in reversed(list(operation.inner)):
            closed += self._close(inner)
        operation.is_open = False
        if operation.enclosing is not None:
            operation.enclosing.inner.pop(operation, None)
        if isinstance(operation, Conversation):
            self._forget_chat(operation)
        else:
            self._forget(operation)
            self.totals.add(operation)
        closed.append(operation)
        return closed

    def _forget_chat(self, chat: Conversation) -> None:
        del self._chats[chat.id]

    def _forget(self, operation: RecordedOperation) -> None:
        key = operation.id or operation.chat
        same_id = self._open.get(key, [])
        if operation in same_id:
            same_id.remove(operation)
            if not same_id:
                del self._open[key]


def _make_operation(event: Event, kind: str, at: float) -> RecordedOperation:
    return RecordedOperation(
        kind,
        getattr(event, "agent", ""),
        getattr(event, "name", "") or getattr(event, "function", ""),
        getattr(event, "attempt", 0),
        event.operation,
        event.parent_operation,
        event.chat,
        at,
    )


def _match(operation: RecordedOperation, candidates: Sequence[RecordedOperation]) -> RecordedOperation | None:
    """Return the last started operation of the same kind, agent and name; None if there is none."""
    for other in reversed(candidates):
        if (other.kind, other.agent, other.name) == (operation.kind, operation.agent, operation.name):
            return other
    return None


def _is_repeated_request(operation: RecordedOperation, lost: RecordedOperation) -> bool:
    """Return True if a model request without an id repeats one that never ended, as its number doesn't rise."""
    return operation.kind == MODEL and not operation.id and operation.attempt <= lost.attempt


def _has_failed(event: Event) -> bool:
    if isinstance(event, ToolReturned):
        return not event.success
    if isinstance(event, CodeEnded):
        return event.exit_code != 0
    return isinstance(event, ModelFailed) or getattr(event, "error", None) is not None
