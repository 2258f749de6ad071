"""AG2's ready-made agents."""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from .reasoning.reasoning_agent import ReasoningAgent as ReasoningAgent
    from .reasoning.reasoning_agent import ThinkNode as ThinkNode

# Read by the interpreter on first use of a name.
_HOME = dict.fromkeys(("ReasoningAgent", "ThinkNode"), "reasoning.reasoning_agent")

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
