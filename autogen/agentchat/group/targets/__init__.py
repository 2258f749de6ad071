"""Targets of hand-offs."""

from __future__ import annotations

from ...._lazy_imports import deprecate
from ..._handoffs.targets import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    GroupManagerSelectionMessageContextStr,
    GroupManagerSelectionMessageString,
    GroupManagerTarget,
    HandoffContext,
    NestedChatTarget,
    RandomAgentTarget,
    Resolution,
    RevertToUserTarget,
    SelectionTarget,
    StayTarget,
    TerminateTarget,
    TransitionTarget,
    as_target,
    make_tool_name,
)

__all__ = [
    "AgentNameTarget",
    "AgentTarget",
    "AskUserTarget",
    "GroupManagerSelectionMessageContextStr",
    "GroupManagerSelectionMessageString",
    "GroupManagerTarget",
    "HandoffContext",
    "NestedChatTarget",
    "RandomAgentTarget",
    "Resolution",
    "RevertToUserTarget",
    "SelectionTarget",
    "StayTarget",
    "TerminateTarget",
    "TransitionTarget",
    "as_target",
    "make_tool_name",
]

__getattr__ = deprecate(globals(), {"tool_name": "make_tool_name"})
