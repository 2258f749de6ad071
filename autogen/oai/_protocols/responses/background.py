"""Background mode: the vendor works on an answer while nobody holds a connection, and is asked now and then.

The journal of a checkpoint gets the id of the response before the wait begins. So a chat whose process died asks for this
response when it is resumed, and not for a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...._steps import Call, Steps, invoke, run_async, run_sync, sleep
from ...._threads import is_cancelled
from ....control import ChatStopped
from ....operations import Operation, fingerprint, perform
from ..._http.libraries import httpx
from ..._responses.sdk_calls import get_read_errors, parse_body, request_json, request_stream, to_json_value
from ..errors import make_status_error
from ..protocol import Body, Fields
from .state import INTERVAL, drop_private

if TYPE_CHECKING:
    from typing_extensions import Self

BULK = ("input", "tools")
"""The parameters that grow with a chat."""
FIRST_WAIT = 1.0
_GROWTH, _LONGEST_WAIT, _SLICE = 1.5, 30.0, 1.0
# Without a time limit of the request: a job may take long, but not for ever.
_LONGEST_JOB = 3600.0
_MAX_CUTS = 5
_WAITING = ("queued", "in_progress")
_GONE = ("cancelled", "failed")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "error")


@dataclass
class _Job:
    """A response that the vendor works on.

    Attributes:
        id: Its id.
        started: The JSON of the response, or its stream; None for a job that an earlier process started.
    """

    id: str
    started: Any = None


def run_job(sdk: Any, body: Body, options: Fields) -> Steps[object]:
    """Return the JSON of a response that is made in the background.

    Raises:
        openai.APIError: if the vendor can't be reached, or refuses; for a job that takes too long, a timeout.
    """
    while True:
        job: _Job = yield from _start(sdk, body, options, stream=False)
        response = yield from _wait(sdk, job, float(body.get(INTERVAL) or FIRST_WAIT), options)
        # The job of an earlier process came to nothing, and this process has not asked yet.
        if job.started is None and (response is None or response.get("status") in _GONE):
            continue
        return response


def open_job(sdk: Any, body: Body, options: Fields) -> Steps[Any]:
    """Return the stream of a response that is made in the background. A stream that is cut is continued."""
    while True:
        job: _Job = yield from _start(sdk, body, options, stream=True)
        if isinstance(job.started, Mapping):
            return job.started
        if job.started is not None:
            return _JobStream(sdk, job.id, job.started, body, options)
        response = yield from _retrieve(sdk, job.id, options)
        if response is not None and response.get("status") not in _GONE:
            return _JobStream(sdk, job.id, None, body, options)


def _start(sdk: Any, body: Body, options: Fields, *, stream: bool) -> Steps[_Job]:
    def start() -> Steps[_Job]:
        params = {**drop_private(body), **options, "stream": stream}
        if not stream:
            response = yield from request_json(sdk.responses, params, BULK)
            return _Job(_get_id(response), response)
        opened = yield from request_stream(sdk.responses, params, BULK)
        if isinstance(opened, Mapping):
            return _Job(_get_id(opened), opened)
        events: Any = opened
        iterator = aiter(events) if hasattr(events, "__aiter__") else iter(events)
        first = to_json_value((yield from invoke(lambda: next(iterator, None), lambda: anext(iterator, None))))
        return _Job(_get_id(_get_response(first)), _Opened(events, iterator, first))

    return perform(
        Operation(
            kind="background",
            key=lambda: fingerprint(drop_private(body)),
            run=start,
            encode=lambda job: {"id": job.id},
            decode=lambda stored: _Job(str(stored["id"])),
        )
    )


@dataclass
class _Opened:
    """A stream whose first event has been read.

    Attributes:
        stream: The stream.
        iterator: Its further events.
        first: JSON of the first event.
    """

    stream: Any
    iterator: Any
    first: object


def _get_id(response: object) -> str:
    value = response.get("id") if isinstance(response, Mapping) else None
    if not isinstance(value, str) or not value:
        raise make_status_error(500, "The response in the background has no id.")
    return value


def _get_response(event: object) -> object:
    return event.get("response") if isinstance(event, Mapping) else None


def _wait(sdk: Any, job: _Job, interval: float, options: Fields) -> Steps[Any]:
    """Return the JSON of a response that is over; None if the vendor doesn't know it."""
    response, started_at, limit, failures = job.started, time.monotonic(), _get_limit(options), 0
    try:
        while response is None or response.get("status") in _WAITING:
            if response is not None or failures:
                yield from _sleep(interval)
                interval = min(interval * _GROWTH, _LONGEST_WAIT)
            if time.monotonic() - started_at > limit:
                raise TimeoutError
            try:
                response = yield from _retrieve(sdk, job.id, options)
            except _get_cuts():
                failures += 1
                if failures > _MAX_CUTS:
                    raise
                continue
            if response is None:
                return None
            failures = 0
    except TimeoutError as error:
        yield from _cancel(sdk, job.id)
        raise _make_timeout() from error
    except BaseException as error:
        # Ctrl-C, or a task or a chat that was stopped: nobody waits for the answer.
        if not isinstance(error, (Exception, GeneratorExit)):
            yield from _cancel(sdk, job.id)
        raise
    return response


def _get_limit(options: Fields) -> float:
    timeout = options.get("timeout")
    limits = [getattr(timeout, name, None) for name in ("read", "connect")] if timeout is not None else []
    seconds = timeout if isinstance(timeout, (int, float)) else next((limit for limit in limits if limit), None)
    return float(seconds) if seconds else _LONGEST_JOB


def _sleep(seconds: float) -> Steps[None]:
    """Wait, in a thread whose caller may have given up."""
    while seconds > 0:
        yield from sleep(min(seconds, _SLICE))
        seconds -= _SLICE
        if is_cancelled():
            raise ChatStopped


def _retrieve(sdk: Any, response_id: str, options: Fields) -> Steps[Any]:
    """Return the JSON of a response as it is now; None if the vendor doesn't know it."""
    import openai

    retrieve = sdk.responses.with_raw_response.retrieve
    try:
        response = yield Call(retrieve, retrieve, (response_id,), dict(options))
    except openai.NotFoundError:
        return None
    data = parse_body(response.http_response)
    return data if isinstance(data, Mapping) else None


def _cancel(sdk: Any, response_id: str) -> Steps[None]:
    import openai

    # It may be over by now; twice is harmless.
    with suppress(openai.APIError):
        yield Call(sdk.responses.cancel, sdk.responses.cancel, (response_id,), {})


def _make_timeout() -> Exception:
    import openai

    return openai.APITimeoutError(request=httpx.Request("GET", "https://endpoint.invalid"))


def _get_cuts() -> tuple[type[Exception], ...]:
    """Return the errors after which the same response is fetched once more."""
    import openai

    return openai.APIConnectionError, openai.InternalServerError, *get_read_errors()


class _JobStream:
    """The events of a response in the background, with those after a cut from a new connection.

    Args:
        sdk: Client of the SDK.
        response_id: Id of the response.
        opened: The stream; None to begin with a new connection.
        body: The request.
        options: Options of the SDK's calls.
    """

    def __init__(self, sdk: Any, response_id: str, opened: _Opened | None, body: Body, options: Fields) -> None:
        self._sdk, self._id, self._options = sdk, response_id, options
        self._stream: Any = opened.stream if opened else None
        self._iterator: Any = opened.iterator if opened else None
        self._first = opened.first if opened else None
        self._interval = float(body.get(INTERVAL) or FIRST_WAIT)
        self._sequence: int | None = None
        self._is_over = False
        self._cuts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._is_abandoned(kind):
            run_sync(_cancel(self._sdk, self._id))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is not None:
            await self._stream.close()
        if self._is_abandoned(kind):
            await run_async(_cancel(self._sdk, self._id))

    def _is_abandoned(self, kind: type[BaseException] | None) -> bool:
        return not self._is_over and (self._cuts > _MAX_CUTS or (kind is not None and not issubclass(kind, Exception)))

    def __iter__(self) -> Iterator[object]:
        if self._first is not None:
            yield self._note(self._first)
        while not self._is_over and self._cuts <= _MAX_CUTS:
            with suppress(*_get_cuts()):
                if self._iterator is None:
                    self._stream = self._iterator = self._sdk.responses.retrieve(self._id, **self._build_options())
                for event in self._iterator:
                    yield self._note(event)
            self._iterator = None
            if self._count_cut():
                time.sleep(self._interval)

    async def __aiter__(self) -> AsyncIterator[object]:
        if self._first is not None:
            yield self._note(self._first)
        while not self._is_over and self._cuts <= _MAX_CUTS:
            with suppress(*_get_cuts()):
                if self._iterator is None:
                    self._stream = self._iterator = await self._sdk.responses.retrieve(self._id, **self._build_options())
                async for event in self._iterator:
                    yield self._note(event)
            self._iterator = None
            if self._count_cut():
                await asyncio.sleep(self._interval)

    def _build_options(self) -> dict[str, Any]:
        after = {} if self._sequence is None else {"starting_after": self._sequence}
        return {"stream": True, **after, **self._options}

    def _note(self, event: object) -> object:
        """Return an event as JSON, and remember how far the stream has come."""
        data = to_json_value(event)
        if isinstance(data, Mapping):
            number = data.get("sequence_number")
            self._sequence = number if isinstance(number, int) else self._sequence
            self._is_over = self._is_over or data.get("type") in _TERMINAL
        return data

    def _count_cut(self) -> bool:
        self._cuts += not self._is_over
        return not self._is_over and self._cuts <= _MAX_CUTS
