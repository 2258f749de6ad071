"""`History`: an observer that keeps the whole tree, with the turns of each chat; and `fold`, which reads a recording.

A recording comes from a file: no event of it is trusted to have a certain form or to fit the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args

from ._event import Event
from ._group_kinds import SpeakerSelected
from ._kinds import AnyEvent, ChatEnded, ChatStarted, ChatWaiting, MessageSent
from ._model_kinds import ModelAnswered
from ._observations import CHAT, MODEL, Conversation, RecordedOperation, Turn
from ._observer import Observer

# Difference between two clocks that is tolerated, in seconds.
SLACK = 0.5
# Chats inside chats. Deeper ones are merged into the chat around them: reports are recursive.
DEEPEST = 20

# Extensions define other kinds.
_CORE = {kind.type: kind for kind in get_args(AnyEvent)}
_COMMON = {item.name for item in fields(Event)}


def fold(events: Iterable[object], chat_id: str | None = None) -> Conversation:
    """Return the chat that events describe.

    Args:
        events: Events in order, as objects or as dicts from `Event.to_dict`; anything else is skipped.
        chat_id: Id of the outermost chat; None for that of the first event.
    """
    history = History(chat_id)
    for event in events:
        if isinstance(event, Mapping):
            event = read_event(event)
        if isinstance(event, Event):
            history.observe(event)
    return history.get_conversation()


class History(Observer):
    """An observer that also keeps finished operations and the turns of each chat.

    Recordings of several runs may follow each other, as those of a resumed chat do: time in which no process was running
    is left out.

    Args:
        chat_id: Id of the outermost chat; None for that of the first event.
    """

    def __init__(self, chat_id: str | None = None) -> None:
        super().__init__()
        self._main_id = chat_id
        # All chats by id, also those that have ended.
        self._chats: dict[str, Conversation] = {}
        self._last_at: float | None = None
        # Operations that the end of a chat has cut off, by id.
        self._cut_off: dict[str, RecordedOperation] = {}

    def get_chat(self, chat_id: str) -> Conversation:
        """Return a chat; the root if there is none with this id."""
        return self._chats.get(chat_id) or self.root

    def get_conversation(self) -> Conversation:
        """Return the outermost chat, with its turns numbered."""
        with self._lock:
            for chat in self._chats.values():
                until = chat.end.at if chat.end else self._last_at or 0.0
                chat.pending.seconds = max(0.0, until - chat.pending.at)
            main = self.get_chat(self._main_id or "")
            _number_turns([main], "")
            return main

    def _observe(self, event: Event) -> Sequence[RecordedOperation]:
        if self._main_id is None:
            self._main_id = event.chat
        changed: Sequence[RecordedOperation] = ()
        chat = self._chats.get(event.chat) or self._add_chat(event)
        self._find_breaks(event)
        if chat.id == event.chat and isinstance(event, ChatStarted):
            # Other events of it may have come first.
            chat.initiator, chat.recipient = event.initiator, event.recipient
            changed = (chat,)
        # A chat that is read as a part of another chat has no start and no end.
        elif chat.id == event.chat or not isinstance(event, (ChatStarted, ChatEnded, ChatWaiting)):
            changed = super()._observe(event)
        self._last_at = max(self._last_at or 0.0, event.at)
        return changed

    def _add_chat(self, event: Event) -> Conversation:
        """Add the chat of an event, even if its start is not recorded. Its parent must be known, so chats form a tree."""
        main = self._chats.get(self._main_id or "")
        parent = event.parent if isinstance(event, ChatStarted) else ""
        outer = self._find(event.parent_operation) if isinstance(event, ChatStarted) else None
        around = self.get_chat(outer.chat) if outer else self._chats.get(parent) or main
        if around is not None and around.depth >= DEEPEST:
            self._chats[event.chat] = around
            return around
        # An event of another chat may come first: it is read as an event of the outermost chat.
        chat_id = event.chat if main else self._main_id or ""
        start = ChatStarted(
            at=event.at,
            chat=chat_id,
            operation=chat_id,
            parent_operation=outer.id if outer else around.id if around else "",
            initiator=getattr(event, "initiator", "") or getattr(event, "sender", ""),
            recipient=getattr(event, "recipient", ""),
        )
        [chat] = self._start(start)
        assert isinstance(chat, Conversation)
        chat.pending.at = event.at
        self._chats[event.chat] = self._chats[chat_id] = chat
        return chat

    def _find_breaks(self, event: Event) -> None:
        """Leave out the time in which no process was running, if the event is from another process."""
        main = self._chats[self._main_id or ""]
        if main.ended is not None:
            # The chat had failed or waited, and was resumed.
            main.ended, main.seconds, main.failed, main.is_open = None, None, False, True
            self._open.setdefault(main.id, []).insert(0, main)
            self._reopen_operations()
            self._skip_break(event.at)
        start = _get_start(event)
        if start is not None and self._last_at is not None and start > self._last_at + SLACK:
            # An operation that an earlier process had started: its second start is not recorded.
            self._skip_break(start)

    def _reopen_operations(self) -> None:
        """Open the operations that were cut off: the resumed chat ends them, and doesn't record their start again."""
        for key, operation in self._cut_off.items():
            if key and key not in self._open and operation.enclosing is not None:
                operation.is_open = True
                operation.enclosing.inner[operation] = None
                self._open[key] = [operation]
        self._cut_off.clear()

    def _close(self, operation: RecordedOperation) -> list[RecordedOperation]:
        closed = super()._close(operation)
        for inner in closed:
            if inner.ended is None and not isinstance(inner, Conversation):
                self._cut_off[inner.id] = inner
        return closed

    def _skip_break(self, at: float) -> None:
        if self._last_at is None or at <= self._last_at:
            return
        self._chats[self._main_id or ""].restarts += 1
        # Merged chats are in the dict several times.
        for chat in set(self._chats.values()):
            chat.pending.at += at - self._last_at
        self._last_at = at

    def _start_turn(self, event: SpeakerSelected) -> Sequence[RecordedOperation]:
        pending = self._chats[event.chat].pending
        pending.speaker, pending.why = event.speaker, event.why.removeprefix(f"{event.speaker}: ")
        return super()._start_turn(event)

    def _add_message(self, event: MessageSent) -> Sequence[RecordedOperation]:
        chat = self._chats[event.chat]
        message, turn = event.message, chat.pending
        if not chat.turns and not chat.initiator:
            # Its start is missing.
            chat.initiator, chat.recipient = event.sender, event.recipient
        turn.message = (
            {str(key): value for key, value in message.items()} if isinstance(message, dict) else {"content": message}
        )
        turn.author, turn.recipient = event.sender, event.recipient
        turn.seconds, turn.at = max(0.0, event.at - turn.at), event.at
        if turn.speaker != turn.author:
            # The selection was for another agent.
            turn.why = ""
        chat.turns.append(turn)
        chat.pending = Turn(at=event.at)
        return super()._add_message(event)

    def _attach(self, operation: RecordedOperation, owner: RecordedOperation | None) -> None:
        super()._attach(operation, owner)
        if isinstance(operation, Conversation):
            around = self.get_chat(operation.enclosing.chat if operation.enclosing else "")
            around.pending.chats.append(operation)
        else:
            self.get_chat(operation.chat).pending.operations.append(operation)

    def _abandon(self, lost: RecordedOperation, operation: RecordedOperation) -> list[RecordedOperation]:
        if operation.attempt <= lost.attempt:
            # Not the next attempt of a request, but the first of another process.
            self._skip_break(operation.at)
        closed = super()._abandon(lost, operation)
        for abandoned in closed:
            self._cut_off.pop(abandoned.id, None)
        return closed

    def _observe_other(self, event: Event) -> Sequence[RecordedOperation]:
        """Keep an event of an extension as a generic operation, since nothing tells whether it starts or ends something."""
        # Those of the core are about an operation that is there.
        if event.type in _CORE:
            return ()
        kind = event.kind if isinstance(event, UnknownEvent) else event.type
        # `page_opened` and `page_closed` belong to one operation.
        kind = kind.rpartition("_")[0] or kind
        if event.operation and self._find(event.operation) is None:
            return self._start(event, kind)
        # It ends its operation, or has no operation of its own, and then no duration.
        return self._end(event, kind)


def _get_start(event: Event) -> float | None:
    """Return the start of the operation that an event ends, by its duration; None if that is unknown."""
    seconds = getattr(event, "seconds", 0.0)
    # The start of a request is always recorded; the duration of a chat includes its replay.
    if not event.ends or event.ends in (CHAT, MODEL) or not seconds:
        return None
    return event.at - seconds


def _number_turns(chats: Sequence[Conversation], prefix: str) -> None:
    """Assign numbers to the turns of chats inside the same turn."""
    turns = [turn for chat in chats for turn in chat.turns]
    for position, turn in enumerate(turns, 1):
        turn.number = f"{prefix}{position}"
        _number_turns(turn.chats, f"{turn.number}.")
    for chat in chats:
        _number_turns(chat.pending.chats, f"{prefix}{len(chat.turns) + 1}.")


@dataclass(kw_only=True)
class UnknownEvent(Event):
    """An event of a recording that the core doesn't know: it is from an extension, or from a later version.

    Attributes:
        kind: Its `type`.
        agent: Name of the agent, if known.
        name: Its name, if known.
        data: All of it.
    """

    kind: str
    agent: str = ""
    name: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the event as it was recorded."""
        return dict(self.data)


def read_event(data: Mapping[str, object]) -> Event:
    """Convert a dict from `Event.to_dict` back to an event; values of a wrong type are converted or replaced."""
    common: dict[str, Any] = {name: to_text(data.get(name)) for name in ("chat", "operation", "parent_operation")}
    common["at"] = to_number(data.get("at"))
    type_name = to_text(data.get("type"))
    kind = _CORE.get(type_name)
    if kind is None:
        agent, name = to_text(data.get("agent")), to_text(data.get("name"))
        return UnknownEvent(kind=type_name, data=data, agent=agent, name=name, **common)
    values = {
        item.name: _CONVERTERS.get(str(item.type), _keep)(data.get(item.name))
        for item in fields(kind)
        if item.name not in _COMMON and not item.name.startswith("_") and (item.name in data or item.default is MISSING)
    }
    event: Event = kind(**common, **values)
    if isinstance(event, ModelAnswered) and "cost" in data and data["cost"] is None:
        # Written by an earlier version for an unknown price.
        event.price_known = False
    return event


def to_number(value: object) -> float:
    """Return a number from a file as a float: 0 if it isn't a number, or isn't finite."""
    if isinstance(value, (int, float)):
        try:
            return float(value) if math.isfinite(value) else 0.0
        except OverflowError:
            pass
    return 0.0


def to_text(value: object) -> str:
    """Return a text from a file; None becomes an empty text."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def _to_blocks(value: object) -> list[list[str]]:
    blocks = value if isinstance(value, list) else []
    return [list(map(to_text, block)) for block in blocks if isinstance(block, list) and len(block) == 2]


def _keep(value: object) -> object:
    return value


# By the annotation of a field.
_CONVERTERS: dict[str, Callable[[object], object]] = {
    "bool": lambda value: value is True,
    "float": to_number,
    "int": lambda value: int(to_number(value)),
    "list[list[str]]": _to_blocks,
    "str": to_text,
    "str | None": lambda value: None if value is None else to_text(value),
}
