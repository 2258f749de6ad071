"""The kinds of events of group chats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._event import Event


@dataclass(kw_only=True)
class GroupResumed(Event):
    """Group chat that was restored from its messages, and is about to continue.

    Attributes:
        agent: Name of the manager.
        last_speaker: Name of the author of the last message; empty if nobody is.
        messages: The messages, with the last one.
    """

    type: ClassVar[str] = "group_resumed"
    agent: str
    last_speaker: str
    messages: list[Any]


@dataclass(kw_only=True)
class SpeakerRequested(Event):
    """Question to a human about the next speaker.

    Attributes:
        candidates: Names of the agents to pick from.
    """

    type: ClassVar[str] = "speaker_requested"
    candidates: list[str]


@dataclass(kw_only=True)
class SpeakerAttempted(Event):
    """Answer of a model that selects the next speaker, or answer of a human that selects none.

    Attributes:
        by: `model` or `human`.
        candidates: Names of the agents to select from.
        mentions: Names that the answer may mean, and how often it has them. A single name is the next speaker.
        attempt: Number of the answer in one selection, from 1.
        attempts_left: Number of answers that may follow.
        verbose: True if the group prints the attempts.
    """

    type: ClassVar[str] = "speaker_attempted"
    by: str
    candidates: list[str]
    mentions: dict[str, int]
    attempt: int
    attempts_left: int
    verbose: bool = False


@dataclass(kw_only=True)
class SpeakerSelected(Event):
    """Selection of the next speaker of a group chat.

    Attributes:
        agent: Name of the manager.
        speaker: Name of the next speaker.
        why: Reason of the selection.
    """

    type: ClassVar[str] = "speaker_selected"
    agent: str
    speaker: str
    why: str
    # The object, for listeners in this process; not in JSON.
    _speaker: Any = field(default=None, repr=False, compare=False)


@dataclass(kw_only=True)
class HandedOver(Event):
    """Hand-off of a group chat that is followed.

    Attributes:
        agent: Name of the agent that hands over.
        target: Label of the target.
        by: `llm`, `reply_result` (of a tool), `context` (a condition), `after_work` or `guardrail`.
        guardrail: Name of the guardrail that tripped; empty for another reason.
    """

    type: ClassVar[str] = "handed_over"
    agent: str
    target: str
    by: str
    guardrail: str = ""
    # The objects, for listeners in this process; not in JSON.
    _agent: Any = field(default=None, repr=False, compare=False)
    _target: Any = field(default=None, repr=False, compare=False)

    @property
    def objects(self) -> tuple[Any, Any]:
        """The agent and the target, for listeners in this process; their names in a recording."""
        return self._agent or self.agent, self._target or self.target
