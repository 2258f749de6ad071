"""What is done when an endpoint fails: ask it once more, ask the next one, or give up. And which endpoints are set aside."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, NamedTuple


@dataclass(frozen=True)
class RetryPolicy:
    """How persistent a request is. It stands in an `llm_config` as `"retry_policy"`, as an object or a dict of these.

    What is asked again, and what goes to the next endpoint at once, is the table `FAULTS`. A request to an endpoint that
    waits for long (429 with a long Retry-After) goes to the next one, if there is one.

    Attributes:
        retries: How often one endpoint is asked again. `max_retries` in a config says the same.
        first_delay: Seconds before the first time; each further pause is twice as long, less up to a quarter by chance.
        max_delay: Seconds that a pause lasts at most, unless the endpoint asks for more and there is no other.
        deadline: Seconds from the beginning of the request after which no endpoint is asked again.
        set_aside_after: After how many failures in a row an endpoint is asked only when no other is left.
        set_aside_for: Seconds for which that lasts. If it fails again then, twice as long, up to ten minutes.

    >>> llm_config = {"config_list": [...], "retry_policy": {"retries": 5, "deadline": 60}}
    """

    retries: int = 2
    first_delay: float = 0.5
    max_delay: float = 8.0
    deadline: float = 600.0
    set_aside_after: int = 3
    set_aside_for: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"retry_policy: {field.name} must be a number of at least 0, not {value!r}.")

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> RetryPolicy:
        """The policy that an entry of a config list asks for.

        Raises:
            ValueError: It is no policy.
        """
        given = config.get("retry_policy") or {}
        if isinstance(given, Mapping):
            if unknown := sorted(given.keys() - {field.name for field in fields(cls)}):
                known = ", ".join(field.name for field in fields(cls))
                raise ValueError(f"retry_policy has no {', '.join(map(repr, unknown))}; there are: {known}.")
            given = cls(**given)
        if not isinstance(given, cls):
            raise ValueError(f"retry_policy must be a RetryPolicy or a dict, not a {type(given).__name__}.")
        retries = config.get("max_retries")
        return given if retries is None else replace(given, retries=retries)

    def pause(self, times: int, asked_for: float | None) -> float:
        """Seconds before an endpoint is asked again that was asked again so many times already."""
        if asked_for is not None:
            return asked_for
        return float(min(self.max_delay, self.first_delay * 2**times) * (1 - random.random() / 4))


class Blame(Enum):
    """How much a fault says about the endpoint."""

    REQUEST = "this request alone"
    MOMENT = "it may work again in a moment"
    ENDPOINT = "it will not work for a while"


class Fault(NamedTuple):
    """One row of the table. A status of None stands for any."""

    name: str
    error: str  # a class of the SDK
    statuses: tuple[int, ...] | None
    code: str | None
    again: bool  # the same endpoint is asked again; where it is to blame, only if no other is left
    next: bool  # the next endpoint is asked
    blame: Blame


FAULTS = (
    #     what happened        error                 statuses         code                  again  next   blame
    Fault("content filter",    "APIError",           None,            "content_filter",     False, False, Blame.REQUEST),
    Fault("time-out",          "APITimeoutError",    None,            None,                 True,  True,  Blame.ENDPOINT),
    Fault("no connection",     "APIConnectionError", None,            None,                 True,  True,  Blame.MOMENT),
    Fault("quota used up",     "APIStatusError",     (429,),          "insufficient_quota", False, True,  Blame.ENDPOINT),
    Fault("too many requests", "APIStatusError",     (429,),          None,                 True,  True,  Blame.MOMENT),
    Fault("no access",         "APIStatusError",     (401, 403, 404), None,                 False, True,  Blame.ENDPOINT),
    Fault("server error",      "InternalServerError", None,           None,                 True,  True,  Blame.MOMENT),
    Fault("server busy",       "APIStatusError",     (408, 409),      None,                 True,  True,  Blame.MOMENT),
    Fault("refused request",   "APIStatusError",     None,            None,                 False, True,  Blame.REQUEST),
    Fault("no valid answer",   "APIError",           None,            None,                 True,  True,  Blame.MOMENT),
)  # fmt: skip
"""The first row that fits counts. Errors that are not the SDK's are the caller's own, and raised at once."""


def fault_of(error: Exception) -> Fault | None:
    """The row for an error; None if it is none of an endpoint. Without the SDK loaded, it can't be one."""
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
    raise AssertionError("unreachable: the last row fits every error of the SDK")


def retry_after(error: Exception) -> float | None:
    """The seconds that an endpoint asks to wait; None if it asks for nothing that can be understood."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            return max(0.0, float(value) * unit)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            continue
    return None


LONGEST = 600.0  # seconds for which an endpoint is set aside at most


class Health:
    """How an endpoint has fared lately. All who ask it share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._pauses = 0
        self._until = 0.0

    @property
    def is_set_aside(self) -> bool:
        """Whether it should be asked only when no other is left."""
        return time.monotonic() < self._until

    def worked(self) -> None:
        """It has answered: what was before is forgotten."""
        if self._failures or self._until:
            with self._lock:
                self._failures = self._pauses = 0
                self._until = 0.0

    def failed(self, fault: Fault, policy: RetryPolicy, asked_for: float | None) -> None:
        """It has failed."""
        if fault.blame is Blame.REQUEST:
            return
        with self._lock:
            self._failures += 1
            seconds = asked_for or 0.0
            if fault.blame is Blame.ENDPOINT or self._failures >= policy.set_aside_after:
                seconds = max(seconds, min(LONGEST, policy.set_aside_for * 2**self._pauses))
                self._pauses += time.monotonic() >= self._until
            self._until = max(self._until, time.monotonic() + seconds)


_healths: dict[Any, Health] = {}
_healths_lock = threading.Lock()


def health_of(endpoint: Any, model: Any) -> Health:
    """The shared health of a model at an endpoint (something hashable); None has one of its own."""
    if endpoint is None:
        return Health()
    with _healths_lock:
        return _healths.setdefault((endpoint, model), Health())


def forget_failures() -> None:
    """Take all endpoints back that were set aside."""
    with _healths_lock:
        for health in _healths.values():
            health.worked()
