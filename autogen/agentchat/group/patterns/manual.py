"""The pattern in which a human selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..._handoffs.context_variables import ContextVariables
from ..._handoffs.targets import AskUserTarget, TargetLike
from ...agent import Agent
from ...conversable_agent import ConversableAgent
from .pattern import Pattern

__all__ = ["ManualPattern"]


class ManualPattern(Pattern):
    """Without a hand-off, the human picks the next speaker.

    Args:
        initial_agent: As for `Pattern`, like all arguments.
        agents: Members.
        user_agent: Agent that speaks for the human.
        group_manager_args: Arguments of the manager.
        context_variables: Variables that the agents share.
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

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return AskUserTarget()
