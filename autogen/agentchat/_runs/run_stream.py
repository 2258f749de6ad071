"""The stream of a run whose events are read: prints and sent events join the events."""

from __future__ import annotations

from typing import Any

from ... import events
from ...io.base import IOStream


class RunStream(IOStream):
    """Stream of the agents and tools in a run. Questions that no reader answers go to the stream of the caller.

    Args:
        outer: Stream of the caller.
    """

    def __init__(self, outer: IOStream) -> None:
        # Bound here, so that a coroutine function stays one, and a time limit is there only if the stream has one.
        self.input = outer.input  # type: ignore[method-assign]
        if hasattr(outer, "input_within"):
            self.input_within = outer.input_within

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Add a line to the events."""
        content = {"objects": list(map(str, objects)), "sep": sep, "end": end}
        events.emit(events.ProgramEvent(content=content))

    def send(self, event: Any) -> None:
        """Add an AG2 event to the events."""
        events.emit(events.ProgramEvent(content=event))

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask the stream of the caller; each object replaces this by the method of that stream."""
        raise NotImplementedError
