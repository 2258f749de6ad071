"""The hand-offs of one agent: its targets and their conditions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TypeVar

from ..agent import Agent
from .conditions import OnCondition, OnContextCondition
from .targets import TargetLike, TransitionTarget, as_target, make_tool_name

T = TypeVar("T")
Rule = TypeVar("Rule", OnCondition, OnContextCondition)


class Handoffs:
    """The hand-offs of an agent in a group chat. Every method that adds returns the object, for chaining.

    Attributes:
        context_conditions: Hand-offs that data decides before the agent replies: the first that holds.
        llm_conditions: Hand-offs that its model decides: it has a tool for each.
        after_works: Hand-offs that data decides after a reply with text: the first that holds. A hand-off without a
            condition is the last.

    >>> agent.handoffs.add_llm_condition(  # doctest: +SKIP
    ...     OnCondition(refund, "The customer wants their money back.")
    ... ).set_after_work(RevertToUserTarget())
    """

    context_conditions: list[OnContextCondition]
    llm_conditions: list[OnCondition]
    after_works: list[OnContextCondition]

    def __init__(self) -> None:
        self.context_conditions = []
        self.llm_conditions = []
        self.after_works = []

    def __repr__(self) -> str:
        sizes = f"{len(self.context_conditions)} context, {len(self.llm_conditions)} llm, {len(self.after_works)} after-work"
        return f"Handoffs({sizes})"

    def add(self, condition: OnCondition | OnContextCondition) -> Handoffs:
        """Add a hand-off of either kind.

        Raises:
            TypeError: if it is not a hand-off.
        """
        return self.add_many([condition])

    def add_many(self, conditions: Iterable[OnCondition | OnContextCondition]) -> Handoffs:
        """Add hand-offs of either kind. If an item is invalid, none is added.

        Raises:
            TypeError: if an item is not a hand-off.
            ValueError: if two hand-offs have tools of the same name.
        """
        rules = _validate_items(conditions, OnCondition, OnContextCondition)
        # First, because it may raise.
        self.add_llm_conditions(rule for rule in rules if isinstance(rule, OnCondition))
        self.context_conditions += [rule for rule in rules if isinstance(rule, OnContextCondition)]
        return self

    def add_llm_condition(self, condition: OnCondition) -> Handoffs:
        """Add a hand-off that the model decides.

        Raises:
            TypeError: if it is not an `OnCondition`.
        """
        return self.add_llm_conditions([condition])

    def add_llm_conditions(self, conditions: Iterable[OnCondition]) -> Handoffs:
        """Add hand-offs that the model decides.

        Raises:
            TypeError: if an item is not an `OnCondition`.
            ValueError: if two hand-offs have tools of the same name.
        """
        rules = [*self.llm_conditions, *_validate_items(conditions, OnCondition)]
        if len(_map_tools(rules)) < len(rules):
            raise ValueError("Two hand-offs have the same llm_function_name: a model can't tell them apart.")
        self.llm_conditions = rules
        return self

    def add_context_condition(self, condition: OnContextCondition) -> Handoffs:
        """Add a hand-off that data decides before the agent replies.

        Raises:
            TypeError: if it is not an `OnContextCondition`.
        """
        return self.add_context_conditions([condition])

    def add_context_conditions(self, conditions: Iterable[OnContextCondition]) -> Handoffs:
        """Add hand-offs that data decides before the agent replies."""
        self.context_conditions += _validate_items(conditions, OnContextCondition)
        return self

    def set_after_work(self, target: TargetLike) -> Handoffs:
        """Replace the hand-offs after a reply with text by a single unconditional one.

        Args:
            target: Target or agent.

        Raises:
            TypeError: if it is neither.
        """
        self.after_works = [OnContextCondition(as_target(target))]
        return self

    def add_after_work(self, condition: OnContextCondition) -> Handoffs:
        """Add a hand-off after a reply with text. A hand-off without a condition replaces an earlier one like it.

        Raises:
            TypeError: if it is not an `OnContextCondition`.
        """
        return self.add_after_works([condition])

    def add_after_works(self, conditions: Iterable[OnContextCondition]) -> Handoffs:
        """Add hand-offs after a reply with text."""
        rules = [*self.after_works, *_validate_items(conditions, OnContextCondition)]
        # A hand-off without a condition always holds, so it has to be the last.
        fallbacks = [rule for rule in rules if rule.condition is None and rule.available is None]
        self.after_works = [rule for rule in rules if rule not in fallbacks] + fallbacks[-1:]
        return self

    def clear(self) -> Handoffs:
        """Remove all hand-offs."""
        self.context_conditions.clear()
        self.llm_conditions.clear()
        self.after_works.clear()
        return self

    def get_llm_conditions_by_target_type(self, target_type: type[TransitionTarget]) -> list[OnCondition]:
        """Return the hand-offs that the model decides, with targets of a type."""
        return [rule for rule in self.llm_conditions if rule.has_target_type(target_type)]

    def get_context_conditions_by_target_type(self, target_type: type[TransitionTarget]) -> list[OnContextCondition]:
        """Return the hand-offs that data decides before the agent replies, with targets of a type."""
        return [rule for rule in self.context_conditions if rule.has_target_type(target_type)]

    def set_llm_function_names(self) -> None:
        """Store the names of the tools in hand-offs that have none."""
        for name, rule in self.tools().items():
            rule.llm_function_name = name

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> Handoffs:
        """Copy the hand-offs for a cloned group.

        Args:
            agent_map: Maps an agent to its clone.
        """
        clone = Handoffs()
        clone.context_conditions = _rebind_rules(self.context_conditions, agent_map)
        clone.llm_conditions = _rebind_rules(self.llm_conditions, agent_map)
        clone.after_works = _rebind_rules(self.after_works, agent_map)
        return clone

    def tools(self) -> dict[str, OnCondition]:
        """Return the hand-offs that the model decides, by the names of their tools."""
        return _map_tools(self.llm_conditions)


def get_handoffs(agent: object) -> Handoffs | None:
    """Return the hand-offs of an agent; None if it has none."""
    # Not by `getattr`, which would create the hand-offs of an agent that never had any.
    handoffs = getattr(agent, "__dict__", {}).get("handoffs")
    # A subclass of the program may use the name for its own data.
    return handoffs if isinstance(handoffs, Handoffs) else None


def _map_tools(rules: list[OnCondition]) -> dict[str, OnCondition]:
    return {rule.llm_function_name or make_tool_name(rule.target, number): rule for number, rule in enumerate(rules, 1)}


def _rebind_rules(rules: list[Rule], agent_map: Callable[[Agent], Agent]) -> list[Rule]:
    # Conditions don't refer to agents, so only the targets are replaced.
    clones = [copy.copy(rule) for rule in rules]
    for clone in clones:
        clone.target = clone.target.rebind(agent_map)
    return clones


def _validate_items(items: object, *kinds: type[T]) -> list[T]:
    """Return the items as a list, if all have one of these types.

    Raises:
        TypeError: if an item has another type, or `items` is not iterable.
    """
    names = " or ".join(kind.__name__ for kind in kinds)
    # A text is iterable, but a mistake.
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise TypeError(f"Hand-offs must be a list of {names}, got {items!r}.")
    # An iterator can be read only once.
    validated = list(items)
    for item in validated:
        if not isinstance(item, kinds):
            raise TypeError(f"A hand-off must be an {names}, got {item!r}.")
    return validated
