"""What a group chat asks its `speaker_selection_method` besides who is next, where that is more than a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._steps import Steps, invoke
from ..agent import Agent
from .protocols import Group
from .result import StopReason


class SelectionMethod:
    """A selection function with a say in more than who is next. By itself it changes nothing.

    Attributes:
        why: Why it chose as it did.
        stop_reason: Why the chat ends, if it ended it on purpose.
        selection_message: What a model that chooses is told, in place of the group's template: an object with `format`.
        routes_results: Whether it says itself who gets the results of calls.
    """

    why = "chosen by the selection function"
    stop_reason: StopReason | None = None
    selection_message: Any = None
    routes_results = False

    def redirected(self, chosen: Agent, group: Group) -> Agent | None:
        """Who is next after a method has chosen this one; None ends the chat."""
        return chosen

    def save_state(self) -> dict[str, Any] | None:
        """What it remembers, as JSON has it; None for nothing."""
        return None

    def load_state(self, state: Mapping[str, Any], group: Group) -> None:
        """Remember that again."""

    def for_members(self, mine: Callable[[Any], Any]) -> Any:
        """The same for a group of other members: `mine` gives for each agent the one that takes its place."""
        return self

    def take_turn(self, speaker: Any, manager: Any, group: Group) -> Steps[Any]:
        """Let a member answer."""
        return (yield from invoke(speaker.generate_reply, speaker.a_generate_reply, sender=manager))


def method_of(group: Group) -> SelectionMethod:
    """The group's selection method, or one that changes nothing where it has a plain function or a name."""
    method: Any = group.speaker_selection_method
    return method if isinstance(method, SelectionMethod) else _PLAIN


_PLAIN = SelectionMethod()
