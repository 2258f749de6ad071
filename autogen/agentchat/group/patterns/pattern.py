"""The base class of patterns, and the pattern with hand-offs alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._handoffs.context_variables import ContextVariables
from ..._handoffs.targets import TargetLike
from ...agent import Agent, Message
from ...conversable_agent import ConversableAgent
from ...groupchat import GroupChat, GroupChatManager
from .._opening import find_author, validate_messages
from ..selector import HandoffSelector

__all__ = ["DefaultPattern", "Pattern"]

logger = logging.getLogger("autogen.agentchat.groupchat")


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
        ValueError: if the initial agent is not one of the agents, or `group_manager_args` has a `groupchat`.
    """

    # False if the pattern has a rule of its own, which comes first.
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
        if "groupchat" in self.group_manager_args:
            raise ValueError("group_manager_args must not have a groupchat: the pattern makes it.")
        if not any(agent is initial_agent for agent in self.agents):
            raise ValueError(f"The initial agent {initial_agent.name!r} is not one of the agents.")
        if group_after_work is not None and not self.takes_after_work:
            name = type(self).__name__
            logger.warning("group_after_work has no effect: a %s has a rule of its own. Use DefaultPattern.", name)

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

    def prepare_group_chat(self, max_rounds: int, messages: list[Message] | Message | str) -> tuple[Any, ...]:
        """Make a group and its manager, for programs that start the chat themselves.

        Args:
            max_rounds: Maximum number of messages.
            messages: First message, or the messages of an earlier chat.

        Returns:
            As in AG2: agents, wrapped agents (none), user agent, context variables, initial agent, after-work of the group,
            executor of tools (None), group, manager, messages, author of the last message, names of the agents, temporary
            users (none).

        Raises:
            ValueError: if there is no message, or the author of a message is not in the group.
        """
        group, manager = self.build(max_rounds)
        selector = group.speaker_selection_method
        assert isinstance(selector, HandoffSelector)
        validated = validate_messages(messages, group)
        return (
            *(list(self.agents), [], self.user_agent, selector.context_variables, self.initial_agent, selector.after_work),
            *(None, group, manager, validated, find_author(validated[-1], self.user_agent, group)),
            *([agent.name for agent in self.agents], []),
        )

    @classmethod
    def create_default(
        cls,
        initial_agent: ConversableAgent,
        agents: Sequence[ConversableAgent],
        user_agent: ConversableAgent | None = None,
        group_manager_args: Mapping[str, object] | None = None,
        context_variables: ContextVariables | Mapping[str, object] | None = None,
        exclude_transit_message: bool = True,
        summary_method: str | Callable[..., object] | None = "last_msg",
    ) -> DefaultPattern:
        """Make a `DefaultPattern`, of whatever class; the arguments are those of `Pattern`."""
        return DefaultPattern(
            initial_agent,
            agents,
            user_agent,
            group_manager_args,
            context_variables,
            exclude_transit_message=exclude_transit_message,
            summary_method=summary_method,
        )

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
