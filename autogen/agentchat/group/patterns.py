"""Patterns for group chats with hand-offs. They differ in how the next speaker is selected when there is no hand-off.

A pattern can be used for several chats: it does not change its agents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._handoffs.context_variables import ContextStr, ContextVariables
from .._handoffs.targets import AskUserTarget, GroupManagerTarget, RandomAgentTarget, TargetLike
from ..agent import Agent
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from .selector import HandoffSelector

__all__ = ["AutoPattern", "DefaultPattern", "ManualPattern", "Pattern", "RandomPattern", "RoundRobinPattern"]


class Pattern:
    """A pattern for group chats.

    Args:
        initial_agent: First agent to reply; one of the agents.
        agents: Members.
        user_agent: Agent that speaks for the human; it becomes a member, even if `agents` does not contain it.
        group_manager_args: Arguments of the `GroupChatManager`: `llm_config`, `is_termination_msg`, `silent`...
        context_variables: Variables that the agents share. A `ContextVariables` object is used in each chat, a dict is
            copied for each.
        group_after_work: Next speaker if there is no hand-off: a target, an agent, or a function
            `(last_speaker, groupchat)`; None for the rule of the pattern.
        exclude_transit_message: True if models don't see the hand-offs of other agents.
        summary_method: As for `initiate_chat`.

    Raises:
        ValueError: if the initial agent is not one of the agents, or the pattern takes no `group_after_work`.
    """

    takes_after_work = False

    def __init__(
        self,
        initial_agent: ConversableAgent,
        agents: Sequence[ConversableAgent],
        user_agent: ConversableAgent | None = None,
        group_manager_args: Mapping[str, object] | None = None,
        context_variables: ContextVariables | Mapping[str, object] | None = None,
        group_after_work: TargetLike | None = None,
        exclude_transit_message: bool = True,
        summary_method: str | Callable[..., object] | None = "last_msg",
    ) -> None:
        self.initial_agent = initial_agent
        self.agents = list(agents)
        self.user_agent = user_agent
        self.group_manager_args: dict[str, Any] = dict(group_manager_args or {})
        self.context_variables = context_variables
        self.group_after_work = group_after_work
        self.exclude_transit_message = exclude_transit_message
        self.summary_method = summary_method
        if not any(agent is initial_agent for agent in self.agents):
            raise ValueError(f"The initial agent {initial_agent.name!r} is not one of the agents.")
        if group_after_work is not None and not self.takes_after_work:
            name = type(self).__name__
            raise ValueError(f"{name} has a rule of its own: leave group_after_work out, or use DefaultPattern.")

    def build(self, max_rounds: int = 20) -> tuple[GroupChat, GroupChatManager]:
        """Make a new group of the agents, and its manager.

        Args:
            max_rounds: Maximum number of messages.
        """
        members = self._get_members()
        selector = HandoffSelector(
            self.initial_agent,
            self._get_after_work(members),
            self.user_agent,
            context_variables=self.context_variables,
            user_after_work=self._get_user_after_work(members),
            exclude_transit_message=self.exclude_transit_message,
        )
        group = GroupChat(members, max_round=max_rounds, speaker_selection_method=selector)
        return group, GroupChatManager(group, **self.group_manager_args)

    def _get_members(self) -> list[Agent]:
        """Return the members: the initial agent first, the user agent last."""
        others = [agent for agent in self.agents if agent is not self.initial_agent and agent is not self.user_agent]
        return [self.initial_agent, *others, *([] if self.user_agent is None else [self.user_agent])]

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return self.group_after_work

    def _get_user_after_work(self, members: list[Agent]) -> TargetLike | None:
        return None


class DefaultPattern(Pattern):
    """Only hand-offs select the next speaker; without a hand-off `group_after_work` does, and by default the chat ends."""

    takes_after_work = True


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


class RoundRobinPattern(Pattern):
    """Without a hand-off, the next member in order speaks: the initial agent, the others, the user, and again."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return _select_in_order

    _get_user_after_work = _get_after_work


class RandomPattern(Pattern):
    """Without a hand-off, a random other member speaks next."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return RandomAgentTarget(members)

    _get_user_after_work = _get_after_work


class ManualPattern(Pattern):
    """Without a hand-off, the human picks the next speaker."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return AskUserTarget()


def _select_in_order(last_speaker: Agent, groupchat: GroupChat) -> Agent:
    return groupchat.next_agent(last_speaker)
