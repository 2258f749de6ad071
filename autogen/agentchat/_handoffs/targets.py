"""Targets of hand-offs: a member, a method that selects one, nested chats, or the end of the chat."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..._steps import Steps, get_callable_name, invoke, is_coroutine_function, run_sync, sync_and_async
from ...exception_utils import NoEligibleSpeaker
from ...operations import Operation, perform
from ...types import ChatQueue
from .._chats.nested import SUMMARY, make_nested_reply
from .._core.internals import get_history, is_conversable
from .._core.protocols import Group, SpeakerSelector
from .._core.selection_strategy import make_eligibility_test
from ..agent import Agent, Message
from .context_variables import ContextStr
from .target_base import (
    HandoffContext,
    ReplyTarget,
    Resolution,
    SpeakerSelectionResult,
    TransitionTarget,
    announce_handoff,
    find_member,
)

__all__ = [
    "AgentNameTarget",
    "AgentTarget",
    "AskUserTarget",
    "GroupManagerSelectionMessage",
    "GroupManagerSelectionMessageContextStr",
    "GroupManagerSelectionMessageString",
    "GroupManagerTarget",
    "HandoffContext",
    "NestedChatTarget",
    "RandomAgentTarget",
    "ReplyTarget",
    "Resolution",
    "RevertToUserTarget",
    "SelectionTarget",
    "SpeakerSelectionResult",
    "StayTarget",
    "TargetLike",
    "TerminateTarget",
    "TransitionTarget",
    "announce_handoff",
    "as_target",
    "make_tool_name",
]

# The longest function name that endpoints accept.
_MAX_NAME_LENGTH = 64


TargetLike: TypeAlias = TransitionTarget | Agent | SpeakerSelector
"""A target, or an object that `as_target` converts to one."""


@dataclass(frozen=True)
class AgentTarget(TransitionTarget):
    """Agent of the group."""

    agent: Agent

    def __post_init__(self) -> None:
        if not isinstance(self.agent, Agent):
            raise TypeError(f"AgentTarget takes an agent, got {self.agent!r}. Use AgentNameTarget for a name.")

    @property
    def label(self) -> str:
        """Name of the agent."""
        return self.agent.name

    @property
    def agent_name(self) -> str:
        """Name of the agent."""
        return self.agent.name

    def display_name(self) -> str:
        """Return the name of the agent."""
        return self.label

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the agent."""
        return Resolution(self.agent)

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return the agent."""
        return (self.agent,)

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> TransitionTarget:
        """Return the target of the clone."""
        return AgentTarget(agent_map(self.agent))


@dataclass(frozen=True)
class AgentNameTarget(TransitionTarget):
    """Agent of the group with a certain name."""

    agent_name: str

    def __post_init__(self) -> None:
        if not isinstance(self.agent_name, str):
            raise TypeError(f"AgentNameTarget takes the name of an agent, got {self.agent_name!r}.")

    @property
    def label(self) -> str:
        """Name of the agent."""
        return self.agent_name

    def display_name(self) -> str:
        """Return the name of the agent."""
        return self.label

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the agent."""
        return Resolution(find_member(situation.group, self.agent_name))

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return the agent, or its name if it is missing."""
        # The name of a missing agent lets the caller report it.
        return (group.agent_by_name(self.agent_name) or self.agent_name,)


@dataclass(frozen=True)
class RevertToUserTarget(TransitionTarget):
    """Agent that speaks for the human."""

    _label = "user"
    _display_name = "Revert to User"

    def normalized_name(self) -> str:
        """Return the name in the names of tools."""
        return "revert_to_user"

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the user agent."""
        if situation.user is None:
            name = situation.agent.name
            raise ValueError(f"{name!r} hands over to the user, but the group has none: pass a user_agent.")
        return Resolution(situation.user)


@dataclass(frozen=True)
class StayTarget(TransitionTarget):
    """The agent itself once more."""

    _label = "stay"
    _display_name = "Stay"

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the agent itself."""
        return Resolution(situation.agent)


@dataclass(frozen=True)
class TerminateTarget(TransitionTarget):
    """End of the chat."""

    _label = "terminate"
    _display_name = "Terminate"
    ends_chat = True

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return no speaker."""
        return Resolution()


@dataclass(frozen=True)
class AskUserTarget(TransitionTarget):
    """Member that a human picks."""

    _label = "ask_user"
    _display_name = "Ask User"

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the method `manual`."""
        return Resolution(method="manual")


class GroupManagerSelectionMessage(ABC):
    """Makes the system message of the model that selects the next speaker."""

    @abstractmethod
    def get_message(self, agent: Any) -> str:
        """Return the message.

        Args:
            agent: Agent that hands over.
        """


@dataclass(frozen=True)
class GroupManagerSelectionMessageString(GroupManagerSelectionMessage):
    """A fixed message."""

    message: str

    def get_message(self, agent: Any) -> str:
        """Return the message."""
        return self.message


@dataclass(frozen=True)
class GroupManagerSelectionMessageContextStr(GroupManagerSelectionMessage):
    """A message with placeholders for context variables."""

    context_str_template: str

    def get_message(self, agent: Any) -> str:
        """Return the message with the values of the variables."""
        return ContextStr(self.context_str_template).format(agent.context_variables)


@dataclass(frozen=True)
class GroupManagerTarget(TransitionTarget):
    """Member that the manager's model selects.

    Args:
        selection_message: System message of the model, in place of the group's `select_speaker_message_template`, with
            the placeholders `{roles}`, `{agentlist}` and context variables; or a `GroupManagerSelectionMessage`.
    """

    selection_message: str | ContextStr | GroupManagerSelectionMessage | None = None
    _label = "group_manager"
    _display_name = "the group manager"

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the method `auto`."""
        prompt = self.selection_message
        if isinstance(prompt, GroupManagerSelectionMessage):
            prompt = prompt.get_message(situation.agent)
        return Resolution(method="auto", prompt=prompt)


@dataclass(frozen=True)
class RandomAgentTarget(TransitionTarget):
    """Random agent of several, but never the agent that hands over.

    Attributes:
        agents: The agents.
        nominated_name: Name of the agent that was drawn last; empty before.
    """

    agents: Sequence[Agent]
    nominated_name: str = field(default="", init=False, repr=False, compare=False)
    _label = "random_agent"
    _display_name = "a random agent"

    def __post_init__(self) -> None:
        if not self.agents or not all(isinstance(agent, Agent) for agent in self.agents):
            raise TypeError(f"RandomAgentTarget takes a list of agents, got {self.agents!r}.")

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return a random agent."""
        others = [agent for agent in self.agents if agent is not situation.agent]
        if not others:
            raise ValueError(f"{situation.agent.name!r} hands over to a random agent, but there is no other agent.")
        others = list(filter(make_eligibility_test(situation.group, situation.agent), others))
        if not others:
            raise NoEligibleSpeaker("The eligibility_policies accept none of the agents of a RandomAgentTarget.")

        def draw() -> Steps[Agent]:
            yield from ()
            return random.choice(others)

        # An operation, so that a resumed chat gets the same agent.
        operation = Operation(
            kind="draw",
            key=lambda: situation.agent.name,
            run=draw,
            encode=lambda agent: agent.name,
            decode=lambda name: next(agent for agent in others if agent.name == name),
        )
        drawn = run_sync(perform(operation))
        # A frozen dataclass refuses plain assignments.
        object.__setattr__(self, "nominated_name", drawn.name)
        return Resolution(drawn)

    @property
    def agent_names(self) -> list[str]:
        """Names of the agents."""
        return [agent.name for agent in self.agents]

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return all of the agents."""
        return self.agents

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> TransitionTarget:
        """Return the target of the clones."""
        return RandomAgentTarget([agent_map(agent) for agent in self.agents])


@dataclass(frozen=True)
class NestedChatTarget(ReplyTarget):
    """Chats that the agent runs, and replies with their summary; the group continues as after any of its replies.

    If a model chose the target, the summary is the result of its call.

    Args:
        nested_chat_config: `{"chat_queue": [...]}`, optionally with `reply_func_from_nested_chats` and `use_async`, as
            `register_nested_chats` takes them; or the queue alone.
    """

    nested_chat_config: Mapping[str, Any] | ChatQueue
    _label = "nested_chat"
    _display_name = "a nested chat"

    def __post_init__(self) -> None:
        if not self._parse_config()[0]:
            raise ValueError(f'NestedChatTarget needs a config with a "chat_queue", got {self.nested_chat_config!r}.')

    def _parse_config(self) -> tuple[ChatQueue, object, bool | None]:
        config = self.nested_chat_config
        if not isinstance(config, Mapping):
            config = {"chat_queue": config}
        queue, answer = config.get("chat_queue") or (), config.get("reply_func_from_nested_chats")
        return [dict(entry) for entry in queue], answer or SUMMARY, config.get("use_async")

    def run_chats(self, agent: Agent, sender: Agent) -> Steps[str | Message]:
        """Run the chats, and return the reply. The first starts with the last outer message, unless it has its own.

        Raises:
            TypeError: if the agent is not a `ConversableAgent`.
        """
        if not is_conversable(agent):
            raise TypeError(f"{agent.name!r} can't run nested chats: it must be a ConversableAgent.")
        # The first message must have text, so calls and results of tools don't count.
        messages = [
            message
            for message in get_history(agent, sender)
            if message.get("content") and message.get("role") not in ("tool", "function")
        ]
        reply = make_nested_reply(*self._parse_config())
        _, answer = yield from invoke(*sync_and_async(reply, blocks=True), agent, messages, sender, None)
        return "" if answer is None else answer


@dataclass(frozen=True)
class SelectionTarget(TransitionTarget):
    """Result of a function `(last_speaker, groupchat)`: a target, an agent, the name of a method, or None for the end."""

    function: SpeakerSelector

    @property
    def label(self) -> str:
        """Name of the function."""
        return get_callable_name(self.function)

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the result of the function."""
        answer = self.function(situation.agent, situation.group)
        # No method and no speaker: the chat ends.
        if answer is None or isinstance(answer, str):
            return Resolution(method=answer)
        return as_target(answer).follow(situation)


def as_target(value: object) -> TransitionTarget:
    """Return a target: for an agent `AgentTarget`, for a function `(last_speaker, groupchat)` `SelectionTarget`.

    Raises:
        TypeError: if the value is not a target, an agent or a sync function.
    """
    if isinstance(value, TransitionTarget):
        return value
    # The structural check of `Agent` accepts the classes of agents, too.
    if isinstance(value, Agent) and not isinstance(value, type):
        return AgentTarget(value)
    if callable(value) and not isinstance(value, type) and not is_coroutine_function(value):
        return SelectionTarget(value)
    raise TypeError(
        "A target must be an agent, a target of autogen.agentchat.group such as AgentNameTarget or TerminateTarget(), "
        f"or a sync function of the last speaker and the group, got {value!r}."
    )


def make_tool_name(target: TransitionTarget, number: int) -> str:
    """Return the name of the tool by which a model hands over.

    Args:
        target: Target.
        number: Position among the hand-offs of the agent, from 1; it makes the name unique.
    """
    # The number distinguishes targets with the same label.
    suffix = f"_{number}"
    return f"transfer_to_{target.normalized_name()}"[: _MAX_NAME_LENGTH - len(suffix)] + suffix
