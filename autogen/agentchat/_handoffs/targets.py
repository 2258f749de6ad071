"""Where a hand-off leads: to a member, to a way of choosing one, or to the end of the chat."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ..._steps import Steps, get_callable_name, invoke, is_coroutine_function, run_sync, sync_and_async
from ...operations import Operation, perform
from .._chats.nested import SUMMARY, make_nested_reply
from .._core.internals import get_history
from .._core.messages import normalize_name
from .._core.protocols import Group
from .._core.turn_context import ToolDirective
from ..agent import Agent, Message
from .context_variables import ContextStr


class HandoffContext(NamedTuple):
    """Where a hand-off starts.

    Attributes:
        agent: Whose rule it is.
        group: The group chat.
        user: Who speaks for the human; None if nobody does.
    """

    agent: Any
    group: Group
    user: Agent | None


class Resolution(NamedTuple):
    """What follows.

    Attributes:
        speaker: Who speaks.
        method: The method that chooses who speaks, where there is no speaker. Neither: the chat ends.
        prompt: What the model that chooses is told.
        nested: The chats that the speaker holds, and answers with.
    """

    speaker: Agent | None = None
    method: str | None = None
    prompt: str | ContextStr | None = None
    nested: NestedChatTarget | None = None


class TransitionTarget(ToolDirective):
    """Where a hand-off leads."""

    _label: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """What it is called in the names of tools, and in what models are told."""
        return self._label

    @abstractmethod
    def resolve(self, situation: HandoffContext) -> Resolution:
        """What follows.

        Raises:
            ValueError: It can't be reached.
        """

    def members(self, group: Group) -> Iterable[Agent | str]:
        """Who has to be in the group for it: agents, and names of such that are missing."""
        return ()

    def rebind(self, mine: Callable[[Any], Any]) -> TransitionTarget:
        """The same for a group of other members: `mine` gives for each agent the one that takes its place."""
        return self

    def result_text(self) -> str:
        """What the model is told that chose it."""
        return f"Transferred to {self.label}."


@dataclass(frozen=True)
class AgentTarget(TransitionTarget):
    """An agent of the group."""

    agent: Agent

    def __post_init__(self) -> None:
        if not isinstance(self.agent, Agent):
            raise TypeError(f"AgentTarget takes an agent, not {self.agent!r}. For a name there is AgentNameTarget.")

    @property
    def label(self) -> str:
        """The agent's name."""
        return self.agent.name

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The agent."""
        return Resolution(self.agent)

    def members(self, group: Group) -> Iterable[Agent | str]:
        """The agent."""
        return (self.agent,)

    def rebind(self, mine: Callable[[Any], Any]) -> TransitionTarget:
        """The agent in its place."""
        return AgentTarget(mine(self.agent))


@dataclass(frozen=True)
class AgentNameTarget(TransitionTarget):
    """The agent of the group that has this name."""

    agent_name: str

    def __post_init__(self) -> None:
        if not isinstance(self.agent_name, str):
            raise TypeError(f"AgentNameTarget takes the name of an agent, not {self.agent_name!r}.")

    @property
    def label(self) -> str:
        """The name."""
        return self.agent_name

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The agent."""
        agent = situation.group.agent_by_name(self.agent_name)
        if agent is None:
            known = ", ".join(situation.group.agent_names)
            raise ValueError(f"There is no agent {self.agent_name!r} in the group, but: {known}.")
        return Resolution(agent)

    def members(self, group: Group) -> Iterable[Agent | str]:
        """The agent, or its name if it is missing."""
        return (group.agent_by_name(self.agent_name) or self.agent_name,)


@dataclass(frozen=True)
class RevertToUserTarget(TransitionTarget):
    """The agent that speaks for the human."""

    _label = "user"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The user agent."""
        if situation.user is None:
            name = situation.agent.name
            raise ValueError(f"{name!r} hands over to the user, and the group has none: give it a user_agent.")
        return Resolution(situation.user)


@dataclass(frozen=True)
class StayTarget(TransitionTarget):
    """The agent itself once more."""

    _label = "stay"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The agent itself."""
        return Resolution(situation.agent)


@dataclass(frozen=True)
class TerminateTarget(TransitionTarget):
    """The end of the chat."""

    _label = "terminate"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """Nobody."""
        return Resolution()


@dataclass(frozen=True)
class AskUserTarget(TransitionTarget):
    """Whom a human picks from the members."""

    _label = "ask_user"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The method `manual`."""
        return Resolution(method="manual")


@dataclass(frozen=True)
class GroupManagerTarget(TransitionTarget):
    """Whom the manager's model chooses.

    Args:
        selection_message: What the model is told before the conversation, in place of the group's
            `select_speaker_message_template`; `{roles}`, `{agentlist}` and context variables are filled in.
    """

    selection_message: str | ContextStr | None = None
    _label = "group_manager"

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The method `auto`."""
        return Resolution(method="auto", prompt=self.selection_message)


@dataclass(frozen=True)
class RandomAgentTarget(TransitionTarget):
    """One of some agents by chance, but never the one whose rule it is."""

    agents: Sequence[Agent]
    _label = "random_agent"

    def __post_init__(self) -> None:
        if not self.agents or not all(isinstance(agent, Agent) for agent in self.agents):
            raise TypeError(f"RandomAgentTarget takes a list of agents, not {self.agents!r}.")

    def resolve(self, situation: HandoffContext) -> Resolution:
        """One of the others."""
        others = [agent for agent in self.agents if agent is not situation.agent]
        if not others:
            raise ValueError(f"{situation.agent.name!r} hands over to one of no others.")

        def draw() -> Steps[Agent]:
            yield from ()
            return random.choice(others)

        operation = Operation(
            kind="draw",
            key=lambda: str(situation.agent.name),
            run=draw,
            encode=lambda agent: agent.name,
            decode=lambda name: next(agent for agent in others if agent.name == name),
        )
        return Resolution(run_sync(perform(operation)))

    def members(self, group: Group) -> Iterable[Agent | str]:
        """All of the agents."""
        return self.agents

    def rebind(self, mine: Callable[[Any], Any]) -> TransitionTarget:
        """The agents in their places."""
        return RandomAgentTarget([mine(agent) for agent in self.agents])


@dataclass(frozen=True)
class NestedChatTarget(TransitionTarget):
    """Chats that the agent holds, and answers with their summary; then it goes on as after any answer of its own.

    Where a model chose it, the summary is the result of its call.

    Args:
        nested_chat_config: `{"chat_queue": [...]}`, and if need be `reply_func_from_nested_chats` and `use_async`: what
            `register_nested_chats` takes. The queue alone will do.
    """

    nested_chat_config: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    _label = "nested_chat"

    def __post_init__(self) -> None:
        if not self._parts()[0]:
            raise ValueError(f'NestedChatTarget needs a config with a "chat_queue", not {self.nested_chat_config!r}.')

    def _parts(self) -> tuple[list[dict[str, Any]], Any, bool | None]:
        config = self.nested_chat_config
        if not isinstance(config, Mapping):
            config = {"chat_queue": config}
        queue, answer = config.get("chat_queue") or (), config.get("reply_func_from_nested_chats")
        return [dict(entry) for entry in queue], answer or SUMMARY, config.get("use_async")

    def resolve(self, situation: HandoffContext) -> Resolution:
        """The agent itself, with these chats."""
        return Resolution(situation.agent, nested=self)

    def run_chats(self, agent: Any, sender: Any) -> Steps[str | Message]:
        """Hold the chats. The first begins with the last thing that was said, unless it has a message of its own."""
        said = [
            one for one in get_history(agent, sender) if one.get("content") and one.get("role") not in ("tool", "function")
        ]
        reply = make_nested_reply(*self._parts())
        _, answer = yield from invoke(*sync_and_async(reply, blocks=True), agent, said, sender, None)
        return "" if answer is None else answer


@dataclass(frozen=True)
class SelectionTarget(TransitionTarget):
    """What a function `(last_speaker, groupchat)` says: a target, an agent, the name of a method, or None for the end."""

    function: Callable[[Any, Group], Any]

    @property
    def label(self) -> str:
        """The function's name."""
        return get_callable_name(self.function)

    def resolve(self, situation: HandoffContext) -> Resolution:
        """What the function says."""
        answer = self.function(situation.agent, situation.group)
        if answer is None or isinstance(answer, str):
            return Resolution(method=answer)
        return as_target(answer).resolve(situation)


def as_target(value: Any) -> TransitionTarget:
    """A target, or what stands for one: an agent, or a function `(last_speaker, groupchat)`.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, TransitionTarget):
        return value
    if isinstance(value, Agent) and not isinstance(value, type):
        return AgentTarget(value)
    if callable(value) and not isinstance(value, type) and not is_coroutine_function(value):
        return SelectionTarget(value)
    raise TypeError(
        f"A target is an agent, one of the targets of autogen.agentchat.group such as AgentNameTarget or TerminateTarget(), "
        f"or a plain function of the last speaker and the group, not {value!r}."
    )


def make_tool_name(target: TransitionTarget, place: int) -> str:
    """The name of the tool by which a model hands over."""
    number = f"_{place}"
    return f"transfer_to_{normalize_name(target.label)}"[: 64 - len(number)] + number
