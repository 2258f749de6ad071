"""Selection of the next speaker by the hand-offs of the agents."""

from __future__ import annotations

from .._handoffs.selector import HandoffSelector

__all__ = ["HandoffSelector"]
