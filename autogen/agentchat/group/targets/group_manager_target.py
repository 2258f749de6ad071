"""AG2's path for the target that lets the manager's model select."""

from __future__ import annotations

from ..._handoffs.targets import GroupManagerTarget

__all__ = ["GroupManagerTarget"]
