"""The kinds of events of budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._event import Event


@dataclass(kw_only=True)
class SteppedDown(Event):
    """An endpoint is passed over, because a budget has too little left for it.

    Attributes:
        agent: Name of the agent.
        model: Name of the model.
        endpoint: Address of the endpoint.
        to: Model and address of the endpoint that is tried next.
        left: USD that are left; None if the cost as a whole is not limited.
        reason: The limit, as text.
    """

    type: ClassVar[str] = "stepped_down"
    agent: str
    model: str
    endpoint: str
    to: str
    left: float | None
    reason: str
