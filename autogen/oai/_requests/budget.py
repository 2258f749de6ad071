"""Budgets of agents and chats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

from ...exception_utils import BudgetExceeded
from .._usage.cost import UsageLedger

KEYS = ("max_cost", "max_tokens_total")


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
def enter_chat_budget(limits: Mapping[str, float | None]) -> Iterator[None]:
    """Apply a budget to all requests in the `with` block, also in chats inside the chat. Without limits it only counts."""
    token = _chat_budgets.set((*_chat_budgets.get(), Budget("chat", limits)))
    try:
        yield
    finally:
        _chat_budgets.reset(token)


def get_chat_ledger() -> UsageLedger | None:
    """Return the ledger of the current chat, the innermost if chats are nested; None outside a chat."""
    chats = _chat_budgets.get()
    return chats[-1].ledger if chats else None


def get_budgets(budget: Budget) -> tuple[Budget, ...]:
    """Return the budgets that apply to a request now: the given one of its agent, and those of the chats around it."""
    return (budget, *_chat_budgets.get())


def split_limits(config: Mapping[str, object]) -> tuple[dict[str, float | None], dict[str, object]]:
    """Split a config into the limits of a budget, which `Budget` validates, and the rest."""
    return {key: cast("float | None", config.get(key)) for key in KEYS}, {
        key: value for key, value in config.items() if key not in KEYS
    }
