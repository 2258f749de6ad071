"""What comes out of a chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..agent import Message


class StopReason(str, Enum):
    """Why a chat ended."""

    TERMINATION_MESSAGE = "termination_message"
    """`is_termination_msg` was true of the last message."""
    MAX_CONSECUTIVE_AUTO_REPLY = "max_consecutive_auto_reply"
    """An agent had used up its automatic replies."""
    MAX_TURNS = "max_turns"
    """The number of turns given to `initiate_chat` was reached."""
    HUMAN_EXIT = "human_exit"
    """A human typed `exit`."""
    MAX_ROUND = "max_round"
    """The number of messages that the group chat may have was reached."""
    TERMINATE_TARGET = "terminate_target"
    """A hand-off or an after-work says that the group chat ends."""
    NO_ELIGIBLE_SPEAKER = "no_eligible_speaker"
    """Nobody in the group chat may speak next."""
    STOPPED = "stopped"
    """It was stopped through its `ChatControl`, or its deadline was over."""
    BUDGET = "budget"
    """What the chat or an agent may spend was spent; `BudgetExceeded` was raised."""
    NO_REPLY = "no_reply"
    """An agent had nothing to say."""

    def __str__(self) -> str:
        return self.value


@dataclass
class ChatResult:
    """What came out of a chat.

    Attributes:
        chat_id: The number of the chat in a queue.
        chat_history: The messages, as the agent that began the chat has them.
        summary: What `summary_method` made of them.
        cost: In USD, and the tokens by model, with and without answers from the cache.
        human_input: What humans typed.
        stop_reason: Why the chat ended.
        stop_detail: What an agent's condition says of it; see `autogen.agentchat.conditions`.
        summary_error: Why there is no summary by a model, where one was asked for.
        carryover: What the chat took over from earlier ones.
        repetitions: How often an agent said the same in a row, by its name; without those that hardly did.
    """

    chat_id: int | None = None
    chat_history: list[Message] = None  # type: ignore[assignment]
    summary: Any = None
    cost: dict[str, Any] = None  # type: ignore[assignment]
    human_input: list[str] = None  # type: ignore[assignment]
    stop_reason: StopReason | None = None
    summary_error: str | None = None
    carryover: Any = None
    repetitions: dict[str, int] = field(default_factory=dict)
    stop_detail: str | None = None
