"""`JournalStore`: the interface between a journal and its storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

STARTED, ASKED, FINISHED = "started", "asked", "finished"


class JournalError(ValueError):
    """A checkpoint can't be used: it is damaged, in use, of another version, or belongs to another chat.

    It also ends a chat whose checkpoint can't be written any more: the disk is full, or the file was removed. Started again
    with the same checkpoint, the chat resumes at that step.
    """


class Position(NamedTuple):
    """Position of a step in the journal. As text it is the id of the operation.

    Attributes:
        scope: Position of the step, or the chat, in which it is made; empty for the outermost.
        kind: Kind of operation, such as `tool`.
        key: Tells it from others of its kind in the same scope.
        ordinal: Number of earlier steps with the same scope, kind and key.
    """

    scope: str
    kind: str
    key: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.scope}/{self.kind}:{self.key}#{self.ordinal}"


class Step(NamedTuple):
    """A stored step.

    Attributes:
        state: STARTED, ASKED (it waits for an answer) or FINISHED.
        value: The result as JSON has it, or the question; None if the step is started.
    """

    state: str
    value: Any


@runtime_checkable
class JournalStore(Protocol):
    """Durable storage for the journal of one chat.

    When a method returns, its effect survives the death of the process. All methods may be called from several threads.
    Every method raises `JournalError` if the storage is damaged, full, or out of reach.
    """

    @property
    def name(self) -> str:
        """Name of the storage, for error messages, such as the path of a file."""
        ...

    def open(self, chat: Mapping[str, Any]) -> str:
        """Open the journal for exclusive use; create it if it is missing.

        Args:
            chat: Description of the chat: JSON that tells it from other chats.

        Returns:
            The id of the chat, the same each time.

        Raises:
            JournalError: It belongs to another chat, has an unknown version, or is in use.
        """
        ...

    def get_step(self, position: Position) -> Step | None:
        """Return a step; None if it was never started."""
        ...

    def start_step(self, position: Position) -> None:
        """Store that a step is started."""
        ...

    def finish_step(self, position: Position, value: Any) -> None:
        """Store the result of a step.

        Raises:
            TypeError: JSON can't hold the value.
        """
        ...

    def discard_step(self, position: Position) -> None:
        """Delete a step: it will be made again."""
        ...

    def has_steps_within(self, position: Position) -> bool:
        """Return True if there are steps whose scope is this step, or within it."""
        ...

    def read_events(self, after: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the events with a number above `after`, as `(number, Event.to_dict())`, in order."""
        ...

    def add_event(self, event: Mapping[str, Any]) -> int:
        """Append an event and return its number."""
        ...

    def delete_events(self, first: int) -> None:
        """Delete the event with this number and all later ones."""
        ...

    def close(self) -> None:
        """Release the journal, so that others can open it."""
        ...
