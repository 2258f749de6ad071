"""The base classes of targets of hand-offs, and the outcome of following one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ... import events
from ..._steps import Steps
from .._core.messages import normalize_name
from .._core.protocols import Group
from .._core.turn_context import ToolDirective
from ..agent import Agent, Message
from .context_variables import ContextStr


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
    nested: ReplyTarget | None = None


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


@dataclass(frozen=True)
class SpeakerSelectionResult:
    """The outcome of a target for a program: one of the attributes is set.

    Attributes:
        terminate: True to end the chat.
        agent_name: Name of the next speaker.
        speaker_selection_method: Method that selects the next speaker.
    """

    terminate: bool | None = None
    agent_name: str | None = None
    speaker_selection_method: str | None = None

    def get_speaker_selection_result(self, groupchat: Group) -> Agent | str | None:
        """Return the agent, the name of the method, or None for the end of the chat.

        Raises:
            ValueError: if nothing is set, or the group has no such agent.
        """
        if self.agent_name is not None:
            return find_member(groupchat, self.agent_name)
        if self.speaker_selection_method is not None:
            return self.speaker_selection_method
        if not self.terminate:
            raise ValueError("A SpeakerSelectionResult needs terminate=True, an agent_name or a speaker_selection_method.")
        return None


class TransitionTarget(ToolDirective):
    """Target of a hand-off. A subclass overrides `follow`, or AG2's `resolve`.

    Attributes:
        ends_chat: True if it ends the chat.
    """

    _label: ClassVar[str] = ""
    ends_chat: ClassVar[bool] = False
    _display_name: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """Name of the target in the names of tools, and in tool results."""
        return self._label or self.display_name()

    def display_name(self) -> str:
        """Return the name for people."""
        return self._display_name or self._label or type(self).__name__

    def normalized_name(self) -> str:
        """Return the name in the names of tools."""
        return normalize_name(self.label)

    def can_resolve_for_speaker_selection(self) -> bool:
        """Return True if it leads to a next speaker, False if the agent that hands over runs chats."""
        return True

    def needs_agent_wrapper(self) -> bool:
        """Return True if AG2 puts it into an agent of its own, which this package never needs."""
        return not self.can_resolve_for_speaker_selection()

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the next speaker. This one calls the `resolve` of a subclass.

        Raises:
            ValueError: if the target can't be reached.
            NotImplementedError: if the subclass has neither method.
        """
        if type(self).resolve is TransitionTarget.resolve:
            raise NotImplementedError(f"{type(self).__name__} must define follow or resolve.")
        outcome = self.resolve(situation.group, situation.agent, situation.user)
        chosen = outcome.get_speaker_selection_result(situation.group)
        return Resolution(method=chosen) if isinstance(chosen, str) or chosen is None else Resolution(chosen)

    def resolve(self, groupchat: Any, current_agent: Any, user_agent: Any = None) -> SpeakerSelectionResult:
        """Return where the target leads to.

        Args:
            groupchat: Group chat.
            current_agent: Agent that hands over.
            user_agent: Agent that speaks for the human; None if there is none.

        Raises:
            ValueError: if the target can't be reached.
        """
        resolution = self.follow(HandoffContext(current_agent, groupchat, user_agent))
        if resolution.speaker is not None:
            return SpeakerSelectionResult(agent_name=resolution.speaker.name)
        if resolution.method is not None:
            return SpeakerSelectionResult(speaker_selection_method=resolution.method)
        return SpeakerSelectionResult(terminate=True)

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

    def __str__(self) -> str:
        return self.result_text()


class ReplyTarget(TransitionTarget):
    """Target with which the agent that hands over replies: it runs chats, and their summary is its reply."""

    def can_resolve_for_speaker_selection(self) -> bool:
        """Return False."""
        return False

    def follow(self, situation: HandoffContext) -> Resolution:
        """Return the agent itself, with the chats."""
        return Resolution(situation.agent, nested=self)

    @abstractmethod
    def run_chats(self, agent: Agent, sender: Agent) -> Steps[str | Message]:
        """Run the chats, and return the reply.

        Args:
            agent: Agent that hands over.
            sender: Manager of its group.
        """


def find_member(group: Group, name: str) -> Agent:
    """Return the member of a name.

    Raises:
        ValueError: There is none.
    """
    agent = group.agent_by_name(name)
    if agent is None:
        raise ValueError(f"The group has no agent {name!r}; its agents are {', '.join(group.agent_names)}.")
    return agent
