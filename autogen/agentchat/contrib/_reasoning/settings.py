"""The settings of a `ReasoningAgent`, and the limits of a search."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from ...._mistakes import suggest
from ....oai._usage.ledger import UsageLedger

Method = Literal["beam_search", "mcts", "lats", "dfs"]
AnswerApproach = Literal["pool", "best"]

_METHODS = get_args(Method)
_APPROACHES = get_args(AnswerApproach)
_WHOLE = ("max_depth", "beam_size", "forest_size", "nsim")
_OPTIONAL = ("max_calls", "max_cost", "deadline")


@dataclass(frozen=True)
class ReasonSettings:
    """The settings of a `ReasoningAgent`: its `reason_config`.

    Attributes:
        method: `beam_search`; `dfs`, which is a beam search of one path; `mcts`, a Monte-Carlo tree search; or `lats`, the
            same with the earlier tries and their ratings in each prompt.
        max_depth: Maximum number of thoughts on a path.
        beam_size: Number of paths that a beam search keeps.
        answer_approach: `pool` to answer from all final paths; `best` from the one with the highest rating.
        batch_grading: True to rate the options of a beam search that follow the same thought in one request.
        forest_size: Number of independent trees, whose answers are merged.
        rating_scale: The highest rating; the lowest is 1.
        nsim: Number of simulations of `mcts` and `lats`.
        exploration_constant: Weight of what was seldom tried, in `mcts` and `lats`.
        interim_execution: True to execute each thought before it is rated.
        seed: Seed of the choices by chance, in `mcts` and `lats`.
        max_calls: Maximum number of requests to models for a reply, that of the answer included; None for no limit.
        max_cost: Maximum cost (USD) of a search; no request begins above it. None for no limit.
        deadline: Maximum duration of a search in seconds; no request begins after it. None for no limit.
        verifier: Function of the last thought of a path, sync or async, that returns its value from 0 to 1 in place of the
            grader.
    """

    method: Method = "beam_search"
    max_depth: int = 4
    beam_size: int = 3
    answer_approach: AnswerApproach = "pool"
    batch_grading: bool = False
    forest_size: int = 1
    rating_scale: int = 10
    nsim: int = 3
    exploration_constant: float = 1.41
    interim_execution: bool = False
    seed: int = 0
    max_calls: int | None = None
    max_cost: float | None = None
    deadline: float | None = None
    verifier: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(_say_must_be("method", _METHODS, self.method))
        if self.answer_approach not in _APPROACHES:
            raise ValueError(_say_must_be("answer_approach", _APPROACHES, self.answer_approach))
        for name in _WHOLE:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if not isinstance(self.rating_scale, (int, float)) or not self.rating_scale > 1:
            raise ValueError(f"rating_scale must be a number above 1, got {self.rating_scale!r}.")
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0):
                raise ValueError(f"{name} must be None or a positive number, got {value!r}.")
        if self.verifier is not None and not callable(self.verifier):
            raise ValueError(f"verifier must be None or a function, got {self.verifier!r}.")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ReasonSettings:
        """Make settings from a `reason_config`.

        Raises:
            ValueError: if a key or a value is not valid.
        """
        known = [item.name for item in fields(cls)]
        for key in config:
            if key not in known:
                raise ValueError(
                    f"reason_config has no key {key!r}.{suggest(str(key), known)} Its keys: {', '.join(known)}."
                )
        return cls(**config)


class LimitReached(Exception):
    """Raised when a limit of a search is reached, so that it ends with the best path so far."""


class SearchLimits:
    """The limits of one search. Threads may share it.

    Args:
        settings: Settings with the limits.
        ledger: Ledger of the requests of the search.

    Attributes:
        calls: Number of requests so far.
        stopped_by: Setting that ended the search; None if nothing did.
    """

    def __init__(self, settings: ReasonSettings, ledger: UsageLedger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self.calls = 0
        self.stopped_by: str | None = None

    @property
    def seconds(self) -> float:
        """Duration of the search so far."""
        return time.monotonic() - self._start

    @property
    def cost(self) -> float:
        """Cost (USD) of the search so far."""
        return float((self._ledger.actual or {}).get("total_cost", 0.0))

    def begin_call(self, is_last: bool = False) -> None:
        """Count a request that is about to be made.

        Args:
            is_last: True for the answer, for which a request is kept back, and which is written in any case.

        Raises:
            LimitReached: if a limit is reached.
        """
        with self._lock:
            if not is_last:
                self.check()
            self.calls += 1

    def check(self) -> None:
        """Check the limits.

        Raises:
            LimitReached: if one is reached.
        """
        # The first limit is the reason; others may be reached while requests that are under way come back.
        limit = self._find_limit()
        if limit is not None:
            self.stopped_by = self.stopped_by or limit
            raise LimitReached(limit)

    def _find_limit(self) -> str | None:
        settings = self._settings
        if settings.max_calls is not None and self.calls >= settings.max_calls - 1:
            return "max_calls"
        if settings.max_cost is not None and self.cost >= settings.max_cost:
            return "max_cost"
        return "deadline" if settings.deadline is not None and self.seconds >= settings.deadline else None


def _say_must_be(name: str, values: tuple[str, ...], value: object) -> str:
    return (
        f"{name} must be {', '.join(map(repr, values[:-1]))} or {values[-1]!r}, got {value!r}.{suggest(str(value), values)}"
    )
