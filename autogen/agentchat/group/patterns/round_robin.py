"""The pattern in which the members speak in turn."""

from __future__ import annotations

from ..._handoffs.targets import TargetLike
from ...agent import Agent
from ...groupchat import GroupChat
from .pattern import Pattern

__all__ = ["RoundRobinPattern"]


class RoundRobinPattern(Pattern):
    """Without a hand-off, the next member in order speaks: the initial agent, the others, the user, and again."""

    def _get_after_work(self, members: list[Agent]) -> TargetLike | None:
        return _select_in_order

    _get_user_after_work = _get_after_work


def _select_in_order(last_speaker: Agent, groupchat: GroupChat) -> Agent:
    return groupchat.next_agent(last_speaker)
