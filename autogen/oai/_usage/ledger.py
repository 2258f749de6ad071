"""Ledgers of cost and tokens, and the budgets of agents and chats."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from ..._threads import reset_variable
from ...exception_utils import BudgetExceeded
from ...types import Usage
from .cost import UnknownCost

UsageSums = dict[str, Any]
"""`total_cost` in USD, and for each model a dict of `cost` and tokens, as 0.2's usage summaries have them."""

KEYS = ("max_cost", "max_tokens_total")


class UsageLedger:
    """The sums of cost and tokens of a wrapper, by model. Thread-safe.

    Attributes:
        actual: The sums without responses from a cache; None before the first response.
        total: The sums including responses from a cache; None before the first response.
        before: The sums of responses from a checkpoint, which were paid before the restart.
        unpriced: The models without a known price. Their cost counts as 0 in the sums.
    """

    def __init__(self) -> None:
        self.actual: UsageSums | None = None
        self.total: UsageSums | None = None
        self.before: UsageSums | None = None
        self.unpriced: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, usage: Usage | None, cached: bool, paid_before: bool = False) -> None:
        """Count a response. A response without accounting is ignored.

        Args:
            usage: The tokens, the cost and the model.
            cached: Whether the response comes from a cache.
            paid_before: Whether the response comes from a checkpoint and was paid before the restart.
        """
        if not usage or any(key not in usage for key in ("prompt_tokens", "completion_tokens", "cost", "model")):
            return
        with self._lock:
            self.total = _add_usage(self.total, usage)
            if not cached:
                self.actual = _add_usage(self.actual, usage)
            if paid_before:
                self.before = _add_usage(self.before, usage)
            if isinstance(usage["cost"], UnknownCost):
                self.unpriced |= {str(usage["model"])}

    def clear(self) -> None:
        """Reset all sums."""
        with self._lock:
            self.actual = self.total = self.before = None
            self.unpriced = frozenset()


def _add_usage(sums: UsageSums | None, usage: Usage) -> UsageSums:
    # A new dict each time, so that readers of the old one see a consistent state without a lock.
    sums = dict(sums or {"total_cost": 0.0})
    cost = usage["cost"] or 0.0
    before = sums.get(usage["model"], {"cost": 0.0, "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    prompt, completion = usage["prompt_tokens"] or 0, usage["completion_tokens"] or 0
    sums["total_cost"] += cost
    sums[usage["model"]] = {
        "cost": before["cost"] + cost,
        "prompt_tokens": before["prompt_tokens"] + prompt,
        "completion_tokens": before["completion_tokens"] + completion,
        "total_tokens": before["total_tokens"] + (usage.get("total_tokens") or prompt + completion),
    }
    return sums


def format_usage_report(ledger: UsageLedger, mode: str | list[str]) -> list[str]:
    """Return the lines of a usage summary.

    Args:
        ledger: The sums.
        mode: `actual`, `total`, `both`, or a list of the first two.

    Raises:
        ValueError: if `mode` is anything else.
    """
    kinds = ["actual", "total"] if mode == "both" else [mode] if isinstance(mode, str) else mode
    is_valid = isinstance(kinds, list) and 0 < len(kinds) <= 2 and all(kind in ("actual", "total") for kind in kinds)
    if not is_valid:
        raise ValueError(f"mode must be 'actual', 'total', 'both', or a list of the first two, got {mode!r}.")
    if ledger.total is None:
        return ['No usage summary: call "create" first.']
    lines = ["-" * 100]
    for kind in dict.fromkeys(kinds):
        sums = ledger.actual if kind == "actual" else ledger.total
        if lines[1:]:
            lines.append("")
        if kind == "total" and "actual" in kinds and sums == ledger.actual:
            lines.append("No response came from the cache: the total is the same.")
        elif sums is None:
            lines.append("No actual cost: all responses came from the cache.")
        else:
            lines += _format_sums("excluding" if kind == "actual" else "including", sums)
    if ledger.unpriced:
        lines.append(f"Price not known, counted as 0: {', '.join(sorted(ledger.unpriced))}")
    return [*lines, "-" * 100]


def _format_sums(cached: str, sums: UsageSums) -> list[str]:
    lines = [f"Usage summary {cached} cached usage:", f"Total cost: {round(sums['total_cost'], 5)}"]
    for model, spent in sums.items():
        if model != "total_cost":
            tokens = "prompt_tokens: {prompt_tokens}, completion_tokens: {completion_tokens}, total_tokens: {total_tokens}"
            lines.append(f"* Model '{model}': cost: {round(spent['cost'], 5)}, {tokens.format(**spent)}")
    return lines


class Budget:
    """Limits on cost and tokens, with the ledger that they apply to. Responses from a cache cost nothing.

    Args:
        owner: `agent` or `chat`, for the error.
        limits: `max_cost` (USD) and `max_tokens_total` (tokens of requests and responses); None for no limit.
        ledger: Ledger in which responses are recorded; a new one if None.

    Raises:
        ValueError: if a limit is not a number of at least 0.
    """

    def __init__(self, owner: str, limits: Mapping[str, float | None], ledger: UsageLedger | None = None) -> None:
        for key, limit in limits.items():
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit >= 0):
                raise ValueError(f"{key} must be a number of at least 0, or None, got {limit!r}.")
        self._owner = owner
        self._max_cost, self._max_tokens = (limits.get(key) for key in KEYS)
        self.ledger = ledger or UsageLedger()

    def copy_for(self, ledger: UsageLedger) -> Budget:
        """Return a budget with the same limits for another ledger."""
        return Budget(self._owner, {"max_cost": self._max_cost, "max_tokens_total": self._max_tokens}, ledger)

    def check(self) -> None:
        """Check that something is left.

        Raises:
            BudgetExceeded: if a limit is reached.
        """
        if self._max_cost is None and self._max_tokens is None:
            return
        # The last request may exceed a limit; the next one is not sent.
        cost, tokens = compute_spending(self.ledger)
        if self._max_cost is not None and cost >= self._max_cost:
            raise BudgetExceeded(self._owner, "max_cost", cost, self._max_cost)
        if self._max_tokens is not None and tokens >= self._max_tokens:
            raise BudgetExceeded(self._owner, "max_tokens_total", tokens, self._max_tokens)


def compute_spending(ledger: UsageLedger | None) -> tuple[float, int]:
    """Return the sums of cost (USD) and tokens in a ledger, without responses from a cache; zeros for None."""
    cost, tokens = 0.0, 0
    # A resumed chat has spent what was paid before the crash, too.
    for sums in (ledger.actual, ledger.before) if ledger else ():
        if sums:
            cost += sums["total_cost"]
            tokens += sum(usage["total_tokens"] for usage in sums.values() if isinstance(usage, dict))
    return cost, tokens


_chat_budgets: ContextVar[tuple[Budget, ...]] = ContextVar("budgets of chats", default=())


@contextmanager
def enter_chat_budget(limits: Mapping[str, float | None]) -> Iterator[UsageLedger]:
    """Apply a budget to all requests in the `with` block, also in chats inside the chat. Without limits it only counts.

    Yields:
        The ledger of the chat.
    """
    budget = Budget("chat", limits)
    token = _chat_budgets.set((*_chat_budgets.get(), budget))
    try:
        yield budget.ledger
    finally:
        reset_variable(_chat_budgets, token)


def get_chat_ledger() -> UsageLedger | None:
    """Return the ledger of the current chat, the innermost if chats are nested; None outside a chat."""
    chats = _chat_budgets.get()
    return chats[-1].ledger if chats else None


def get_budgets(budget: Budget) -> tuple[Budget, ...]:
    """Return the budgets that apply to a request now: that of its agent, and those of the chats that it belongs to."""
    return (budget, *_chat_budgets.get())


def split_limits(config: Mapping[str, object]) -> tuple[dict[str, float | None], dict[str, object]]:
    """Split a config into the limits of a budget, which `Budget` validates, and the rest."""
    return {key: cast("float | None", config.get(key)) for key in KEYS}, {
        key: value for key, value in config.items() if key not in KEYS
    }
