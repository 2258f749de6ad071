"""Base class of selection strategies, which also control the turns and the state of a group chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._steps import Steps, invoke
from ..agent import Agent, Message
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
