"""Responses of runs: results that begin their run when somebody looks at them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

from ...io.processors import AsyncConsoleEventProcessor, ConsoleEventProcessor
from ...io.run_response import Cost
from .._core.result import ChatResult
from .run import Run, RunOutcome, RunState

if TYPE_CHECKING:
    from typing_extensions import Self

    from ...events.base_event import BaseEvent

logger = logging.getLogger("autogen.agentchat.conversable_agent")

T = TypeVar("T")

FIELDS = tuple(item.name for item in fields(ChatResult))


def convert_result(result: ChatResult) -> dict[str, Any]:
    """Return the fields of a result, in the form that responses have."""
    values = {name: getattr(result, name) for name in FIELDS}
    if not isinstance(values["cost"], Cost):
        values["cost"] = Cost.from_raw(values["cost"])
    return values


class _ResultField:
    """A field of the result: reading it runs the chat to its end."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, response: RunResponse | None, owner: type | None = None) -> Any:
        return (
            self
            if response is None
            else response.load_values().get(self._name, [] if self._name == "chat_history" else None)
        )

    def __set__(self, response: RunResponse, value: object) -> None:
        response.load_values()[self._name] = value


class ResponseBase:
    """Base class of responses: whatever is known without a run.

    Attributes:
        iostream: Stream of the run.
    """

    _run: Run
    _values: dict[str, Any]
    above_run = None

    @property
    def uuid(self) -> UUID:
        """Id of the run."""
        return self._run.uuid

    @property
    def iostream(self) -> Any:
        """Stream of the run: what is printed and sent to it joins the events."""
        return self._run.stream

    @property
    def agents(self) -> list[Any]:
        """Agents of the run."""
        return self._run.agents

    def set_ui_tools(self, tools: list[Any]) -> None:
        """Set the tools of a user interface for all agents."""
        for agent in self.agents:
            agent.set_ui_tools(tools)

    def _describe(self, finished: Callable[[], str]) -> str:
        """Return the `repr`, which begins nothing."""
        state = self._run.state
        if state is RunState.FINISHED:
            return finished()
        detail = f", {self._run.error!r}" if self._run.error is not None else ""
        return f"{type(self).__name__}({state.value}{detail})"

    def __del__(self) -> None:
        run = getattr(self, "_run", None)
        if run is not None and run.state is RunState.WAITING and not run.is_claimed:
            logger.warning(
                "ResourceWarning: a response was made by run() and never looked at, so its chat has not begun. "
                "Call process(), or read its summary. run('text') with the text by position runs at once."
            )


class RunResponse(ResponseBase, ChatResult):
    """Result of a run. A waiting response begins when somebody looks at it.

    `process()` runs the chat in the caller's thread and prints it; a loop over `events` goes on with it event by event, and
    ends it when the loop is left; reading any field runs it to its end, without printing.

    Args:
        iostream: Stream of the run.
        agents: Agents of the run.
        **values: Fields of the `ChatResult`, for a response that is finished.

    >>> response = agent.run(message="What is 6 times 7?", max_turns=3)  # doctest: +SKIP
    >>> for event in response.events:  # doctest: +SKIP
    ...     if event.type == "input_request":
    ...         event.content.respond("yes")
    >>> response.summary  # doctest: +SKIP
    '42'
    """

    def __init__(self, iostream: Any = None, agents: Any = (), **values: Any) -> None:
        result = ChatResult(**values)
        run = Run(_refuse_start, agents or ())
        if iostream is not None:
            run.stream = iostream
        run.state, run.outcome = RunState.FINISHED, RunOutcome(result, None, None)
        self._run, self._values = run, {}

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """Make the response of a run."""
        response = cls.__new__(cls)
        response._run, response._values = run, {}
        return response

    def load_values(self) -> dict[str, Any]:
        """Run the chat to its end, and return the fields; none while somebody is inside the run."""
        if not self._values:
            self._run.complete(silent=True)
            if self._run.outcome is not None:
                self._values = convert_result(self._run.outcome.result)
        return self._values

    @property
    def events(self) -> Iterator[BaseEvent]:
        """AG2 events of the run, which waits until the next is requested; of a finished run, once more.

        Raises:
            RuntimeError: if another loop reads them.
        """
        self._run.check_unread()
        self._run.is_claimed = True
        return self._run.read()

    def process(self, processor: Any = None) -> None:
        """Let a processor read the events.

        Args:
            processor: Object with `process(response)`; None for the console.
        """
        self._run.check_unread()
        is_console = processor is None or type(processor) is ConsoleEventProcessor
        if is_console and self._run.state is RunState.WAITING:
            self._run.complete(silent=False)
        else:
            reader: Any = processor or ConsoleEventProcessor()
            reader.process(self)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages; the same as `chat_history`."""
        return cast("list[dict[str, Any]]", self.chat_history)

    @property
    def last_speaker(self) -> str | None:
        """Name of the author of the last message."""
        self.load_values()
        return self._run.outcome and self._run.outcome.last_speaker

    @property
    def context_variables(self) -> Any:
        """Context variables of a group; None for other runs."""
        self.load_values()
        return self._run.outcome and self._run.outcome.context_variables

    def __repr__(self) -> str:
        return self._describe(lambda: ChatResult.__repr__(self))

    def _repr_html_(self) -> str:
        is_finished = self._run.state is RunState.FINISHED
        return ChatResult._repr_html_(self) if is_finished else f"<p>{escape(repr(self))}</p>"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ChatResult):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in FIELDS)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        if self._run.state is not RunState.FINISHED:
            raise TypeError(
                f"A response can be copied or pickled once it is finished, and this one is {self._run.state.value}."
            )
        assert self._run.outcome is not None
        _, last_speaker, variables = self._run.outcome
        return _restore, (dict(self.load_values()), last_speaker, variables, self.uuid, list(self._run.recording))


for _name in FIELDS:
    setattr(RunResponse, _name, _ResultField(_name))


def _restore(
    values: dict[str, Any], last_speaker: str | None, variables: Any, uuid: UUID, recording: list[Any]
) -> RunResponse:
    run = Run(_refuse_start, ())
    run.state, run.outcome = RunState.FINISHED, RunOutcome(ChatResult(**values), last_speaker, variables)
    run.uuid, run.recording = uuid, recording
    return RunResponse.of_run(run)


def _refuse_start(control: object) -> Any:
    raise RuntimeError("A response that was made by hand has no run.")


class _Value(Generic[T]):
    """A value that is awaited. Nothing begins before that, and nobody complains if nobody awaits it."""

    def __init__(self, run: Run, get: Callable[[], T]) -> None:
        self._run = run
        self._get = get

    def __await__(self) -> Generator[Any, None, T]:
        yield from self._run.a_complete(silent=True).__await__()
        return self._get()


class AsyncRunResponse(ResponseBase):
    """Async version of `RunResponse`; its values are awaited.

    Args:
        iostream: Stream of the run.
        agents: Agents of the run.

    >>> response = await agent.a_run(message="What is 6 times 7?")  # doctest: +SKIP
    >>> async for event in response.events:  # doctest: +SKIP
    ...     print(event.type)
    >>> await response.summary  # doctest: +SKIP
    '42'
    """

    def __init__(self, iostream: Any = None, agents: Any = ()) -> None:
        self._run = Run(_refuse_start, agents or ())
        self._run.state = RunState.FINISHED
        if iostream is not None:
            self._run.stream = iostream

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """Make the response of a run."""
        response = cls.__new__(cls)
        response._run = run
        return response

    @property
    def events(self) -> AsyncIterator[BaseEvent]:
        """AG2 events of the run, which waits until the next is requested; of a finished run, once more.

        Raises:
            RuntimeError: if another loop reads them.
        """
        self._run.check_unread()
        self._run.is_claimed = True
        return self._run.a_read()

    async def process(self, processor: Any = None) -> None:
        """Let a processor read the events.

        Args:
            processor: Object with an async `process(response)`; None for the console.
        """
        self._run.check_unread()
        is_console = processor is None or type(processor) is AsyncConsoleEventProcessor
        if is_console and self._run.state is RunState.WAITING:
            await self._run.a_complete(silent=False)
        else:
            await (processor or AsyncConsoleEventProcessor()).process(self)

    def _get(self, name: str) -> Any:
        return None if self._run.outcome is None else convert_result(self._run.outcome.result)[name]

    async def result(self) -> ChatResult:
        """Run the chat to its end, and return its result.

        Raises:
            RuntimeError: if a loop reads its events.
        """
        await self._run.a_complete(silent=True)
        if self._run.outcome is None:
            self._run.check_unread()
        assert self._run.outcome is not None
        return self._run.outcome.result

    @property
    def messages(self) -> _Value[list[dict[str, Any]]]:
        """The messages."""
        return _Value(self._run, lambda: self._get("chat_history") or [])

    @property
    def summary(self) -> _Value[Any]:
        """The summary."""
        return _Value(self._run, lambda: self._get("summary"))

    @property
    def cost(self) -> _Value[Cost | None]:
        """The cost."""
        return _Value(self._run, lambda: self._get("cost"))

    @property
    def last_speaker(self) -> _Value[str | None]:
        """Name of the author of the last message."""
        return _Value(self._run, lambda: self._run.outcome and self._run.outcome.last_speaker)

    @property
    def context_variables(self) -> _Value[Any]:
        """Context variables of a group; None for other runs."""
        return _Value(self._run, lambda: self._run.outcome and self._run.outcome.context_variables)

    def __repr__(self) -> str:
        return self._describe(lambda: f"{type(self).__name__}(finished, {self._run.outcome and self._run.outcome.result!r})")
