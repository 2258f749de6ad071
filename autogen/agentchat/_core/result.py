"""Results of chats."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ...types import ChatCost, ChatMessage


class StopReason(str, Enum):
    """Reasons why a chat ended."""

    TERMINATION_MESSAGE = "termination_message"
    """`is_termination_msg` was true of the last message."""
    MAX_CONSECUTIVE_AUTO_REPLY = "max_consecutive_auto_reply"
    """An agent reached its limit of automatic replies."""
    MAX_TURNS = "max_turns"
    """The number of turns given to `initiate_chat` was reached."""
    HUMAN_EXIT = "human_exit"
    """A human typed `exit`."""
    MAX_ROUND = "max_round"
    """The maximum number of messages of the group chat was reached."""
    TERMINATE_TARGET = "terminate_target"
    """A hand-off or an after-work ended the group chat."""
    NO_ELIGIBLE_SPEAKER = "no_eligible_speaker"
    """No agent of the group chat may speak next."""
    STOPPED = "stopped"
    """The chat was stopped through its `ChatControl`, or reached its deadline."""
    BUDGET = "budget"
    """The budget of the chat or an agent was spent; `BudgetExceeded` was raised."""
    NO_REPLY = "no_reply"
    """An agent had no reply."""

    def __str__(self) -> str:
        return self.value


@dataclass
class ChatResult:
    """Result of a chat.

    Attributes:
        chat_id: Number of the chat in a queue.
        chat_history: Messages, as the agent that started the chat has them.
        summary: Summary made by `summary_method`.
        cost: Cost in USD and tokens by model, with and without responses from the cache.
        human_input: Texts typed by humans.
        stop_reason: Why the chat ended.
        stop_detail: Reason given by an agent's condition; see `autogen.agentchat.conditions`.
        summary_error: Why a requested summary by a model is missing.
        carryover: Carryover from earlier chats.
        repetitions: How often agents sent the same message in a row, by their names; without those that rarely did.
    """

    chat_id: int | None = None
    chat_history: list[ChatMessage] = None  # type: ignore[assignment]
    summary: Any = None
    cost: ChatCost = None  # type: ignore[assignment]
    human_input: list[str] = None  # type: ignore[assignment]
    stop_reason: StopReason | None = None
    summary_error: str | None = None
    carryover: Any = None
    repetitions: dict[str, int] = field(default_factory=dict)
    stop_detail: str | None = None
