"""A run: its steps, its state, and its recorded events. Responses and iterators are faces of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextvars import copy_context
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import uuid4

from ... import events
from ..._steps import Steps, run_async, run_sync
from ...control import ChatControl
from ...events import Event
from ...io._event_streams import replace_lines
from ...io.base import IOStream
from .._chats.event_iterator import AsyncChatIterator, ChatIterator
from .._core.display import silence
from .._core.result import ChatResult
from .run_stream import RunStream

if TYPE_CHECKING:
    from ...events.base_event import BaseEvent

Start: TypeAlias = Callable[[ChatControl | None], Steps[tuple[ChatResult, Any]]]
"""Makes the steps of a run under a control; they give its result, and the context variables of a group."""

# All kinds that AG2 has a counterpart of.
READ_KINDS: tuple[type[Event], ...] = (
    events.ChatPrepared,
    events.ChatStarted,
    events.ChatEnded,
    events.MessageSent,
    events.GroupResumed,
    events.SpeakerRequested,
    events.SpeakerAttempted,
    events.SpeakerSelected,
    events.HandedOver,
    events.AutoReplied,
    events.NoHumanInput,
    events.HistoryCleared,
    events.UsagePrinted,
    events.ToolCalled,
    events.ToolReturned,
    events.CodeStarted,
    events.HumanAsked,
    events.SafeguardActed,
    events.TokenReceived,
    events.ProgramEvent,
)
# The pieces of a message are worth nothing afterwards.
RECORDED_KINDS = tuple(kind for kind in READ_KINDS if kind is not events.TokenReceived)

IN_USE = "This run is read already, by a loop over its events that has not ended."


class RunState(Enum):
    """State of a run."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class RunOutcome(NamedTuple):
    """Values of a finished run.

    Attributes:
        result: Result of the chat.
        last_speaker: Name of the author of the last message.
        context_variables: Context variables of a group; None for other runs.
    """

    result: ChatResult
    last_speaker: str | None
    context_variables: Any


class Run:
    """A run that begins when somebody wants its result, or its first event.

    Args:
        start: Makes its steps.
        agents: Its agents.
        control: Control of the caller; None for none.

    Attributes:
        state: State of the run.
        outcome: Its values, once it is finished.
        error: The exception that ended it.
        is_claimed: True if somebody has an iterator of its events, which may outlive its response.
    """

    def __init__(self, start: Start, agents: Sequence[Any], control: ChatControl | None = None) -> None:
        self.uuid = uuid4()
        self.agents = list(agents)
        self.state = RunState.WAITING
        self.outcome: RunOutcome | None = None
        self.error: BaseException | None = None
        self.is_claimed = False
        self.recording: list[Event] = []
        self.stream = RunStream(IOStream.get_default())
        self._start = start
        self._control = control
        # The run belongs to the context in which it was made, not to that of its reader.
        self._context = copy_context()
        self._task: asyncio.Task[None] | None = None
        self._result: tuple[ChatResult, Any] | None = None

    # Run to the end

    def complete(self, silent: bool) -> None:
        """Run to the end in this thread; no-op unless the run waits.

        Args:
            silent: True to print nothing.

        Raises:
            Exception: The error of the run.
        """
        if self.state is RunState.WAITING:
            self._context.run(self.complete_here, silent)
        self.check_error()

    def complete_here(self, silent: bool) -> None:
        """Run to the end in the context of the caller."""
        self.state = RunState.RUNNING
        try:
            run_sync(self._perform_recorded(silent))
        except BaseException as error:
            self._fail(error)
            raise
        self._finish()

    async def a_complete(self, silent: bool) -> None:
        """Async version of `complete`. The run is a task of this event loop; several readers may wait for it."""
        if self.state is RunState.WAITING:
            self.state = RunState.RUNNING
            loop = asyncio.get_running_loop()
            self._task = self._context.run(loop.create_task, self._a_perform(silent))
        # Somebody inside the run, or the reader of its events, gets what there is.
        if self._task is not None and self._task is not asyncio.current_task() and not self._task.done():
            await self._task
        self.check_error()

    async def a_complete_here(self, silent: bool) -> None:
        """Run to the end in the task of the caller."""
        self.state = RunState.RUNNING
        await self._a_perform(silent)

    async def _a_perform(self, silent: bool) -> None:
        try:
            await run_async(self._perform_recorded(silent))
        except BaseException as error:
            self._fail(error)
            raise
        self._finish()

    def _perform_recorded(self, silent: bool) -> Steps[None]:
        with events.subscribe(self.recording.append, types=RECORDED_KINDS), silence(silent):
            self._result = yield from self._start(self._control)

    # Read event by event

    def read(self) -> Generator[BaseEvent, None, None]:
        """Yield the AG2 events of the run, which waits between them. Those of a run that has ended are read again.

        Raises:
            RuntimeError: Somebody else reads them.
            Exception: The error of the run, after its `ErrorEvent`.
        """
        if self.state in (RunState.FINISHED, RunState.FAILED):
            yield from self._replay()
            return
        self.check_unread()
        translator = self._make_translator()
        self.state = RunState.RUNNING
        chat = self._context.run(ChatIterator, self._run_read, self._control, READ_KINDS)
        try:
            while (event := next(chat, None)) is not None:
                self.recording.append(event)
                yield from translator.translate(event)
        except GeneratorExit:
            chat.close()
            self._leave()
            raise
        except BaseException as error:  # noqa: BLE001 - its reader gets it, after the event of it
            chat.close()
            self._fail(error)
        else:
            self._finish()
        yield from self._end()

    async def a_read(self) -> AsyncGenerator[BaseEvent, None]:
        """Async version of `read`."""
        if self.state in (RunState.FINISHED, RunState.FAILED):
            for item in self._replay():
                yield item
            return
        self.check_unread()
        translator = self._make_translator()
        self.state = RunState.RUNNING
        chat = self._context.run(AsyncChatIterator, self._a_run_read, self._control, READ_KINDS)
        try:
            while (event := await anext(chat, None)) is not None:
                self.recording.append(event)
                for item in translator.translate(event):
                    yield item
        except GeneratorExit:
            await chat.aclose()
            self._leave()
            raise
        except BaseException as error:
            await chat.aclose()
            self._fail(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            self._finish()
        for item in self._end():
            yield item

    def _run_read(self, control: ChatControl) -> ChatResult:
        return run_sync(self._perform_read(control))

    async def _a_run_read(self, control: ChatControl) -> ChatResult:
        return await run_async(self._perform_read(control))

    def _perform_read(self, control: ChatControl) -> Steps[ChatResult]:
        with IOStream.set_default(self.stream), replace_lines(self.stream), silence(True):
            self._result = yield from self._start(control)
        return self._result[0]

    def _replay(self) -> Generator[BaseEvent, None, None]:
        translator = self._make_translator(is_replay=True)
        for event in self.recording:
            yield from translator.translate(event)
        yield from self._end()

    def _end(self) -> Generator[BaseEvent, None, None]:
        """Yield the last event, which belongs to the outcome."""
        from ...events.agent_events import ErrorEvent, RunCompletionEvent

        if self.error is not None:
            yield ErrorEvent(error=self.error)
            raise self.error
        if self.outcome is not None:
            result, last_speaker, variables = self.outcome
            yield RunCompletionEvent(
                summary=result.summary,
                history=result.chat_history,
                cost=result.cost,
                last_speaker=last_speaker,
                context_variables=variables,
            )

    @staticmethod
    def _make_translator(is_replay: bool = False) -> Any:
        # Imported by readers of AG2's events only: they need pydantic.
        from ...events._translation import Translator

        return Translator(is_replay)

    # State

    def check_unread(self) -> None:
        """Check that nobody is reading the events.

        Raises:
            RuntimeError: Somebody is.
        """
        if self.state is RunState.RUNNING:
            raise RuntimeError(IN_USE)

    def check_error(self) -> None:
        """Raise the error of the run, if it has failed."""
        if self.error is not None:
            raise self.error

    def _leave(self) -> None:
        # A chat that was stopped has a result.
        if self._result is not None:
            self._finish()
        else:
            self._fail(RuntimeError("The run was left before it had a result."))

    def _finish(self) -> None:
        assert self._result is not None
        result, variables = self._result
        self.outcome = RunOutcome(result, self._find_last_speaker(), variables)
        self.state = RunState.FINISHED

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self.state = RunState.FAILED

    def _find_last_speaker(self) -> str | None:
        """Return the author of the last message of the outermost chat."""
        chat = next((event.chat for event in self.recording if isinstance(event, events.ChatStarted)), "")
        senders = (
            event.sender
            for event in reversed(self.recording)
            if isinstance(event, events.MessageSent) and event.chat == chat
        )
        return next(senders, None)


def convert_summary(result: ChatResult) -> ChatResult:
    """Return a result whose summary is text, where AG2's programs expect it."""
    summary = result.summary
    if isinstance(summary, dict) and "content" in summary:
        summary = summary["content"]
    return replace(result, summary="" if summary is None else summary)
