"""Retries: the table of faults, the retry policy, the decision after a failure, and the health of endpoints."""

from __future__ import annotations

import random
import re
import sys
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from typing import NamedTuple, cast

# Powers of two above this one are beyond every limit.
_MAX_EXPONENT = 60
# For requests without a deadline, in seconds.
LAST_RETRY = 600.0


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of retries. It is the value of `"retry_policy"` in an `llm_config`, as an object or as a dict of its fields.

    The table `FAULTS` says which failures are retried and which fall back to the next endpoint at once. So does an endpoint
    that asks for a long wait (429 with a long Retry-After), if there is another endpoint.

    Attributes:
        retries: Maximum number of retries at one endpoint. `max_retries` in a config means the same.
        first_delay: Seconds before the first retry. Each further delay is twice as long, less a random part of up to 25%.
        max_delay: Maximum delay in seconds, unless the endpoint asks for more and there is no other.
        deadline: Seconds for the request with all of its retries, at all endpoints: a response that is not complete by then
            is given up. Without a deadline there are no more retries after ten minutes.
        set_aside_after: Failures in a row after which an endpoint is set aside: it is used only if no other is left.
        set_aside_for: Seconds for which it is set aside. They double with each further failure, up to ten minutes.

    >>> llm_config = {"config_list": [...], "retry_policy": {"retries": 5, "deadline": 60}}
    """

    retries: float = 2
    first_delay: float = 0.5
    max_delay: float = 8.0
    deadline: float | None = None
    set_aside_after: float = 3
    set_aside_for: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "deadline":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"retry_policy: {field.name} must be a number of at least 0, got {value!r}.")

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> RetryPolicy:
        """Return the policy of a config entry.

        Raises:
            ValueError: if its `retry_policy` is invalid.
        """
        policy = config.get("retry_policy") or {}
        if isinstance(policy, Mapping):
            names = [field.name for field in fields(cls)]
            if unknown := sorted(policy.keys() - set(names)):
                raise ValueError(f"retry_policy has no {', '.join(map(repr, unknown))}; its fields are {', '.join(names)}.")
            policy = cls(**policy)
        if not isinstance(policy, cls):
            raise ValueError(f"retry_policy must be a RetryPolicy or a dict, got {type(policy).__name__}.")
        # The SDK's own setting: its client never retries, so the policy takes it over.
        retries = config.get("max_retries")
        return policy if retries is None else replace(policy, retries=cast("float", retries))

    @property
    def last_retry(self) -> float:
        """Seconds from the start of the request after which there are no more retries."""
        return LAST_RETRY if self.deadline is None else self.deadline

    def is_over(self, elapsed: float) -> bool:
        """Return True if the deadline is over.

        Args:
            elapsed: Seconds since the start of the request.
        """
        # A deadline of 0 forbids retries, not the request.
        return bool(self.deadline) and elapsed >= cast("float", self.deadline)

    def shorten_timeout(self, timeout: object, elapsed: float) -> object:
        """Return the timeout of a request that must end by the deadline.

        Args:
            timeout: The timeout in seconds or as an object of the SDK; None for the SDK's default.
            elapsed: Seconds since the start of the request.
        """
        if not self.deadline:
            return timeout
        import openai

        # The clock of a request can't be set to nothing.
        remaining = max(self.deadline - elapsed, 0.001)
        if isinstance(timeout, (int, float)):
            return min(timeout, remaining)
        limits = timeout if isinstance(timeout, openai.Timeout) else openai.DEFAULT_TIMEOUT
        return openai.Timeout(
            **{name: remaining if value is None else min(value, remaining) for name, value in limits.as_dict().items()}
        )

    def compute_delay(self, retries: int, retry_after: float | None) -> float:
        """Return the seconds to wait before the next retry.

        Args:
            retries: Retries so far.
            retry_after: Seconds that the endpoint asks for; None if it doesn't.
        """
        # Retrying earlier than requested would count against the rate limit again.
        if retry_after is not None:
            return retry_after
        # The random part keeps many clients from retrying at the same moment.
        return min(self.max_delay, self.first_delay * 2.0 ** min(retries, _MAX_EXPONENT)) * (1 - random.random() / 4)


class Blame(Enum):
    """Evidence that a fault gives against the endpoint."""

    REQUEST = "none: only this request failed"
    MOMENT = "it may work again in a moment"
    ENDPOINT = "it will fail for a while"


class FaultRow(NamedTuple):
    """A row of the table of faults.

    Attributes:
        name: Name of the fault, for people.
        error: Name of the SDK's exception class.
        statuses: HTTP statuses; None for any.
        code: Error code in the response; None for any.
        retry: True if the endpoint is retried. If the fault is the endpoint's, that is only if no other is left.
        fallback: True if the next endpoint is tried.
        blame: Evidence against the endpoint.
    """

    name: str
    error: str
    statuses: tuple[int, ...] | None
    code: str | None
    retry: bool
    fallback: bool
    blame: Blame


FAULTS = (
    #        name                error                  statuses         code                  retry  fallback blame
    FaultRow("content filter",   "APIError",            None,            "content_filter",     False, False, Blame.REQUEST),
    FaultRow("timeout",          "APITimeoutError",     None,            None,                 True,  True,  Blame.ENDPOINT),
    FaultRow("no connection",    "APIConnectionError",  None,            None,                 True,  True,  Blame.MOMENT),
    FaultRow("quota exceeded",   "APIStatusError",      (429,),          "insufficient_quota", False, True,  Blame.ENDPOINT),
    FaultRow("rate limit",       "APIStatusError",      (429,),          None,                 True,  True,  Blame.MOMENT),
    FaultRow("access denied",    "APIStatusError",      (401, 403, 404), None,                 False, True,  Blame.ENDPOINT),
    FaultRow("server error",     "InternalServerError", None,            None,                 True,  True,  Blame.MOMENT),
    FaultRow("server busy",      "APIStatusError",      (408, 409),      None,                 True,  True,  Blame.MOMENT),
    FaultRow("request refused",  "APIStatusError",      None,            None,                 False, True,  Blame.REQUEST),
    FaultRow("invalid response", "APIError",            None,            None,                 True,  True,  Blame.MOMENT),
)  # fmt: skip
"""The first row that matches an error applies. Errors that aren't the SDK's are the program's own and raised at once."""


def classify_error(error: BaseException) -> FaultRow | None:
    """Return the row of `FAULTS` for an error; None if the error isn't an endpoint's."""
    # While the SDK isn't loaded, no error can be one of its own.
    openai = sys.modules.get("openai")
    if openai is None or not isinstance(error, openai.APIError):
        return None
    status, code = getattr(error, "status_code", None), getattr(error, "code", None)
    for fault in FAULTS:
        if (
            isinstance(error, getattr(openai, fault.error))
            and (fault.statuses is None or status in fault.statuses)
            and fault.code in (None, code)
        ):
            return fault
    raise AssertionError("unreachable: the last row matches every error of the SDK")


# What OpenAI, and those who follow it, and Anthropic count, and when a count that is used up begins again.
_KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
_LIMITS = (
    *((f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}") for kind in _KINDS),
    *((f"anthropic-ratelimit-{kind}-remaining", f"anthropic-ratelimit-{kind}-reset") for kind in _KINDS),
)
# 6m0s, 120ms
_DURATION = re.compile(
    r"(?=.)(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m(?!s))?(?:(\d{1,6}(?:\.\d+)?)s)?(?:(\d{1,9}(?:\.\d+)?)ms)?"
)
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


def parse_retry_after(error: BaseException) -> float | None:
    """Return the seconds that an endpoint asks to wait, or None if it doesn't or they can't be parsed."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            return max(0.0, float(value) * unit)
        except ValueError:
            pass
        # HTTP allows a date as well.
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            continue
    waits = [wait for wait in map(partial(_find_wait, headers), _LIMITS) if wait is not None]
    return max(waits, default=None)


def _find_wait(headers: Mapping[str, str], names: tuple[str, str]) -> float | None:
    """Return the seconds until a limit ends that is used up; None for any other limit."""
    remaining, reset = (headers.get(name) for name in names)
    if remaining != "0" or not reset:
        return None
    if match := _DURATION.fullmatch(reset):
        return sum(float(count) * unit for count, unit in zip(match.groups(), _UNITS, strict=True) if count)
    try:
        end = datetime.fromisoformat(reset.replace("Z", "+00:00"))
        return max(0.0, end.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


class NextAction(Enum):
    """Action after a failure."""

    RETRY = "retry the same endpoint"
    FALLBACK = "try the next endpoint"
    RAISE = "raise the error"


@dataclass(frozen=True)
class RetryState:
    """Progress of a request at one endpoint, as far as `decide_retry` needs it.

    Attributes:
        retries: Retries so far at this endpoint.
        elapsed: Seconds since the start of the request, over all endpoints.
        is_last: True if no other endpoint is left.
        is_patient: True if retries go before another endpoint.
    """

    retries: int
    elapsed: float
    is_last: bool
    is_patient: bool = False


@dataclass(frozen=True)
class RetryDecision:
    """Decision after a failure.

    Attributes:
        action: The next action.
        delay: Seconds to wait before a retry.
    """

    action: NextAction
    delay: float = 0.0

    def __str__(self) -> str:
        if self.action is NextAction.RETRY:
            return f"retrying in {self.delay:.1f} s"
        return "trying the next endpoint" if self.action is NextAction.FALLBACK else "raising the error"


def can_fall_back(fault: FaultRow, policy: RetryPolicy, state: RetryState) -> bool:
    """Return True if the next endpoint is tried when this one is given up.

    Args:
        fault: Row of `FAULTS` for the error.
        policy: Limits of retries.
        state: Progress of the request.
    """
    return fault.fallback and not state.is_last and not policy.is_over(state.elapsed)


def decide_retry(fault: FaultRow, policy: RetryPolicy, state: RetryState, delay: float) -> RetryDecision:
    """Decide about a failed request: retry, fall back, or give up. This is a pure function.

    Args:
        fault: Row of `FAULTS` for the error.
        policy: Limits of retries.
        state: Progress of the request.
        delay: Seconds to wait before a retry.
    """
    give_up = RetryDecision(NextAction.FALLBACK if can_fall_back(fault, policy, state) else NextAction.RAISE)
    if not fault.retry or state.retries >= policy.retries or state.elapsed + delay >= policy.last_retry:
        return give_up
    # Another endpoint can answer now, while this one is down or asks for a long wait.
    is_urgent = not state.is_last and not state.is_patient
    if is_urgent and (fault.blame is Blame.ENDPOINT or delay > policy.max_delay):
        return give_up
    return RetryDecision(NextAction.RETRY, delay)


MAX_SET_ASIDE = 600.0  # seconds


class Health:
    """Recent failures of an endpoint, shared by all wrappers that use it. It is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.failures = 0
        """Failures since the last response."""
        self._periods = 0
        self._until = 0.0

    @property
    def is_set_aside(self) -> bool:
        """True if the endpoint should be used only when no other is left."""
        # The clock is read only for an endpoint that has failed.
        return self._until > 0 and time.monotonic() < self._until

    def record_success(self) -> None:
        """Record a response: earlier failures no longer count."""
        if self.failures or self._until:
            with self._lock:
                self.failures = self._periods = 0
                self._until = 0.0

    def record_failure(self, fault: FaultRow, policy: RetryPolicy, retry_after: float | None) -> None:
        """Record a failure, and set the endpoint aside if it was one too many.

        Args:
            fault: Row of `FAULTS` for the error.
            policy: Limits of failures.
            retry_after: Seconds that the endpoint asks to wait; None if it doesn't.
        """
        # A bad request fails at a healthy endpoint, too.
        if fault.blame is Blame.REQUEST:
            return
        with self._lock:
            self.failures += 1
            now = time.monotonic()
            # Some servers ask for years.
            seconds = min(retry_after or 0.0, MAX_SET_ASIDE)
            if fault.blame is Blame.ENDPOINT or self.failures >= policy.set_aside_after:
                seconds = max(seconds, min(MAX_SET_ASIDE, policy.set_aside_for * 2.0 ** min(self._periods, _MAX_EXPONENT)))
                # Failures while it is set aside don't lengthen the next period.
                self._periods += now >= self._until
            self._until = max(self._until, now + seconds)


_shared: dict[Hashable, Health] = {}
_shared_lock = threading.Lock()


def get_health(endpoint: Hashable, model: Hashable) -> Health:
    """Return the shared health of a model at an endpoint.

    Args:
        endpoint: Identity of the endpoint. None makes a health that isn't shared.
        model: Name of the model.
    """
    if endpoint is None:
        return Health()
    with _shared_lock:
        return _shared.setdefault((endpoint, model), Health())


def forget_failures() -> None:
    """Reset the health of all endpoints, so that none is set aside."""
    with _shared_lock:
        for health in _shared.values():
            health.record_success()
