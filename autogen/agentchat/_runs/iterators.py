"""Iterators over the AG2 events of a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from ... import events
from .._core.result import ChatResult
from .response import ResponseBase, convert_result
from .run import Run

if TYPE_CHECKING:
    from ...events.base_event import BaseEvent

YieldOn: TypeAlias = Iterable[Any] | None
"""Classes of AG2 events, or their types; None for all."""


def has_ag2_events(yield_on: Any) -> bool:
    """Return True if events are requested in AG2's vocabulary, False in the project's.

    Raises:
        ValueError: Both are mixed.
    """
    requested = [yield_on] if isinstance(yield_on, (str, type)) else list(yield_on or ())
    # The usual case loads no module.
    foreign = [kind for kind in requested if not _is_project_kind(kind)]
    types = [ag2_type for kind in foreign if (ag2_type := _get_ag2_type(kind)) is not None]
    if types and len(foreign) < len(requested):
        raise ValueError(f"yield_on must be kinds of autogen.events or AG2's event classes, not both, got {requested!r}.")
    # Kinds that neither has are refused by whoever takes the others.
    return bool(types)


def _is_project_kind(kind: Any) -> bool:
    if isinstance(kind, type):
        return issubclass(kind, events.Event)
    try:
        events.resolve_types([kind])
    except ValueError:
        return False
    return True


def _get_ag2_type(kind: Any) -> str | None:
    """Return the type of a class of AG2's events, or of its name; None for anything else."""
    from ...events.base_event import WrappedEvent, get_event_classes, load_event_classes

    if isinstance(kind, type):
        return kind.model_fields["type"].default if issubclass(kind, WrappedEvent) else None
    load_event_classes()
    return kind if isinstance(kind, str) and kind in get_event_classes() else None


def _get_ag2_types(yield_on: Any) -> frozenset[str] | None:
    """Return the types of AG2 events; None for all. Questions are always among them.

    Raises:
        ValueError: There is no such event.
    """
    if yield_on is None:
        return None
    types = {"input_request"}
    for kind in [yield_on] if isinstance(yield_on, (str, type)) else yield_on:
        ag2_type = _get_ag2_type(kind)
        if ag2_type is None:
            raise ValueError(f"Unknown kind of event: {kind!r}. Give a class of autogen.events.agent_events, or its type.")
        types.add(ag2_type)
    return frozenset(types)


class _IteratorBase(ResponseBase):
    """Base class of both iterators.

    Args:
        run: The run.
        yield_on: Kinds of events to stop at.

    Raises:
        ValueError: There is no such event.
    """

    def __init__(self, run: Run, yield_on: YieldOn = None) -> None:
        self._types = _get_ag2_types(yield_on)
        self._run = run

    def _is_wanted(self, event: Any) -> bool:
        is_last = event.type in ("run_completion", "error")
        return not is_last and (self._types is None or event.type in self._types)

    @property
    def result(self) -> ChatResult:
        """The result of the run.

        Raises:
            RuntimeError: if it has not ended.
            Exception: The error that ended it.
        """
        self._run.check_error()
        if self._run.outcome is None:
            raise RuntimeError("There is no result yet: the chat is not over. Read its events to the end.")
        return self._run.outcome.result

    def _get(self, name: str) -> Any:
        return None if self._run.outcome is None else convert_result(self._run.outcome.result)[name]

    @property
    def summary(self) -> Any:
        """The summary; None before the end."""
        return self._get("summary")

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages; empty before the end."""
        return self._get("chat_history") or []

    @property
    def cost(self) -> Any:
        """The cost; None before the end."""
        return self._get("cost")

    @property
    def last_speaker(self) -> str | None:
        """Name of the author of the last message; None before the end."""
        return self._run.outcome and self._run.outcome.last_speaker

    @property
    def context_variables(self) -> Any:
        """Context variables of a group; None before the end, and for other runs."""
        return self._run.outcome and self._run.outcome.context_variables

    def __repr__(self) -> str:
        return self._describe(lambda: f"{type(self).__name__}(finished, {self.result!r})")


class RunIterResponse(_IteratorBase):
    """The AG2 events of a run, which waits until the next is requested. Leaving the loop, and `close()`, end it.

    The last event, `run_completion`, ends the loop: the values of the run are attributes then. An error is raised.
    """

    _generator: Generator[BaseEvent, None, None] | None = None

    def __iter__(self) -> Generator[BaseEvent, None, None]:
        generator = self._run.read()
        try:
            for event in generator:
                if self._is_wanted(event):
                    yield event
        finally:
            generator.close()

    def __next__(self) -> BaseEvent:
        if self._generator is None:
            self._generator = self.__iter__()
        return next(self._generator)

    def close(self) -> None:
        """End the run, if its events were read by `next`."""
        if self._generator is not None:
            self._generator.close()

    def __enter__(self) -> RunIterResponse:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncRunIterResponse(_IteratorBase):
    """Async version of `RunIterResponse`; the values of the run are plain attributes here, too."""

    _generator: AsyncGenerator[BaseEvent, None] | None = None

    async def __aiter__(self) -> AsyncGenerator[BaseEvent, None]:
        generator = self._run.a_read()
        try:
            async for event in generator:
                if self._is_wanted(event):
                    yield event
        finally:
            await generator.aclose()

    async def __anext__(self) -> BaseEvent:
        if self._generator is None:
            self._generator = self.__aiter__()
        return await anext(self._generator)

    async def aclose(self) -> None:
        """End the run, if its events were read by `anext`."""
        if self._generator is not None:
            await self._generator.aclose()

    async def __aenter__(self) -> AsyncRunIterResponse:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
