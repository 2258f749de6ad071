"""Runs of AG2's form: responses that begin when somebody looks at them, and speak AG2's events."""

from .iterators import AsyncRunIterResponse, RunIterResponse
from .response import AsyncRunResponse, RunResponse

__all__ = ["AsyncRunIterResponse", "AsyncRunResponse", "RunIterResponse", "RunResponse"]
