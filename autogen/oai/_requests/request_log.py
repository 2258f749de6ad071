"""What a request reports when `autogen.runtime_logging` is on: each answer, and each refusal of an endpoint."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from ... import runtime_logging
from ...logger.logger_utils import get_current_ts

if TYPE_CHECKING:
    from ..client import OpenAIWrapper
    from .attempt import EndpointRequest


@dataclass(frozen=True)
class Started:
    """An attempt that is under way.

    Attributes:
        invocation_id: Of the call to the wrapper; its attempts share it.
        start_time: When the attempt began.
    """

    invocation_id: UUID = field(default_factory=uuid4)
    start_time: str = field(default_factory=get_current_ts)


def started(earlier: Started | None = None) -> Started | None:
    """An attempt begins; None while nothing is recorded.

    Args:
        earlier: What the attempt before it in the same call began with.

    >>> token = started()  # doctest: +SKIP
    >>> failed(wrapper, attempt, error, token)  # doctest: +SKIP
    >>> token = started(token)  # doctest: +SKIP
    >>> answered(wrapper, attempt, response, False, response.cost, token)  # doctest: +SKIP
    """
    if not runtime_logging.is_logging:
        return None
    return replace(earlier, start_time=get_current_ts()) if earlier else Started()


def answered(
    wrapper: OpenAIWrapper, attempt: EndpointRequest, response: Any, cached: bool, cost: float | None, token: Started | None
) -> None:
    """The attempt has an answer, from the endpoint or from the cache. Without a token nothing is recorded."""
    if token is not None:
        _record(wrapper, attempt, response, int(cached), cost, token)


def failed(wrapper: OpenAIWrapper, attempt: EndpointRequest, error: Exception, token: Started | None) -> None:
    """The attempt failed. What an endpoint said is recorded: no silence (a time-out), and no error of another kind."""
    openai = sys.modules.get("openai")  # without it, the error can't be one of an endpoint
    if token is None or openai is None:
        return
    if not isinstance(error, openai.APIError) or isinstance(error, openai.APITimeoutError):
        return
    code = getattr(error, "code", None) or getattr(error, "status_code", None)
    text = f"error_code: {code}, config {attempt.index} failed: {attempt.reason(error)}"
    _record(wrapper, attempt, text, 0, 0.0, token)


def _record(
    wrapper: OpenAIWrapper, attempt: EndpointRequest, response: Any, cached: int, cost: float | None, token: Started
) -> None:
    if not runtime_logging.is_logging:  # it was stopped in between
        return
    asker = attempt.extra.get("agent")
    source = asker if isinstance(asker, str) or hasattr(asker, "name") else "unknown"
    runtime_logging.log_chat_completion(
        token.invocation_id,
        id(attempt.client),
        wrapper.wrapper_id,
        source,
        attempt.params,
        response,
        cached,
        cost,  # type: ignore[arg-type]
        token.start_time,
    )
