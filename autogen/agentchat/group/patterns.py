"""Recipes for group chats with hand-offs. They differ in what happens where no hand-off says who is next.

A pattern can be used again and again: it changes nothing at its agents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._handoffs.context_variables import ContextStr, ContextVariables
from .._handoffs.targets import AskUserTarget, GroupManagerTarget, RandomAgentTarget
from ..agent import Agent
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from .selector import HandoffSelector

__all__ = ["AutoPattern", "DefaultPattern", "ManualPattern", "Pattern", "RandomPattern", "RoundRobinPattern"]


class Pattern:
    """A recipe for a group chat.

    Args:
        initial_agent: Who answers first; one of the agents.
        agents: The members.
        user_agent: Who speaks for the human; a member too, also where `agents` leaves it out.
        group_manager_args: For the `GroupChatManager`: `llm_config`, `is_termination_msg`, `silent`...
        context_variables: What the agents know in common. The object itself is used in each chat, a dict is copied for
            each.
        group_after_work: What happens where no hand-off says who is next: a target, an agent, or a function
            `(last_speaker, groupchat)`; None for what the pattern has.
        exclude_transit_message: Whether models don't see how others handed over.
        summary_method: As for `initiate_chat`.

    Raises:
        ValueError: The initial agent is not one of the agents, or the pattern takes no `group_after_work`.
    """

    takes_after_work = False

    def __init__(
        self,
        initial_agent: ConversableAgent,
        agents: Sequence[ConversableAgent],
        user_agent: ConversableAgent | None = None,
        group_manager_args: dict[str, Any] | None = None,
        context_variables: ContextVariables | dict[str, Any] | None = None,
        group_after_work: Any = None,
        exclude_transit_message: bool = True,
        summary_method: str | Callable[..., Any] | None = "last_msg",
    ) -> None:
        self.initial_agent = initial_agent
        self.agents = list(agents)
        self.user_agent = user_agent
        self.group_manager_args = dict(group_manager_args or {})
        self.context_variables = context_variables
        self.group_after_work = group_after_work
        self.exclude_transit_message = exclude_transit_message
        self.summary_method = summary_method
        if not any(agent is initial_agent for agent in self.agents):
            raise ValueError(f"The initial agent {initial_agent.name!r} is not one of the agents.")
        if group_after_work is not None and not self.takes_after_work:
            kind = type(self).__name__
            raise ValueError(
                f"{kind} says itself what happens after work: leave group_after_work out, or use DefaultPattern."
            )

    def build(self, max_rounds: int = 20) -> tuple[GroupChat, GroupChatManager]:
        """A new group of the agents, and its manager.

        Args:
            max_rounds: How many messages there may be.
        """
        members: list[Agent] = self._members()
        selector = HandoffSelector(
            self.initial_agent,
            self._after_work(members),
            self.user_agent,
            context_variables=self.context_variables,
            user_after_work=self._user_after_work(members),
            exclude_transit_message=self.exclude_transit_message,
        )
        group = GroupChat(members, max_round=max_rounds, speaker_selection_method=selector)
        return group, GroupChatManager(group, **self.group_manager_args)

    def _members(self) -> list[Agent]:
        """The members: the initial agent first, the user last."""
        first: tuple[Agent, ...] = (self.initial_agent,)
        last: tuple[Agent, ...] = () if self.user_agent is None else (self.user_agent,)
        return [*first, *(one for one in self.agents if one is not self.initial_agent and one is not self.user_agent), *last]

    def _after_work(self, members: list[Agent]) -> Any:
        return self.group_after_work

    def _user_after_work(self, members: list[Agent]) -> Any:
        return None


class DefaultPattern(Pattern):
    """Only hand-offs say who is next; where none does, `group_after_work` says it, and by default the chat ends."""

    takes_after_work = True


class AutoPattern(Pattern):
    """Where no hand-off says who is next, the manager's model chooses.

    Args:
        *args: As for `Pattern`.
        selection_message: What that model is told before the conversation, in place of the group's
            `select_speaker_message_template`: `{roles}`, `{agentlist}` and context variables are filled in.
        **kwargs: As for `Pattern`; `group_manager_args` has an `llm_config`.
    """

    def __init__(self, *args: Any, selection_message: str | ContextStr | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.selection_message = selection_message

    def build(self, max_rounds: int = 20) -> tuple[GroupChat, GroupChatManager]:
        """A new group of the agents, and its manager.

        Raises:
            ValueError: The manager has no model.
        """
        group, manager = super().build(max_rounds)
        if not manager.llm_config:
            raise ValueError('The manager of an AutoPattern needs a model: group_manager_args={"llm_config": ...}.')
        return group, manager

    def _after_work(self, members: list[Agent]) -> Any:
        return GroupManagerTarget(self.selection_message)


class RoundRobinPattern(Pattern):
    """Where no hand-off says who is next, it is the next in order: the initial agent, the others, the user, and again."""

    def _after_work(self, members: list[Agent]) -> Any:
        return _next_in_order

    _user_after_work = _after_work


class RandomPattern(Pattern):
    """Where no hand-off says who is next, it is any other member by chance."""

    def _after_work(self, members: list[Agent]) -> Any:
        return RandomAgentTarget(members)

    _user_after_work = _after_work


class ManualPattern(Pattern):
    """Where no hand-off says who is next, the human is asked."""

    def _after_work(self, members: list[Agent]) -> Any:
        return AskUserTarget()


def _next_in_order(last_speaker: Agent, groupchat: GroupChat) -> Agent:
    return groupchat.next_agent(last_speaker)
