"""The target that runs another group chat, whose summary is the reply of the agent that hands over."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from ...._steps import Steps
from ..._core.internals import get_history, is_conversable
from ..._handoffs.targets import ReplyTarget
from ..._runs.run import convert_summary
from ...agent import Agent, Message
from .._opening import Messages
from ..chat import run_pattern
from ..patterns import Pattern

__all__ = ["GroupChatConfig", "GroupChatTarget"]


@dataclass
class GroupChatConfig:
    """A group chat to run.

    Attributes:
        pattern: Its members and rules.
        messages: Its messages so far; None or empty for the last text of the conversation.
        max_rounds: Maximum number of messages.
    """

    pattern: Pattern
    messages: Messages | None = None
    max_rounds: int = 20


@dataclass(frozen=True, eq=False)
class GroupChatTarget(ReplyTarget):
    """Group chat that the agent runs, and replies with its summary; the outer group continues as after any of its replies.

    The inner group uses the context variables of the outer one, unless its pattern has some. If a model chose the target,
    the summary is the result of its call.

    Args:
        group_chat_config: The group chat.

    Raises:
        TypeError: if it is something else.
    """

    group_chat_config: GroupChatConfig
    _label = "group_chat"
    _display_name = "a group chat"

    def __post_init__(self) -> None:
        if not isinstance(self.group_chat_config, GroupChatConfig):
            raise TypeError(f"GroupChatTarget takes a GroupChatConfig, got {self.group_chat_config!r}.")

    def run_chats(self, agent: Agent, sender: Agent) -> Steps[str | Message]:
        """Run the group chat, and return its summary.

        Raises:
            TypeError: if the agent is not a `ConversableAgent`.
            ValueError: if there is no message to begin with.
        """
        if not is_conversable(agent):
            raise TypeError(f"{agent.name!r} can't run a group chat: it must be a ConversableAgent.")
        config = self.group_chat_config
        pattern: Any = config.pattern
        if not pattern.context_variables:
            # A copy, because the pattern belongs to the program.
            pattern = copy.copy(pattern)
            pattern.context_variables = agent.context_variables
        messages = config.messages or _find_last_text(get_history(agent, sender))
        result, _, _ = yield from run_pattern(pattern, messages, config.max_rounds, {})
        return str(convert_summary(result).summary)


def _find_last_text(messages: list[Message]) -> Message:
    """Return the last message that is neither a call nor a result, without its author."""
    for message in reversed(messages):
        if message.get("content") and message.get("role") not in ("tool", "function"):
            return {"role": "user", "content": message["content"]}
    raise ValueError("The conversation has no text for a GroupChatTarget to begin with: set messages of its config.")
