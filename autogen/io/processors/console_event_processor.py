"""Processors that print the events of a run, and ask on the console."""

from __future__ import annotations

import getpass
from typing import Any

from ..._threads import run_in_thread
from ..base import IOStream
from ..run_response import AsyncRunResponseProtocol, RunResponseProtocol

__all__ = ["AsyncConsoleEventProcessor", "ConsoleEventProcessor"]

QUESTIONS = ("input_request", "async_input_request")


class ConsoleEventProcessor:
    """Prints each event, and answers questions by the input of the current stream. Override `process_event` to change it."""

    def process(self, response: RunResponseProtocol) -> None:
        """Read the events of a response to their end."""
        for event in response.events:
            self.process_event(event)

    def process_event(self, event: Any) -> None:
        """Print an event, or ask its question."""
        if event.type not in QUESTIONS:
            event.print()
        # A question of the past needs no answer.
        elif event.content.respond is None:
            IOStream.get_default().print(event.content.prompt)
        else:
            event.content.respond(_ask(event.content.prompt, event.content.password))


class AsyncConsoleEventProcessor:
    """Async version of `ConsoleEventProcessor`; it asks in a thread."""

    async def process(self, response: AsyncRunResponseProtocol) -> None:
        """Read the events of a response to their end."""
        async for event in response.events:
            await self.process_event(event)

    async def process_event(self, event: Any) -> None:
        """Print an event, or ask its question."""
        if event.type not in QUESTIONS:
            event.print()
        elif event.content.respond is None:
            IOStream.get_default().print(event.content.prompt)
        else:
            event.content.respond(await run_in_thread(_ask, event.content.prompt, event.content.password))


def _ask(prompt: str, password: bool) -> str:
    if password:
        return getpass.getpass(prompt or "Password: ")
    return IOStream.get_default().input(prompt)
