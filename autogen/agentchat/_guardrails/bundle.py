"""`Guardrails`: several guardrails that are given to an agent, or to all members of a group chat, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._core.internals import get_managed_group, is_conversable
from .checks import make_guard
from .run import add_guard


class Guardrails:
    """Guardrails for agents and group chats, made once and used by several.

    Args:
        guardrails: Dicts with the arguments of `register_guardrail`: `check`, `on`, and by choice `then`, `name`,
            `on_error`, `beside` and `stream`.

    Raises:
        TypeError, ValueError: if an argument is unknown or invalid.

    >>> Guardrails([{"check": secrets(), "on": "output"}]).add_to_agent(manager)  # doctest: +SKIP
    """

    def __init__(self, guardrails: Iterable[Mapping[str, Any]]) -> None:
        self._guards = [make_guard(**guardrail) for guardrail in guardrails]

    def add_to_agent(self, agent: Any) -> None:
        """Register the guardrails with an agent; with the manager of a group chat, also with each member.

        Members that join later are not covered.
        """
        group = get_managed_group(agent)
        members = [member for member in group.agents if is_conversable(member)] if group else []
        for guard in self._guards:
            # The summary of a group chat is checked once.
            owners: list[Any] = [*members] if members and guard.on != "final" else [agent]
            for owner in owners:
                add_guard(owner, guard)
