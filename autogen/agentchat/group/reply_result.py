"""Results of tools that also hand over or set context variables."""

from __future__ import annotations

from collections.abc import Mapping

from ...function_utils import serialize_to_str
from .._core.turn_context import ToolDirective
from .._handoffs.targets import TargetLike, TransitionTarget, as_target

__all__ = ["ReplyResult"]


class ReplyResult(ToolDirective):
    """A tool result that also selects the next speaker, or sets context variables.

    Args:
        message: Result for the model; an object that is not text is serialised to JSON.
        target: Next speaker: a target, an agent, or None for the agent that called.
        context_variables: Context variables to set.

    Raises:
        TypeError: if an argument has an invalid type.

    >>> def find(name: str, context_variables: ContextVariables) -> ReplyResult:  # doctest: +SKIP
    ...     return ReplyResult("Found.", AgentNameTarget("sales"), {"customer": name})
    """

    def __init__(
        self,
        message: object = "",
        target: TargetLike | None = None,
        context_variables: Mapping[str, object] | None = None,
    ) -> None:
        self.message = message
        self.target: TransitionTarget | None = None if target is None else as_target(target)
        if context_variables is not None and not isinstance(context_variables, Mapping):
            raise TypeError(f"context_variables must be a mapping, got {context_variables!r}.")
        self.context_variables = context_variables

    def __repr__(self) -> str:
        return f"ReplyResult({self.message!r}, target={self.target!r})"

    def result_text(self) -> str:
        """Return the result for the model; without a message, that of the target."""
        text = serialize_to_str(self.message)
        return self.target.result_text() if self.target is not None and not text else text
