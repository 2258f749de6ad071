"""`ReasoningAgent`: an agent that searches for its answer in a tree of thoughts."""

from .reasoning_agent import ReasoningAgent, ThinkNode

__all__ = ["ReasoningAgent", "ThinkNode"]
