"""The target that a function of the program decides."""

from __future__ import annotations

from ..._handoffs.function_target import FunctionTarget, FunctionTargetMessage, FunctionTargetResult, broadcast

__all__ = ["FunctionTarget", "FunctionTargetMessage", "FunctionTargetResult", "broadcast"]
