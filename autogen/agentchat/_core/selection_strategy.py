"""Selection strategies, which also control the turns and the state of a group chat, and the test of its policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._steps import Steps, invoke, is_coroutine_function
from ..agent import Agent, Message
from ..eligibility_policy import SelectionContext
from .protocols import Group
from .result import StopReason


class SelectionStrategy:
    """Base class for selection functions that also control turns and state. The defaults leave both as they are.

    Attributes:
        why: Reason of the last choice.
        stop_reason: Reason why the chat ends, if the strategy ended it on purpose.
        selection_message: Message for a model that selects, in place of the group's template: an object with `format`.
        routes_results: True if the strategy itself decides who gets the results of calls.
    """

    why = "chosen by the selection function"
    stop_reason: StopReason | None = None
    selection_message: Any = None
    routes_results = False

    def override_choice(self, chosen: Agent, group: Group) -> Agent | None:
        """Return the next speaker after a method has chosen `chosen`; None ends the chat."""
        return chosen

    def save_state(self) -> dict[str, object] | None:
        """Return the state of the strategy as a JSON-serialisable dict; None if it has none."""
        return None

    def load_state(self, state: Mapping[str, object], group: Group) -> None:
        """Restore a state that `save_state` returned."""

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> SelectionStrategy:
        """Copy this strategy for a cloned group.

        Args:
            agent_map: Maps an agent to its clone.
        """
        return self

    def take_turn(self, speaker: Agent, manager: Agent, group: Group) -> Steps[str | Message | None]:
        """Let a member reply."""
        return (yield from invoke(speaker.generate_reply, speaker.a_generate_reply, sender=manager))


def get_selection_strategy(group: Group) -> SelectionStrategy:
    """Return the group's selection strategy; the default strategy if it has a plain function or the name of a method."""
    # A name or a plain function decides nothing but the speaker.
    method = group.speaker_selection_method
    return method if isinstance(method, SelectionStrategy) else _DEFAULT


_DEFAULT = SelectionStrategy()


def check_policies(policies: Any) -> None:
    """Check the policies of a group.

    Raises:
        ValueError: They are not a list of policies, or a policy is a coroutine function.
    """
    if isinstance(policies, str) or not isinstance(policies, Sequence):
        raise ValueError(f"eligibility_policies must be a list of policies, got {policies!r}.")
    for policy in policies:
        is_eligible = getattr(policy, "is_eligible", None)
        if isinstance(policy, type) or not callable(is_eligible):
            raise ValueError(f"eligibility_policies must have objects with is_eligible(agent, ctx), got {policy!r}.")
        # A coroutine is true, so everybody would be eligible.
        if is_coroutine_function(is_eligible):
            raise ValueError(f"is_eligible must be a plain function, got a coroutine function of {policy!r}.")


def make_eligibility_test(group: Any, last: Any) -> Callable[[Agent], bool]:
    """Return a test of one selection: True for agents that all policies accept. Each agent is looked at once.

    Args:
        group: Group chat; a class of a program may have no policies.
        last: Author of the last message, or None.
    """
    policies = getattr(group, "eligibility_policies", None)
    if not policies:
        return lambda agent: True
    names = tuple(agent.name for agent in group.agents)
    context = SelectionContext(len(group.messages), last and last.name, names)
    verdicts: dict[int, bool] = {}

    def is_eligible(agent: Agent) -> bool:
        if id(agent) not in verdicts:
            verdicts[id(agent)] = all(policy.is_eligible(agent, context) for policy in policies)
        return verdicts[id(agent)]

    return is_eligible
