"""Limits on what chats and agents may spend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ...exception_utils import BudgetExceeded
from .cost import UsageLedger

KEYS = ("max_cost", "max_tokens_total")


class Budget:
    """What may be spent, and what was. Answers from a cache cost nothing.

    Args:
        owner: Whose budget it is, for the error.
        limits: `max_cost` (USD) and `max_tokens_total` (tokens in and out); None for no limit.
        ledger: Where what was spent is counted; a new one if None.

    Raises:
        ValueError: A limit is no number of at least 0.
    """

    def __init__(self, owner: str, limits: Mapping[str, float | None], ledger: UsageLedger | None = None) -> None:
        for key, limit in limits.items():
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit >= 0):
                raise ValueError(f"{key} must be a number of at least 0, or None, not {limit!r}.")
        self._owner = owner
        self._max_cost, self._max_tokens = (limits.get(key) for key in KEYS)
        self.ledger = ledger or UsageLedger()

    def of(self, ledger: UsageLedger) -> Budget:
        """The same limits for other accounts."""
        return Budget(self._owner, {"max_cost": self._max_cost, "max_tokens_total": self._max_tokens}, ledger)

    def check(self) -> None:
        """
        Raises:
            BudgetExceeded: It is used up.
        """
        if self._max_cost is None and self._max_tokens is None:
            return
        cost, tokens = spent(self.ledger)
        if self._max_cost is not None and cost >= self._max_cost:
            raise BudgetExceeded(self._owner, "max_cost", cost, self._max_cost)
        if self._max_tokens is not None and tokens >= self._max_tokens:
            raise BudgetExceeded(self._owner, "max_tokens_total", tokens, self._max_tokens)


def spent(ledger: UsageLedger | None) -> tuple[float, int]:
    """USD and tokens on a ledger, without answers from a cache; nothing if there is none."""
    cost, tokens = 0.0, 0
    for sums in (ledger.actual, ledger.before) if ledger else ():
        if sums:
            cost += sums["total_cost"]
            tokens += sum(usage["total_tokens"] for usage in sums.values() if isinstance(usage, dict))
    return cost, tokens


_of_chats: ContextVar[tuple[Budget, ...]] = ContextVar("budgets of chats", default=())


@contextmanager
def chat_budget(limits: Mapping[str, float | None]) -> Iterator[None]:
    """A budget for all that is asked within, also by chats inside the chat. Without limits it only counts."""
    token = _of_chats.set((*_of_chats.get(), Budget("chat", limits)))
    try:
        yield
    finally:
        _of_chats.reset(token)


def chat_ledger() -> UsageLedger | None:
    """Where the spending of the innermost chat of here and now is counted; None outside a chat."""
    chats = _of_chats.get()
    return chats[-1].ledger if chats else None


def budgets(own: Budget) -> tuple[Budget, ...]:
    """The budgets that a request of here and now has to keep to."""
    return (own, *_of_chats.get())


def split(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The limits of a config, and the rest of it."""
    return {key: config.get(key) for key in KEYS}, {key: value for key, value in config.items() if key not in KEYS}
