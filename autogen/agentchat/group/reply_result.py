"""What a tool may return besides plain results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...function_utils import serialize_to_str
from .._core.turn_context import ToolDirective
from .._handoffs.targets import TransitionTarget, as_target

__all__ = ["ReplyResult"]


class ReplyResult(ToolDirective):
    """What a tool returns that also says who speaks next, or what is known now.

    Args:
        message: The result for the model; what is no text becomes JSON.
        target: Who speaks next: a target, an agent, or None for the agent that called.
        context_variables: Context variables to set.

    Raises:
        TypeError: An argument is of another kind.

    >>> def find(name: str, context_variables: ContextVariables) -> ReplyResult:  # doctest: +SKIP
    ...     return ReplyResult("Found.", AgentNameTarget("sales"), {"customer": name})
    """

    def __init__(self, message: Any = "", target: Any = None, context_variables: Mapping[str, Any] | None = None) -> None:
        self.message = message
        self.target: TransitionTarget | None = None if target is None else as_target(target)
        if context_variables is not None and not isinstance(context_variables, Mapping):
            raise TypeError(f"context_variables must be a mapping, not {context_variables!r}.")
        self.context_variables = context_variables

    def __repr__(self) -> str:
        return f"ReplyResult({self.message!r}, target={self.target!r})"

    def result_text(self) -> str:
        """What the model is told."""
        text = serialize_to_str(self.message)
        return self.target.result_text() if self.target is not None and not text else text
