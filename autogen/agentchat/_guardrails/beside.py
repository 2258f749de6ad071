"""Checks of received messages that run beside the request to the model, and are over before its answer takes effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from ..._journal import get_journal
from ..._steps import Call, Steps, invoke, run_async, run_sync
from ..._threads import reset_variable, start_daemon_thread
from ...oai._responses.tokens import hold_tokens
from .._core.protocols import AgentCore
from ..agent import Message


class BesideTripped(BaseException):
    """Raised in place of the answer to a request beside which a check tripped.

    Derives from `BaseException`, so that overrides between the check and the request don't take it for a failure.
    """


class BesideChecks:
    """The checks of the messages that an agent is about to answer, and the request that runs beside them.

    Args:
        agent: The agent.
        find_trip: Runs the checks, and returns True once one trips.
        apply: Applies the consequences to a conversation, in place.
    """

    def __init__(
        self,
        agent: AgentCore,
        find_trip: Callable[[], Steps[bool]],
        apply: Callable[[list[Message]], Steps[None]],
    ) -> None:
        self.agent = agent
        self.is_pending = True
        self._find_trip, self.apply = find_trip, apply

    def settle(self, messages: list[Message]) -> Steps[None]:
        """Run the checks, if they have not run, before anything else takes effect."""
        if self.is_pending:
            self.is_pending = False
            if (yield from self._find_trip()):
                yield from self.apply(messages)

    def request(
        self, create: Callable[..., Any], a_create: Callable[..., Awaitable[Any]], request: Mapping[str, Any]
    ) -> Steps[Any]:
        """Make the request beside the checks, and return the response once they have passed.

        Raises:
            BesideTripped: if a check tripped; the request is cancelled.
        """
        self.is_pending = False
        journal = get_journal()
        # A chat that is resumed knows the verdicts, and does not repeat a request that was cancelled.
        if journal is not None and journal.is_replaying:
            if (yield from self._find_trip()):
                raise BesideTripped
            return (yield from invoke(create, a_create, **request))
        with hold_tokens() as held:
            response = yield Call(self._race, self._a_race, (create, a_create, request), {})
        held.release()
        return response

    def _race(self, create: Callable[..., Any], _: object, request: Mapping[str, Any]) -> Any:
        future, cancel = start_daemon_thread(partial(create, **request))
        try:
            if run_sync(self._find_trip()):
                raise BesideTripped
        except BaseException:
            # The thread is abandoned, as by a chat that is stopped.
            cancel.set()
            raise
        return future.result()

    async def _a_race(self, _: object, a_create: Callable[..., Awaitable[Any]], request: Mapping[str, Any]) -> Any:
        task = asyncio.ensure_future(a_create(**request))
        try:
            if await run_async(self._find_trip()):
                raise BesideTripped
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            elif not task.cancelled():
                # Its error is of no interest if a check tripped.
                task.exception()


_current: ContextVar[BesideChecks | None] = ContextVar("checks beside the request", default=None)


@contextmanager
def run_beside(checks: BesideChecks) -> Iterator[None]:
    """Let the next request of the agent in a `with` block run beside checks."""
    token = _current.set(checks)
    try:
        yield
    finally:
        reset_variable(_current, token)


def get_pending_checks(agent: AgentCore) -> BesideChecks | None:
    """Return the checks that have not run for the reply of an agent; None if there are none."""
    checks = _current.get()
    return checks if checks is not None and checks.agent is agent and checks.is_pending else None
