"""`History`: an observer that keeps the whole tree, with the turns of each chat; and `fold`, which reads a recording.

A recording comes from a file: no event of it is trusted to have a certain form or to fit the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args

from ._kinds import AnyEvent, ChatEnded, ChatStarted, Event, MessageSent, ModelAnswered, SpeakerSelected
from ._observations import CHAT, Conversation, RecordedOperation, Turn
from ._observer import Observer

SLACK = 0.5  # seconds by which two clocks may differ
DEEPEST = 20  # chats inside chats; deeper ones are merged into the one around them

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
        self._last_at: float | None = None

    def get_conversation(self) -> Conversation:
        """Return the outermost chat, with its turns numbered."""
        for chat in self._chats.values():
            if chat.end is None:
                chat.pending.seconds = max(0.0, (self._last_at or 0.0) - chat.pending.at)
        main = self._chats.get(self._main_id or "") or Conversation(CHAT)
        _number_turns([main], "")
        return main

    def _observe(self, event: Event) -> Sequence[RecordedOperation]:
        if self._main_id is None:
            self._main_id = event.chat
        if event.chat not in self._chats:
            self._open_unknown_chat(event)
        main = self._chats[self._main_id]
        if main.ended is not None:
            # the chat had failed, and was resumed
            main.ended, main.seconds, main.failed, main.is_open = None, None, False, True
            self._skip_break(event.at)
        start = _get_start(event)
        if start is not None and self._last_at is not None and start > self._last_at + SLACK:
            # an operation that an earlier process had started: its second start is not recorded
            self._skip_break(start)
        changed = super()._observe(event)
        self._last_at = max(self._last_at or 0.0, event.at)
        return changed

    def _open_unknown_chat(self, event: Event) -> None:
        initiator = getattr(event, "initiator", "") or getattr(event, "sender", "")
        recipient = getattr(event, "recipient", "")
        main = self._chats.get(self._main_id or "")
        if main is None:
            # an event of another chat may come first: it is read as one of the outermost chat
            main = self._open_chat(event, initiator, recipient, self.root)
            main.id = self._main_id or ""
            self._chats[main.id] = main
            return
        outer: RecordedOperation = main
        if isinstance(event, ChatStarted):
            outer = self._find(event.parent_operation) or self._chats.get(event.parent) or main
        around = self._chats.get(outer.chat, main)
        if around.depth < DEEPEST:
            around.pending.chats.append(self._open_chat(event, initiator, recipient, outer))
        else:
            self._chats[event.chat] = around

    def _open_chat(self, event: Event, initiator: str, recipient: str, outer: RecordedOperation) -> Conversation:
        chat = super()._open_chat(event, initiator, recipient, outer)
        chat.pending.at = event.at
        return chat

    def _skip_break(self, at: float) -> None:
        """Leave out the time until `at`, because no process was running."""
        if self._last_at is None or at <= self._last_at:
            return
        self._chats[self._main_id or ""].restarts += 1
        for chat in set(self._chats.values()):
            chat.pending.at += at - self._last_at
        self._last_at = at

    def _start_chat(self, event: ChatStarted) -> Sequence[RecordedOperation]:
        chat = self._chats[event.chat]
        if chat.id == event.chat:
            chat.initiator, chat.recipient = event.initiator, event.recipient
        return (chat,)

    def _end_chat(self, event: ChatEnded) -> Sequence[RecordedOperation]:
        chat = self._chats[event.chat]
        if chat.id != event.chat:
            return ()
        chat.pending.seconds = max(0.0, event.at - chat.pending.at)
        return super()._end_chat(event)

    def _forget_chat(self, chat: Conversation) -> None:
        """Keep the chat: a resumed run continues it."""

    def _start_turn(self, event: SpeakerSelected) -> Sequence[RecordedOperation]:
        pending = self._chats[event.chat].pending
        pending.speaker, pending.why = event.speaker, event.why.removeprefix(f"{event.speaker}: ")
        return super()._start_turn(event)

    def _add_message(self, event: MessageSent) -> Sequence[RecordedOperation]:
        chat = self._chats[event.chat]
        message, turn = event.message, chat.pending
        if not chat.turns and not chat.initiator:
            # its start is missing
            chat.initiator, chat.recipient = event.sender, event.recipient
        turn.message = (
            {str(key): value for key, value in message.items()} if isinstance(message, dict) else {"content": message}
        )
        turn.author, turn.recipient = event.sender, event.recipient
        turn.seconds, turn.at = max(0.0, event.at - turn.at), event.at
        if turn.speaker != turn.author:
            turn.why = ""
        chat.turns.append(turn)
        chat.pending = Turn(at=event.at)
        return super()._add_message(event)

    def _attach(self, operation: RecordedOperation, owner: RecordedOperation | None) -> None:
        super()._attach(operation, owner)
        self.get_chat(operation.chat).pending.operations.append(operation)

    def _abandon(self, lost: RecordedOperation, operation: RecordedOperation) -> list[RecordedOperation]:
        if operation.attempt <= lost.attempt:
            # not the next attempt of a request, but the first of another process
            self._skip_break(operation.at)
        return super()._abandon(lost, operation)

    def _observe_other(self, event: Event) -> Sequence[RecordedOperation]:
        """Keep an event of an extension as a generic operation, since nothing tells whether it starts or ends something."""
        kind = event.kind if isinstance(event, UnknownEvent) else event.type
        kind = kind.rpartition("_")[0] or kind
        if event.operation and self._find(event.operation) is None:
            return self._start(event, kind)
        # it ends its operation, or has no operation of its own, and then no duration
        return self._end(event, kind)


def _get_start(event: Event) -> float | None:
    """Return the start of the operation that an event ends, by its duration; None if that is unknown."""
    seconds = getattr(event, "seconds", 0.0)
    if not event.ends or event.ends == CHAT or not seconds or getattr(event, "cached", False):
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
        agent: Name of the agent, if it has one.
        name: Its name, if it has one.
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
        labels = {key: to_text(data.get(key)) for key in ("agent", "name")}
        return UnknownEvent(kind=type_name, data=data, **labels, **common)
    values = {
        item.name: _CONVERTERS.get(str(item.type), _keep)(data.get(item.name))
        for item in fields(kind)
        if item.name not in _COMMON and not item.name.startswith("_") and (item.name in data or item.default is MISSING)
    }
    event: Event = kind(**common, **values)
    if isinstance(event, ModelAnswered) and "cost" in data and data["cost"] is None:
        # written by an earlier version for an unknown price
        event.price_known = False
    return event


def to_number(value: object) -> float:
    """Return a number from a file as a float: 0 if it is no number, or not finite."""
    if isinstance(value, (int, float)):
        try:
            return float(value) if math.isfinite(value) else 0.0
        except OverflowError:
            pass
    return 0.0


def to_text(value: object) -> str:
    """Return a text from a file; None becomes an empty one."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def _to_blocks(value: object) -> list[list[str]]:
    blocks = value if isinstance(value, list) else []
    return [list(map(to_text, block)) for block in blocks if isinstance(block, list) and len(block) == 2]


def _keep(value: object) -> object:
    return value


# by the annotation of a field
_CONVERTERS: dict[str, Callable[[object], object]] = {
    "bool": lambda value: value is True,
    "float": to_number,
    "int": lambda value: int(to_number(value)),
    "list[list[str]]": _to_blocks,
    "str": to_text,
    "str | None": lambda value: None if value is None else to_text(value),
}
