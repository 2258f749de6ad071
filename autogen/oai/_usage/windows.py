"""Budgets over a time, such as five dollars a day: their sums outlive the process, and processes share them.

The sums stand in an SQLite file beside the caches. The worst case of a request is reserved in it before the request is sent,
and replaced by the true amount after the response, so two processes can't both spend what is left. What a process that died
had reserved counts as spent until it has left the window.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from ..._mistakes import suggest
from ..._sqlite_guard import check_schema, open_database

PERIODS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 7 * 86400.0, "month": 30 * 86400.0}
"""Lengths of windows in seconds. A window ends now, wherever it began."""

UNITS = {"max_cost": "usd", "max_tokens_total": "tokens"}
"""The names of amounts in windows, by setting."""

DEFAULT_STORE = os.path.join(".cache", "budgets.db")
DEFAULT_KEY = "default"

_TABLE = (
    "CREATE TABLE IF NOT EXISTS spendings "
    "(id INTEGER PRIMARY KEY, key TEXT NOT NULL, at REAL NOT NULL, usd REAL NOT NULL, tokens INTEGER NOT NULL)"
)
_INDEX = "CREATE INDEX IF NOT EXISTS times ON spendings (key, at)"
_SCHEMA = {"spendings": _TABLE, "times": _INDEX}
_PATIENCE = 10.0  # seconds for another process to finish its transaction


@dataclass(frozen=True)
class Window:
    """A limit on the spending within a time.

    Attributes:
        setting: `max_cost` or `max_tokens_total`.
        limit: The limit, in USD or tokens.
        period: The name of its length.
        key: The tenant whose spending counts.
        store: The file with the sums.
    """

    setting: str
    limit: float
    period: str
    key: str
    store: Path

    @property
    def label(self) -> str:
        """The limit in words, for messages to people."""
        tenant = "" if self.key == DEFAULT_KEY else f" for {self.key!r}"
        return f"{self.setting} per {self.period}{tenant}"


@dataclass(frozen=True)
class Excess:
    """A limit that a request would exceed.

    Attributes:
        setting: The limit in words.
        spent: The amount that is spent and reserved.
        limit: The value of the limit.
    """

    setting: str
    spent: float
    limit: float


def parse_limit(setting: str, value: object, key: str | None) -> tuple[float | None, list[Window]]:
    """Return the limit of a setting, and its windows.

    Args:
        setting: `max_cost` or `max_tokens_total`.
        value: A number, None, a window such as `{"usd": 5, "per": "day"}`, or a list of windows.
        key: The `budget_key` of the config; None for the default.

    Raises:
        ValueError: if the value is anything else.
    """
    if isinstance(value, Mapping):
        return None, [_parse_window(setting, value, key)]
    if isinstance(value, list):
        return None, [_parse_window(setting, window, key) for window in value]
    if value is None or is_amount(value):
        return value, []
    raise ValueError(f"{setting} must be a number of at least 0, or None, got {value!r}.")


def is_amount(value: object) -> TypeGuard[float]:
    """Return True for a number of at least 0."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _parse_window(setting: str, window: object, key: str | None) -> Window:
    unit = UNITS[setting]
    example = f'{{"{unit}": 5, "per": "day"}}'
    if not isinstance(window, Mapping):
        raise ValueError(f"{setting} must be a number, a window such as {example}, or a list of windows, got {window!r}.")
    known = (unit, "per", "key", "store")
    for name in window:
        if name not in known:
            raise ValueError(f"A window of {setting} has no {name!r}.{suggest(str(name), known)} It has {', '.join(known)}.")
    amount, period = window.get(unit), window.get("per")
    if not is_amount(amount) or not amount < math.inf:
        raise ValueError(f"A window of {setting} must have {unit!r}, a number of at least 0, got {amount!r}.")
    if period not in PERIODS:
        raise ValueError(f"A window of {setting} must have 'per', one of {', '.join(PERIODS)}, got {period!r}.")
    tenant = window.get("key", key if key is not None else DEFAULT_KEY)
    if not isinstance(tenant, str) or not tenant:
        raise ValueError(f"The key of a budget must be a text that is not empty, got {tenant!r}.")
    return Window(setting, float(amount), str(period), tenant, Path(str(window.get("store") or DEFAULT_STORE)))


def reserve_amounts(
    windows: Sequence[Window], usd: float | None, tokens: int
) -> tuple[list[tuple[Path, int]], Excess | None]:
    """Reserve an amount in all windows, or in none.

    Args:
        windows: The windows.
        usd: The amount in USD; None if it is unknown.
        tokens: The amount in tokens.

    Returns:
        The reservations, for `settle_amounts`; and the limit that would be exceeded, if there are no reservations.

    Raises:
        OSError: if a file can't be used. A budget that can't be kept allows nothing.
    """
    reservations: list[tuple[Path, int]] = []
    for store in dict.fromkeys(window.store for window in windows):
        members = [window for window in windows if window.store == store]
        with _transaction(store) as connection:
            excess = _find_excess(connection, members, usd, tokens)
            if excess is None:
                for key in dict.fromkeys(window.key for window in members):
                    row = connection.execute(
                        "INSERT INTO spendings (key, at, usd, tokens) VALUES (?, ?, ?, ?)",
                        (key, time.time(), usd or 0.0, tokens),
                    )
                    reservations.append((store, int(row.lastrowid or 0)))
        if excess is not None:
            settle_amounts(reservations, 0.0, 0)
            return [], excess
    return reservations, None


def settle_amounts(reservations: Sequence[tuple[Path, int]], usd: float, tokens: int) -> None:
    """Replace reserved amounts by those that were spent. Nothing is kept of a request that cost nothing.

    Raises:
        OSError: if a file can't be used.
    """
    for store, row_id in reservations:
        with _transaction(store) as connection:
            if usd or tokens:
                connection.execute("UPDATE spendings SET usd = ?, tokens = ? WHERE id = ?", (usd, tokens, row_id))
            else:
                connection.execute("DELETE FROM spendings WHERE id = ?", (row_id,))


def _find_excess(connection: sqlite3.Connection, windows: Sequence[Window], usd: float | None, tokens: int) -> Excess | None:
    now = time.time()
    connection.execute("DELETE FROM spendings WHERE at < ?", (now - max(PERIODS.values()),))
    for window in windows:
        query = f"SELECT SUM({UNITS[window.setting]}) FROM spendings WHERE key = ? AND at > ?"
        spent = connection.execute(query, (window.key, now - PERIODS[window.period])).fetchone()[0] or 0
        amount = usd if window.setting == "max_cost" else tokens
        # Without an estimate, a request may be the last one.
        if spent + (amount or 0) > window.limit or (amount is None and spent >= window.limit):
            return Excess(window.label, spent, window.limit)
    return None


@contextmanager
def _transaction(store: Path) -> Iterator[sqlite3.Connection]:
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(open_database(store, "rwc", timeout=_PATIENCE, isolation_level=None)) as connection:
            # Locked before anything is read, so that no other process reserves in between.
            connection.execute("BEGIN IMMEDIATE")
            check_schema(connection, store, _SCHEMA)
            connection.execute(_TABLE)
            connection.execute(_INDEX)
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    except (OSError, sqlite3.Error) as error:
        raise OSError(f"The sums of budgets in {store} can't be used ({error}), so nothing is spent.") from error
