"""Step controllers: they make the sender of events wait until its reader requests the next one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

__all__ = ["AsyncStepController", "StepController"]


class _StepControllerBase:
    """Base class of both controllers.

    Args:
        yield_on: Classes of AG2's events to stop at; None for all.
    """

    def __init__(self, yield_on: Iterable[type[Any]] | None = None) -> None:
        self._yield_on = None if yield_on is None else tuple(yield_on)
        self._is_terminated = False

    def should_block(self, event: Any) -> bool:
        """Return True if the sender of this event waits for its reader."""
        return not self._is_terminated and (self._yield_on is None or isinstance(event, self._yield_on))


class StepController(_StepControllerBase):
    """Controller between two threads.

    Clear it by `arm` before an event becomes visible: a fast reader may call `step` before the sender waits.
    """

    def __init__(self, yield_on: Iterable[type[Any]] | None = None) -> None:
        super().__init__(yield_on)
        self._step = threading.Event()

    def arm(self) -> None:
        """Make the next `wait_for_step` wait for a step that comes after this call."""
        self._step.clear()

    def wait_for_step(self, event: Any) -> None:
        """Wait until the reader requests the next event, if this event is one to stop at."""
        if self.should_block(event):
            self._step.wait()

    def step(self) -> None:
        """Let the sender go on to the next event."""
        self._step.set()

    def terminate(self) -> None:
        """Let the sender go on, and never wait again."""
        self._is_terminated = True
        self._step.set()


class AsyncStepController(_StepControllerBase):
    """Controller between two tasks of one event loop."""

    def __init__(self, yield_on: Iterable[type[Any]] | None = None) -> None:
        super().__init__(yield_on)
        self._step = asyncio.Event()

    def arm(self) -> None:
        """Make the next `wait_for_step` wait for a step that comes after this call."""
        self._step.clear()

    async def wait_for_step(self, event: Any) -> None:
        """Wait until the reader requests the next event, if this event is one to stop at."""
        if self.should_block(event):
            await self._step.wait()

    def step(self) -> None:
        """Let the sender go on to the next event."""
        self._step.set()

    def terminate(self) -> None:
        """Let the sender go on, and never wait again."""
        self._is_terminated = True
        self._step.set()
