"""To whom an agent hands over, and when: what an agent has as `agent.handoffs`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from .conditions import OnCondition, OnContextCondition
from .targets import as_target, make_tool_name


class Handoffs:
    """To whom an agent hands over in a group chat, and when. Every method that adds can be chained.

    Attributes:
        context_conditions: Decided by data, before the agent answers: the first that holds.
        llm_conditions: Decided by its model, which has a tool for each.
        after_works: Decided by data, when it has answered with text: the first that holds. The one without a condition
            is the last.

    >>> agent.handoffs.add_llm_condition(  # doctest: +SKIP
    ...     OnCondition(refund, "The customer wants their money back.")
    ... ).set_after_work(RevertToUserTarget())
    """

    def __init__(self) -> None:
        self.context_conditions: list[OnContextCondition] = []
        self.llm_conditions: list[OnCondition] = []
        self.after_works: list[OnContextCondition] = []

    def __repr__(self) -> str:
        sizes = f"{len(self.context_conditions)} context, {len(self.llm_conditions)} llm, {len(self.after_works)} after-work"
        return f"Handoffs({sizes})"

    def add(self, condition: OnCondition | OnContextCondition) -> Handoffs:
        """Add a hand-off of either kind.

        Raises:
            TypeError: It is something else.
        """
        return self.add_many([condition])

    def add_many(self, conditions: Iterable[OnCondition | OnContextCondition]) -> Handoffs:
        """Add hand-offs of either kind, all or none.

        Raises:
            TypeError: One is something else.
            ValueError: Two would have tools of the same name.
        """
        given = _all_of(conditions, OnCondition, OnContextCondition)
        self.add_llm_conditions(one for one in given if isinstance(one, OnCondition))
        self.context_conditions += [one for one in given if isinstance(one, OnContextCondition)]
        return self

    def add_llm_condition(self, condition: OnCondition) -> Handoffs:
        """Add a hand-off that the model decides.

        Raises:
            TypeError: It is something else.
        """
        return self.add_llm_conditions([condition])

    def add_llm_conditions(self, conditions: Iterable[OnCondition]) -> Handoffs:
        """Add hand-offs that the model decides.

        Raises:
            TypeError: One is something else.
            ValueError: Two would have tools of the same name.
        """
        known = [*self.llm_conditions, *_all_of(conditions, OnCondition)]
        if len(_tools(known)) < len(known):
            raise ValueError("Two hand-offs have the same llm_function_name: a model can't tell them apart.")
        self.llm_conditions = known
        return self

    def add_context_condition(self, condition: OnContextCondition) -> Handoffs:
        """Add a hand-off that data decides before the agent answers.

        Raises:
            TypeError: It is something else.
        """
        return self.add_context_conditions([condition])

    def add_context_conditions(self, conditions: Iterable[OnContextCondition]) -> Handoffs:
        """Add hand-offs that data decides before the agent answers."""
        self.context_conditions += _all_of(conditions, OnContextCondition)
        return self

    def set_after_work(self, target: Any) -> Handoffs:
        """What happens when the agent has answered with text, instead of what was said before.

        Args:
            target: A target or an agent.

        Raises:
            TypeError: It is something else.
        """
        self.after_works = [OnContextCondition(as_target(target))]
        return self

    def add_after_work(self, condition: OnContextCondition) -> Handoffs:
        """Add what may happen when the agent has answered with text. One without a condition replaces an earlier such.

        Raises:
            TypeError: It is something else.
        """
        return self.add_after_works([condition])

    def add_after_works(self, conditions: Iterable[OnContextCondition]) -> Handoffs:
        """Add what may happen when the agent has answered with text."""
        known = [*self.after_works, *_all_of(conditions, OnContextCondition)]
        fallbacks = [one for one in known if one.condition is None and one.available is None]
        self.after_works = [one for one in known if one not in fallbacks] + fallbacks[-1:]
        return self

    def clear(self) -> Handoffs:
        """Forget all hand-offs."""
        for rules in (self.context_conditions, self.llm_conditions, self.after_works):
            rules.clear()
        return self

    def rebind(self, mine: Callable[[Any], Any]) -> Handoffs:
        """The same for a group of other members: `mine` gives for each agent the one that takes its place."""
        twin = Handoffs()
        for kind in ("context_conditions", "llm_conditions", "after_works"):
            rules = [copy.copy(rule) for rule in getattr(self, kind)]
            for rule in rules:
                rule.target = rule.target.rebind(mine)
            setattr(twin, kind, rules)
        return twin

    def tools(self) -> dict[str, OnCondition]:
        """The hand-offs that the model decides, by the names of their tools."""
        return _tools(self.llm_conditions)


def get_handoffs(agent: Any) -> Handoffs | None:
    """The hand-offs of an agent, if it has any."""
    found = getattr(agent, "__dict__", {}).get("handoffs")
    return found if isinstance(found, Handoffs) else None


def _tools(rules: list[OnCondition]) -> dict[str, OnCondition]:
    return {rule.llm_function_name or make_tool_name(rule.target, place): rule for place, rule in enumerate(rules, 1)}


def _all_of(given: Iterable[Any], *kinds: type) -> list[Any]:
    """The items as a list, if all are of these kinds.

    Raises:
        TypeError: One is not.
    """
    names = " or ".join(kind.__name__ for kind in kinds)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"A list of {names} is needed, not {given!r}.")
    items = list(given)
    for item in items:
        if not isinstance(item, kinds):
            raise TypeError(f"{names} is needed, not {item!r}.")
    return items
