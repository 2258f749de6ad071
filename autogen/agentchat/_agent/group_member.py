"""The attributes of an agent that group chats with hand-offs use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from ..._mistakes import warn_caller
from .._core import turn_context
from .._handoffs.conditions import OnCondition, OnContextCondition
from .._handoffs.context_variables import ContextVariables
from .._handoffs.handoffs import Handoffs, get_handoffs
from .._handoffs.swarm_rules import HandOff, register_hand_off
from ..agent import Agent
from .state import AgentState


class GroupMemberMixin(AgentState):
    """Hand-offs and context variables of an agent."""

    @cached_property
    def handoffs(self) -> Handoffs:
        """Hand-offs of the agent in a group chat."""
        return Handoffs()

    @property
    def context_variables(self) -> ContextVariables:
        """Context variables that the members of a group chat share while it runs; otherwise those of the agent."""
        # The innermost group chat in progress has precedence.
        shared: ContextVariables | None = turn_context.get_variables()
        return self._own_variables if shared is None else shared

    @context_variables.setter
    def context_variables(self, variables: ContextVariables) -> None:
        self._own_variables = variables

    @cached_property
    def _own_variables(self) -> ContextVariables:
        return ContextVariables()

    def register_handoff(self, condition: OnCondition | OnContextCondition) -> None:
        """Register a hand-off; the same as `handoffs.add`."""
        self.handoffs.add(condition)

    def register_handoffs(self, conditions: Iterable[OnCondition | OnContextCondition]) -> None:
        """Register hand-offs; the same as `handoffs.add_many`."""
        self.handoffs.add_many(conditions)

    def register_hand_off(self, hand_to: HandOff | Iterable[HandOff]) -> None:
        """Register the hand-offs of a swarm. Deprecated: use `handoffs`.

        Args:
            hand_to: An `OnCondition`, `OnContextCondition` or `AfterWork`, or a list of these.
        """
        warn_caller("ConversableAgent.register_hand_off is deprecated, use agent.handoffs.", DeprecationWarning)
        register_hand_off(self, hand_to)

    def _prepare_for_groups(self, context_variables: ContextVariables | None, handoffs: Handoffs | None) -> None:
        """Set the attributes, unless they are left to be made on first access."""
        if context_variables is not None:
            self.context_variables = context_variables
        if handoffs is not None:
            self.handoffs = handoffs

    def _detach_clone(self) -> None:
        super()._detach_clone()
        # Made again on first access.
        vars(self).pop("_own_variables", None)
        # Copied, but to the same targets: only the clone of a group has clones of them.
        rebind_handoffs(self, lambda agent: agent)


def rebind_handoffs(agent: object, agent_map: Callable[[Agent], Agent]) -> None:
    """Replace the hand-offs of a cloned agent by a copy.

    Args:
        agent: Agent of any kind; nothing happens if it has no hand-offs.
        agent_map: Maps an agent to its clone.
    """
    handoffs = get_handoffs(agent)
    if handoffs is not None:
        agent.handoffs = handoffs.rebind(agent_map)  # type: ignore[attr-defined]
