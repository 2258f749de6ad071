"""The pattern in which the manager's model selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..._handoffs.context_variables import ContextStr, ContextVariables
from ..._handoffs.targets import GroupManagerSelectionMessage, GroupManagerTarget, TargetLike
from ...agent import Agent
from ...conversable_agent import ConversableAgent
from ...groupchat import GroupChat, GroupChatManager
from .pattern import Pattern

__all__ = ["AutoPattern"]


class AutoPattern(Pattern):
    """Without a hand-off, the manager's model selects the next speaker.

    Args:
        initial_agent: As for `Pattern`, like all arguments but `selection_message`.
        agents: Members.
        user_agent: Agent that speaks for the human.
        group_manager_args: Arguments of the manager, with an `llm_config`.
        context_variables: Variables that the agents share.
        selection_message: System message of this model, in place of the group's `select_speaker_message_template`, with
            the placeholders `{roles}`, `{agentlist}` and context variables; or a `GroupManagerSelectionMessage`.
        exclude_transit_message: True if models don't see the hand-offs of other agents.
        summary_method: As for `initiate_chat`.
    """

    def __init__(
        self,
        initial_agent: ConversableAgent,
        agents: Sequence[ConversableAgent],
        user_agent: ConversableAgent | None = None,
        group_manager_args: Mapping[str, object] | None = None,
        context_variables: ContextVariables | Mapping[str, object] | None = None,
        selection_message: str | ContextStr | GroupManagerSelectionMessage | None = None,
        exclude_transit_message: bool = True,
        summary_method: str | Callable[..., object] | None = "last_msg",
    ) -> None:
        super().__init__(
            initial_agent,
            agents,
            user_agent,
            group_manager_args,
            context_variables,
            exclude_transit_message=exclude_transit_message,
            summary_method=summary_method,
        )
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
