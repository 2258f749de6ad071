"""Streams that queue AG2's events, for readers in another thread or task."""

from __future__ import annotations

import asyncio
import queue
from abc import ABC, abstractmethod
from typing import Any

from .base import IOStream
from .step_controller import StepController

__all__ = ["AsyncThreadIOStream", "ThreadIOStream"]


class _EventStream(ABC):
    """A stream that sends what is printed as an event."""

    @abstractmethod
    def send(self, message: Any) -> None:
        """Queue an event."""

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Queue a `print` event.

        Args:
            *objects: The objects, queued as text.
            sep: The text between them.
            end: The text after the last one.
            flush: Ignored, because events are queued at once.
        """
        from ..events.print_event import PrintEvent

        self.send(PrintEvent(*objects, sep=sep, end=end))


class ThreadIOStream(_EventStream, IOStream):
    """Queues what is printed, asked and sent as AG2's events.

    Args:
        step_controller: Makes the sender wait for the reader after each event; None for no waiting.

    >>> stream = ThreadIOStream()
    >>> stream.print("Hello")
    >>> stream.input_stream.get().content.objects
    ['Hello']
    """

    def __init__(self, step_controller: StepController | None = None) -> None:
        self._events: queue.Queue[Any] = queue.Queue()
        self._controller = step_controller

    def send(self, message: Any) -> None:
        """Queue an event, and wait for its reader if there is a controller."""
        if self._controller is not None:
            # Before the reader can see the event: its step would be lost otherwise.
            self._controller.arm()
        self._events.put(message)
        if self._controller is not None:
            self._controller.wait_for_step(message)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Queue an `input_request`, and wait for the answer of its `respond`."""
        from ..events.agent_events import InputRequestEvent

        # One for each question: two at once don't get each other's answers.
        answers: queue.Queue[str] = queue.Queue()
        self.send(InputRequestEvent(prompt=prompt, password=password, respond=answers.put))
        return answers.get()

    @property
    def input_stream(self) -> queue.Queue[Any]:
        """The queue of events."""
        return self._events


class AsyncThreadIOStream(_EventStream):
    """Async version of `ThreadIOStream`, within one event loop; its `input` is a coroutine function."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    def send(self, message: Any) -> None:
        """Queue an event."""
        self._events.put_nowait(message)

    async def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Queue an `async_input_request`, and wait for the answer of its `respond`."""
        from ..events.agent_events import AsyncInputRequestEvent

        answers: asyncio.Queue[str] = asyncio.Queue()
        self.send(AsyncInputRequestEvent(prompt=prompt, password=password, respond=answers.put_nowait))
        return await answers.get()

    @property
    def input_stream(self) -> asyncio.Queue[Any]:
        """The queue of events."""
        return self._events
