"""Side effects of tool calls in a group chat with hand-offs, as JSON, so that a resumed chat has them too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypedDict

from .._core.protocols import Group
from .._core.turn_context import VariableEffects
from .context_variables import ContextStr, ContextVariables
from .targets import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    GroupManagerSelectionMessage,
    GroupManagerSelectionMessageContextStr,
    GroupManagerSelectionMessageString,
    GroupManagerTarget,
    RandomAgentTarget,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
    TransitionTarget,
)

logger = logging.getLogger("autogen.agentchat.groupchat")

_SIMPLE_TARGETS = {kind.__name__: kind for kind in (AskUserTarget, RevertToUserTarget, StayTarget, TerminateTarget)}


class EncodedTarget(TypedDict, total=False):
    """A target as JSON, with a single key.

    Attributes:
        agent: Name of an agent.
        agents: Names of the agents of a `RandomAgentTarget`.
        prompt: Selection message of a `GroupManagerTarget`.
        kind: Class of a target without parameters.
    """

    agent: str
    agents: list[str]
    prompt: str | None
    kind: str


class ToolEffects(VariableEffects):
    """Side effects of one tool call in a group chat.

    Args:
        group: Group chat.
        variables: Context variables that the members share.
        get_target: Returns the target that the tool returned; called after the tool.
        set_target: Called with the target in a replay.
    """

    def __init__(
        self,
        group: Group,
        variables: ContextVariables,
        get_target: Callable[[], TransitionTarget | None],
        set_target: Callable[[TransitionTarget], None],
    ) -> None:
        super().__init__(variables)
        self._group, self._get_target, self._set_target = group, get_target, set_target

    def snapshot(self) -> dict[str, object]:
        """Return the changes of variables, and the target."""
        return {**super().snapshot(), "target": encode_target(self._get_target())}

    def replay(self, recorded: dict[str, Any]) -> None:
        """Repeat the changes of variables, and the hand-off."""
        super().replay(recorded)
        if recorded["target"] is not None:
            self._set_target(decode_target(recorded["target"], self._group))


def encode_target(target: TransitionTarget | None) -> EncodedTarget | None:
    """Return a target as JSON; None, with a warning in the log, if JSON can't represent it."""
    match target:
        case None:
            return None
        # By name: after a restart the agent is another object.
        case AgentTarget() | AgentNameTarget():
            return {"agent": target.label}
        case RandomAgentTarget(agents=agents):
            return {"agents": [agent.name for agent in agents]}
        case GroupManagerTarget(selection_message=message):
            return {"prompt": _get_template(message)}
        case _ if type(target).__name__ in _SIMPLE_TARGETS:
            return {"kind": type(target).__name__}
    # Nested chats and functions.
    logger.warning("JSON can't represent a hand-off to %s: a resumed chat won't have it.", target.label)
    return None


def _get_template(message: str | ContextStr | GroupManagerSelectionMessage | None) -> str | None:
    match message:
        case ContextStr(template=text) | GroupManagerSelectionMessageString(message=text):
            return text
        case GroupManagerSelectionMessageContextStr(context_str_template=text):
            return text
        case GroupManagerSelectionMessage():
            logger.warning("JSON can't represent %r: a resumed chat has the usual selection message.", message)
            return None
    return message


def decode_target(encoded: EncodedTarget, group: Group) -> TransitionTarget:
    """Return the target that `encode_target` encoded."""
    if "agent" in encoded:
        return AgentNameTarget(encoded["agent"])
    # An agent that is missing after a restart is left out.
    if "agents" in encoded:
        return RandomAgentTarget([agent for agent in group.agents if agent.name in encoded["agents"]])
    if "prompt" in encoded:
        return GroupManagerTarget(encoded["prompt"])
    return _SIMPLE_TARGETS[encoded["kind"]]()
