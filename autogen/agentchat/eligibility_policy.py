"""Policies about who may speak next in a group chat, whatever selects the speaker: budgets, quotas, health checks.

>>> class HasBudget:
...     def is_eligible(self, agent, ctx):
...         return ctx.round < 10 or agent.name == "closer"
>>> group = GroupChat([opener, closer], eligibility_policies=[HasBudget()])  # doctest: +SKIP
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

__all__ = ["AgentDescriptionGuard", "AgentEligibilityPolicy", "SelectionContext"]

_UNAVAILABLE = "[UNAVAILABLE] "


@dataclass(frozen=True)
class SelectionContext:
    """The situation in which a speaker is selected.

    Attributes:
        round: Number of messages so far.
        last_speaker: Name of the author of the last message; None if there is none.
        participants: Names of all members, in order.

    Raises:
        TypeError: if `participants` is a text.
    """

    round: int
    last_speaker: str | None
    participants: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.participants, (str, bytes)):
            raise TypeError(f"participants must be a sequence of names, got the text {self.participants!r}.")
        # A frozen dataclass refuses plain assignments.
        object.__setattr__(self, "participants", tuple(self.participants))


@runtime_checkable
class AgentEligibilityPolicy(Protocol):
    """A policy about who may speak next: an object with `is_eligible`, which needs no base class."""

    def is_eligible(self, agent: Any, ctx: SelectionContext) -> bool:
        """Return True if an agent may speak next. It is asked once for each candidate of a selection.

        Args:
            agent: Candidate.
            ctx: Situation.
        """
        ...


class AgentDescriptionGuard:
    """Marks an agent as unavailable in its description, which a model reads when it selects the next speaker. Thread-safe.

    Args:
        agent: Agent.

    >>> guard = AgentDescriptionGuard(weather_agent)  # doctest: +SKIP
    >>> guard.mark_unavailable()  # doctest: +SKIP
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        self._had_none = False

    def mark_unavailable(self) -> None:
        """Put the mark before the description, unless it is there."""
        with _lock:
            description = self._agent.description
            if not (description or "").startswith(_UNAVAILABLE):
                self._had_none = description is None
                self._agent.description = _UNAVAILABLE + (description or "")

    def mark_available(self) -> None:
        """Remove the mark. Other changes of the description stay."""
        with _lock:
            description = self._agent.description or ""
            if description.startswith(_UNAVAILABLE):
                rest = description.removeprefix(_UNAVAILABLE)
                self._agent.description = None if self._had_none and not rest else rest


# One for all, because two guards may have the same agent.
_lock = threading.Lock()
