"""Targets of hand-offs: a member, a method that selects one, nested chats, or the end of the chat."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from ... import events
from ..._steps import Steps, get_callable_name, invoke, is_coroutine_function, run_sync, sync_and_async
from ...exception_utils import NoEligibleSpeaker
from ...operations import Operation, perform
from ...types import ChatQueue
from .._chats.nested import SUMMARY, make_nested_reply
from .._core.internals import get_history, is_conversable
from .._core.messages import normalize_name
from .._core.protocols import Group, SpeakerSelector
from .._core.selection_strategy import make_eligibility_test
from .._core.turn_context import ToolDirective
from ..agent import Agent, Message
from .context_variables import ContextStr

# The longest function name that endpoints accept.
_MAX_NAME_LENGTH = 64


class HandoffContext(NamedTuple):
    """The situation in which a hand-off is decided.

    Attributes:
        agent: Agent that hands over.
        group: Group chat.
        user: Agent that speaks for the human; None if there is none.
    """

    agent: Agent
    group: Group
    user: Agent | None


class Resolution(NamedTuple):
    """The outcome of a hand-off. Without a speaker and a method, the chat ends.

    Attributes:
        speaker: Next speaker.
        method: Method that selects the speaker, if there is none yet.
        prompt: System message of the model that selects.
        nested: Chats that the speaker runs, and replies with.
    """

    speaker: Agent | None = None
    method: str | None = None
    prompt: str | ContextStr | None = None
    nested: NestedChatTarget | None = None


def announce_handoff(agent: Agent, target: TransitionTarget, by: str, guardrail: str = "") -> None:
    """Emit the event of a hand-off that is followed.

    Args:
        agent: Agent that hands over.
        target: Where to.
        by: `llm`, `reply_result`, `context`, `after_work` or `guardrail`.
        guardrail: Name of the guardrail.
    """
    if events.has_listeners:
        label = target.label or type(target).__name__
        events.emit(
            events.HandedOver(agent=agent.name, target=label, by=by, guardrail=guardrail, _agent=agent, _target=target)
        )


class TransitionTarget(ToolDirective):
    """Target of a hand-off.

    Attributes:
        ends_chat: True if it ends the chat.
    """

    _label: ClassVar[str] = ""
    ends_chat: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name of the target in the names of tools, and in tool results."""
        return self._label

    @abstractmethod
    def resolve(self, situation: HandoffContext) -> Resolution:
        """Resolve the target to the next speaker.

        Raises:
            ValueError: if the target can't be reached.
        """

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return the agents that the group must contain: agents, or names of missing agents."""
        return ()

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> TransitionTarget:
        """Copy the target for a cloned group.

        Args:
            agent_map: Maps an agent to its clone.
        """
        return self

    def result_text(self) -> str:
        """Return the tool result for the model that chose this target."""
        return f"Transferred to {self.label}."


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

    def resolve(self, situation: HandoffContext) -> Resolution:
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

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the agent."""
        agent = situation.group.agent_by_name(self.agent_name)
        if agent is None:
            names = ", ".join(situation.group.agent_names)
            raise ValueError(f"The group has no agent {self.agent_name!r}; its agents are {names}.")
        return Resolution(agent)

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return the agent, or its name if it is missing."""
        # The name of a missing agent lets the caller report it.
        return (group.agent_by_name(self.agent_name) or self.agent_name,)


@dataclass(frozen=True)
class RevertToUserTarget(TransitionTarget):
    """Agent that speaks for the human."""

    _label = "user"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the user agent."""
        if situation.user is None:
            name = situation.agent.name
            raise ValueError(f"{name!r} hands over to the user, but the group has none: pass a user_agent.")
        return Resolution(situation.user)


@dataclass(frozen=True)
class StayTarget(TransitionTarget):
    """The agent itself once more."""

    _label = "stay"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the agent itself."""
        return Resolution(situation.agent)


@dataclass(frozen=True)
class TerminateTarget(TransitionTarget):
    """End of the chat."""

    _label = "terminate"
    ends_chat = True

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return no speaker."""
        return Resolution()


@dataclass(frozen=True)
class AskUserTarget(TransitionTarget):
    """Member that a human picks."""

    _label = "ask_user"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the method `manual`."""
        return Resolution(method="manual")


@dataclass(frozen=True)
class GroupManagerTarget(TransitionTarget):
    """Member that the manager's model selects.

    Args:
        selection_message: System message of the model, in place of the group's `select_speaker_message_template`, with
            the placeholders `{roles}`, `{agentlist}` and context variables.
    """

    selection_message: str | ContextStr | None = None
    _label = "group_manager"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the method `auto`."""
        return Resolution(method="auto", prompt=self.selection_message)


@dataclass(frozen=True)
class RandomAgentTarget(TransitionTarget):
    """Random agent of several, but never the agent that hands over."""

    agents: Sequence[Agent]
    _label = "random_agent"

    def __post_init__(self) -> None:
        if not self.agents or not all(isinstance(agent, Agent) for agent in self.agents):
            raise TypeError(f"RandomAgentTarget takes a list of agents, got {self.agents!r}.")

    def resolve(self, situation: HandoffContext) -> Resolution:
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
        return Resolution(run_sync(perform(operation)))

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Return all of the agents."""
        return self.agents

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> TransitionTarget:
        """Return the target of the clones."""
        return RandomAgentTarget([agent_map(agent) for agent in self.agents])


@dataclass(frozen=True)
class NestedChatTarget(TransitionTarget):
    """Chats that the agent runs, and replies with their summary; the group continues as after any of its replies.

    If a model chose the target, the summary is the result of its call.

    Args:
        nested_chat_config: `{"chat_queue": [...]}`, optionally with `reply_func_from_nested_chats` and `use_async`, as
            `register_nested_chats` takes them; or the queue alone.
    """

    nested_chat_config: Mapping[str, Any] | ChatQueue
    _label = "nested_chat"

    def __post_init__(self) -> None:
        if not self._parse_config()[0]:
            raise ValueError(f'NestedChatTarget needs a config with a "chat_queue", got {self.nested_chat_config!r}.')

    def _parse_config(self) -> tuple[ChatQueue, object, bool | None]:
        config = self.nested_chat_config
        if not isinstance(config, Mapping):
            config = {"chat_queue": config}
        queue, answer = config.get("chat_queue") or (), config.get("reply_func_from_nested_chats")
        return [dict(entry) for entry in queue], answer or SUMMARY, config.get("use_async")

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the agent itself, with the chats."""
        return Resolution(situation.agent, nested=self)

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

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Return the result of the function."""
        answer = self.function(situation.agent, situation.group)
        # No method and no speaker: the chat ends.
        if answer is None or isinstance(answer, str):
            return Resolution(method=answer)
        return as_target(answer).resolve(situation)


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
    return f"transfer_to_{normalize_name(target.label)}"[: _MAX_NAME_LENGTH - len(suffix)] + suffix
