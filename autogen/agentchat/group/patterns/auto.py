"""The pattern in which the manager's model selects."""

from __future__ import annotations

from typing import Any

from ..._handoffs.context_variables import ContextStr
from ..._handoffs.targets import GroupManagerTarget, TargetLike
from ...agent import Agent
from ...groupchat import GroupChat, GroupChatManager
from .pattern import Pattern

__all__ = ["AutoPattern"]


class AutoPattern(Pattern):
    """Without a hand-off, the manager's model selects the next speaker.

    Args:
        *args: As for `Pattern`.
        selection_message: System message of this model, in place of the group's `select_speaker_message_template`, with
            the placeholders `{roles}`, `{agentlist}` and context variables.
        **kwargs: As for `Pattern`; `group_manager_args` has an `llm_config`.
    """

    def __init__(self, *args: Any, selection_message: str | ContextStr | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.selection_message = selection_message

    def build(self, max_rounds: int = 20) -> tuple[GroupChat, GroupChatManager]:
        """Make a new group of the agents, and its manager.

        Raises:
            ValueError: if the manager has no model.
        """
        group, manager = super().build(max_rounds)
        # Without a model, `auto` would silently be the same as `RoundRobinPattern`.
        if not manager.llm_config:
            raise ValueError('The manager of an AutoPattern needs a model: group_manager_args={"llm_config": ...}.')
        return group, manager

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return GroupManagerTarget(self.selection_message)
