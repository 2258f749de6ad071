"""The stream of a run whose events are read: prints, questions and sent events join the events."""

from __future__ import annotations

from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from ... import events
from ..._steps import Steps, invoke, run_async, run_sync
from ...control import interruptible
from ...io._event_streams import get_asked_stream
from ...io.base import IOStream
from ...operations import Operation, fingerprint, perform


class RunStream(IOStream):
    """Stream of the agents and tools in a run. Questions that no reader answers go to the stream of the caller.

    Args:
        outer: Stream of the caller.

    Attributes:
        caller_stream: The stream that is asked if no reader answers.
    """

    def __init__(self, outer: IOStream) -> None:
        self.caller_stream = get_asked_stream(outer)
        # A coroutine function stays one, and a time limit is there only if the stream has one.
        if iscoroutinefunction(self.caller_stream.input):
            self.input = self._a_input  # type: ignore[assignment, method-assign]
        if hasattr(self.caller_stream, "input_within"):
            self.input_within = self.caller_stream.input_within

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Add a line to the events."""
        content = {"objects": list(map(str, objects)), "sep": sep, "end": end}
        events.emit(events.ProgramEvent(content=content))

    def send(self, event: Any) -> None:
        """Add an AG2 event to the events."""
        events.emit(events.ProgramEvent(content=event))

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask the reader of the events, or else the stream of the caller."""
        return run_sync(self._ask(prompt, password))

    async def _a_input(self, prompt: str = "", *, password: bool = False) -> str:
        return await run_async(self._ask(prompt, password))

    def _ask(self, prompt: str, password: bool) -> Steps[str]:
        question = events.HumanAsked(agent="", prompt=prompt, is_hidden=password)

        def run() -> Steps[str]:
            if question.answer is not None:
                return question.answer
            ask = partial(self.caller_stream.input, password=password) if password else self.caller_stream.input
            is_async = iscoroutinefunction(self.caller_stream.input)
            text: str = yield from invoke(interruptible(ask), ask if is_async else None, prompt)
            return text

        operation = Operation(
            kind="human",
            key=lambda: fingerprint([prompt]),
            run=run,
            started=lambda: question,
            finished=lambda text, seconds: events.HumanAnswered(agent="", text="" if password else text),
            # Whatever asks is in the journal: a tool, or a code run.
            is_journaled=False,
        )
        return (yield from perform(operation))
