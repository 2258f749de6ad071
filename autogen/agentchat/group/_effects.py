"""What a tool does to a group chat besides giving a result, as JSON has it: a chat that is taken up again has it too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .._core.protocols import Group
from .._core.turn_context import VariableEffects
from .._handoffs.context_variables import ContextStr, ContextVariables
from .._handoffs.targets import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    GroupManagerTarget,
    RandomAgentTarget,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
    TransitionTarget,
)

logger = logging.getLogger("autogen.agentchat.groupchat")

_PLAIN = {kind.__name__: kind for kind in (AskUserTarget, RevertToUserTarget, StayTarget, TerminateTarget)}


class ToolEffects(VariableEffects):
    """What one call does in a group chat.

    Args:
        group: Where it is made.
        variables: What the agents know in common.
        target_of: Gives the target that its tool returned, when it has returned.
        lead_to: Takes such a target.
    """

    def __init__(
        self,
        group: Group,
        variables: ContextVariables,
        target_of: Callable[[], TransitionTarget | None],
        lead_to: Callable[[TransitionTarget], None],
    ) -> None:
        super().__init__(variables)
        self._group, self._target_of, self._lead_to = group, target_of, lead_to

    def snapshot(self) -> dict[str, Any]:
        """Also where it leads."""
        return {**super().snapshot(), "target": encode_target(self._target_of())}

    def replay(self, taken: dict[str, Any]) -> None:
        """Do the same again, and lead there."""
        super().replay(taken)
        if taken["target"] is not None:
            self._lead_to(decode_target(taken["target"], self._group))


def encode_target(target: TransitionTarget | None) -> dict[str, Any] | None:
    """A target as JSON has it; None, and a line in the log, for one that JSON can't hold."""
    match target:
        case None:
            return None
        case AgentTarget() | AgentNameTarget():
            return {"agent": target.label}
        case RandomAgentTarget(agents=agents):
            return {"agents": [agent.name for agent in agents]}
        case GroupManagerTarget(selection_message=message):
            return {"prompt": message.template if isinstance(message, ContextStr) else message}
        case _ if type(target).__name__ in _PLAIN:
            return {"kind": type(target).__name__}
    logger.warning("A hand-off to %s can't be kept: a chat that is taken up again lacks it.", target.label)
    return None


def decode_target(written: dict[str, Any], group: Group) -> TransitionTarget:
    """The target that JSON holds."""
    if "agent" in written:
        return AgentNameTarget(written["agent"])
    if "agents" in written:
        return RandomAgentTarget([agent for agent in group.agents if agent.name in written["agents"]])
    if "prompt" in written:
        return GroupManagerTarget(written["prompt"])
    return _PLAIN[written["kind"]]()
