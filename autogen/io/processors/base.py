"""The protocols of processors."""

from __future__ import annotations

from typing import Protocol

from ..run_response import AsyncRunResponseProtocol, RunResponseProtocol

__all__ = ["AsyncEventProcessorProtocol", "EventProcessorProtocol"]


class EventProcessorProtocol(Protocol):
    """A reader of the events of a run."""

    def process(self, response: RunResponseProtocol) -> None:
        """Read the events of the response to their end."""
        ...


class AsyncEventProcessorProtocol(Protocol):
    """An async reader of the events of a run."""

    async def process(self, response: AsyncRunResponseProtocol) -> None:
        """Read the events of the response to their end."""
        ...
