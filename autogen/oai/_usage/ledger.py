"""Ledgers of cost and tokens, and the budgets of agents and chats."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from ..._threads import reset_variable
from ...exception_utils import BudgetExceeded
from ...types import Usage
from .cost import UnknownCost
from .windows import parse_limit, reserve_amounts, settle_amounts

UsageSums = dict[str, Any]
"""`total_cost` in USD, and for each model a dict of `cost` and tokens, as 0.2's usage summaries have them."""

AMOUNTS = ("max_cost", "max_tokens_total")
KEYS = (*AMOUNTS, "budget_key")


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
            lines += _format_sums("excluding" if kind == "actual" else "including", sums, ledger.unpriced)
    if ledger.unpriced:
        lines.append(f"Price not known, counted as 0: {', '.join(sorted(ledger.unpriced))}")
    return [*lines, "-" * 100]


def _format_sums(cached: str, sums: UsageSums, unpriced: frozenset[str]) -> list[str]:
    # What is not known is not nothing.
    at_least = "≥ " if unpriced & sums.keys() else ""
    lines = [f"Usage summary {cached} cached usage:", f"Total cost: {at_least}{round(sums['total_cost'], 5)}"]
    for model, spent in sums.items():
        if model != "total_cost":
            tokens = "prompt_tokens: {prompt_tokens}, completion_tokens: {completion_tokens}, total_tokens: {total_tokens}"
            lines.append(f"* Model '{model}': cost: {round(spent['cost'], 5)}, {tokens.format(**spent)}")
    return lines


@dataclass(frozen=True)
class Expense:
    """The most that a request may take.

    Attributes:
        cost: USD; None if it is unknown.
        tokens: Tokens of the request and the response.
    """

    cost: float | None
    tokens: int


class Budget:
    """Limits on cost and tokens, with the ledger that they apply to. Responses from a cache cost nothing.

    Args:
        owner: `agent`, `chat`, or `run` for many chats, for the error.
        limits: `max_cost` (USD) and `max_tokens_total` (tokens of requests and responses): numbers, windows such as
            `{"usd": 5, "per": "day"}`, or None for no limit; `budget_key`, the tenant whose windows these are; `on_budget`.
        ledger: Ledger in which responses are recorded; a new one if None.

    Raises:
        ValueError: if a limit is invalid.
    """

    def __init__(self, owner: str, limits: Mapping[str, object], ledger: UsageLedger | None = None) -> None:
        self.owner = owner
        self._limits = dict(limits)
        key = limits.get("budget_key")
        (self._max_cost, costs), (self._max_tokens, counts) = (
            parse_limit(name, limits.get(name), cast("str | None", key)) for name in AMOUNTS
        )
        self.windows = [*costs, *counts]
        self.on_budget = check_policy(limits.get("on_budget"))
        self.ledger = ledger or UsageLedger()
        self._reserved = Expense(0.0, 0)
        self._lock = threading.Lock()

    @property
    def limits_cost(self) -> bool:
        """True if the cost is limited, so that prices have to be known."""
        return self._max_cost is not None or any(window.setting == "max_cost" for window in self.windows)

    @property
    def is_limited(self) -> bool:
        """True if anything is limited."""
        return self.limits_cost or self._max_tokens is not None or bool(self.windows)

    def copy_for(self, ledger: UsageLedger) -> Budget:
        """Return a budget with the same limits for another ledger."""
        return Budget(self.owner, self._limits, ledger)

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
            raise BudgetExceeded(self.owner, "max_cost", cost, self._max_cost)
        if self._max_tokens is not None and tokens >= self._max_tokens:
            raise BudgetExceeded(self.owner, "max_tokens_total", tokens, self._max_tokens)

    def get_left(self) -> float | None:
        """Return the USD that are neither spent nor reserved; None without a limit of the whole cost."""
        if self._max_cost is None:
            return None
        return max(self._max_cost - compute_spending(self.ledger)[0] - (self._reserved.cost or 0.0), 0.0)

    def _reserve_total(self, expense: Expense) -> None:
        """Reserve what a request may take, so that no other request of this process takes it.

        Raises:
            BudgetExceeded: if that is more than what is left.
        """
        with self._lock:
            spent, tokens = compute_spending(self.ledger)
            reserved = Expense((self._reserved.cost or 0.0) + (expense.cost or 0.0), self._reserved.tokens + expense.tokens)
            if self._max_cost is not None and spent + (reserved.cost or 0.0) > self._max_cost:
                left = spent + (self._reserved.cost or 0.0)
                raise BudgetExceeded(self.owner, "max_cost", left, self._max_cost, expense.cost)
            if self._max_tokens is not None and tokens + reserved.tokens > self._max_tokens:
                tokens += self._reserved.tokens
                raise BudgetExceeded(self.owner, "max_tokens_total", tokens, self._max_tokens, expense.tokens)
            self._reserved = reserved

    def _release_total(self, expense: Expense) -> None:
        with self._lock:
            cost = max((self._reserved.cost or 0.0) - (expense.cost or 0.0), 0.0)
            self._reserved = Expense(cost, max(self._reserved.tokens - expense.tokens, 0))

    @contextmanager
    def reserve(self, expense: Expense, *, is_strict: bool) -> Iterator[Callable[[Expense], None]]:
        """Reserve what a request may take, for a `with` block around it.

        Args:
            expense: The worst case of the request.
            is_strict: True to allow no request whose worst case exceeds what is left; False to allow the last one to do so.

        Yields:
            A function that is called with what the request has taken.

        Raises:
            BudgetExceeded: if a limit is or may be exceeded.
            OSError: if the sums of windows can't be read or written.
        """
        # A request that costs nothing may be sent when all is spent.
        if not is_strict or expense.cost is None:
            self.check()
        if is_strict:
            self._reserve_total(expense)
        spendings = [Expense(0.0, 0)]
        try:
            rows, excess = reserve_amounts(self.windows, expense.cost, expense.tokens)
            if excess is not None:
                needed = expense.cost if excess.setting.startswith("max_cost") else expense.tokens
                raise BudgetExceeded(self.owner, excess.setting, excess.spent, excess.limit, needed)
            try:
                yield spendings.append
            finally:
                settle_amounts(rows, spendings[-1].cost or 0.0, spendings[-1].tokens)
        finally:
            if is_strict:
                self._release_total(expense)


def check_policy(policy: object) -> str | None:
    """Return the value of `on_budget`: `stop`, `next`, or None if it is not set.

    Raises:
        ValueError: if it is anything else.
    """
    if policy is None or policy in ("stop", "next"):
        return policy
    raise ValueError(f"on_budget must be 'stop' or 'next', got {policy!r}.")


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
def enter_chat_budget(limits: Mapping[str, object]) -> Iterator[UsageLedger]:
    """Apply a budget to all requests in the `with` block, also in chats inside the chat. Without limits it only counts.

    Yields:
        The ledger of the chat.
    """
    budget = Budget("chat", limits)
    with enter_budgets(budget):
        yield budget.ledger


@contextmanager
def enter_budgets(*budgets: Budget) -> Iterator[None]:
    """Apply budgets to all requests in the `with` block. Several threads or tasks may share a budget."""
    token = _chat_budgets.set((*_chat_budgets.get(), *budgets))
    try:
        yield
    finally:
        reset_variable(_chat_budgets, token)


def get_chat_ledger() -> UsageLedger | None:
    """Return the ledger of the current chat, the innermost if chats are nested; None outside a chat."""
    chats = _chat_budgets.get()
    return chats[-1].ledger if chats else None


def is_inside_chat() -> bool:
    """Return True inside a chat of another chat."""
    return sum(budget.owner == "chat" for budget in _chat_budgets.get()) > 1


def get_budgets(budget: Budget) -> tuple[Budget, ...]:
    """Return the budgets that apply to a request now: that of its agent, and those of the chats that it belongs to."""
    return (budget, *_chat_budgets.get())


def split_limits(config: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split a config into the limits of a budget, which `Budget` validates, and the rest."""
    return {key: config.get(key) for key in KEYS}, {key: value for key, value in config.items() if key not in KEYS}
