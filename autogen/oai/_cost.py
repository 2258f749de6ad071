"""What a request costs, and the sums that agents keep."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

logger = logging.getLogger("autogen.oai.client")

OAI_PRICE1K: dict[str, float | tuple[float, float]] = {
    "gpt-3.5-turbo": (0.0005, 0.0015),
    "gpt-4": (0.03, 0.06),
    "gpt-4-32k": (0.06, 0.12),
    "gpt-4-turbo": (0.01, 0.03),
    "gpt-4.1": (0.002, 0.008),
    "gpt-4.1-mini": (0.0004, 0.0016),
    "gpt-4.1-nano": (0.0001, 0.0004),
    "gpt-4o": (0.0025, 0.01),
    "gpt-4o-mini": (0.00015, 0.0006),
    "gpt-5": (0.00125, 0.01),
    "gpt-5-mini": (0.00025, 0.002),
    "gpt-5-nano": (0.00005, 0.0004),
    "o1": (0.015, 0.06),
    "o3": (0.002, 0.008),
    "o3-mini": (0.0011, 0.0044),
    "o4-mini": (0.0011, 0.0044),
}
"""USD for 1,000 tokens, in and out, by model. Users may change it; a `price` in a config comes first."""

_warned: set[str] = set()
_lock = threading.Lock()


def price_of(model: str) -> tuple[float, float] | None:
    """USD for 1,000 tokens, in and out; None if the model is not in the table.

    A date at the end of the name, a `models/` in front and Azure's spelling of `gpt-3.5` are seen through.
    """
    bare = model.removeprefix("models/").replace("gpt-35", "gpt-3.5")
    for name in (model, bare, re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{4}(-preview)?)$", "", bare)):
        if name in OAI_PRICE1K:
            price = OAI_PRICE1K[name]
            return price if isinstance(price, tuple) else (price, price)
    return None


def as_price(price: Any) -> tuple[float, float]:
    """The `price` of a config as a pair: USD for 1,000 tokens, in and out.

    Raises:
        ValueError: It is neither a number nor two of them.
    """
    if isinstance(price, (int, float)):
        logger.warning("The price %s has one number: it is taken for input and output alike.", price)
        return price, price
    if not isinstance(price, (list, tuple)) or len(price) != 2:
        raise ValueError(f"A price is a pair of USD for 1,000 tokens, [input, output], not {price!r}.")
    return price[0], price[1]


def cost_of(usage: dict[str, Any], price: tuple[float, float] | None = None) -> float:
    """USD for the tokens of one answer. An unknown model costs 0, with one warning."""
    model = str(usage.get("model"))
    price = price or price_of(model)
    if price is None:
        with _lock:
            new = model not in _warned
            _warned.add(model)
        if new:
            hint = 'Put "price": [input, output] (USD for 1,000 tokens) into its config.'
            logger.warning("The price of the model %s is not known: its cost counts as 0. %s", model, hint)
        return 0.0
    return ((usage.get("prompt_tokens") or 0) * price[0] + (usage.get("completion_tokens") or 0) * price[1]) / 1000


class UsageLedger:
    """The sums of cost and tokens of one wrapper, by model. Safe between threads."""

    def __init__(self) -> None:
        self.actual: dict[str, Any] | None = None
        self.total: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def add(self, usage: dict[str, Any] | None, cached: bool) -> None:
        """Count one answer; an answer without accounting is passed over."""
        if not usage or any(key not in usage for key in ("prompt_tokens", "completion_tokens", "cost", "model")):
            return
        with self._lock:
            self.total = _with(self.total, usage)
            if not cached:
                self.actual = _with(self.actual, usage)

    def clear(self) -> None:
        """Begin at nothing."""
        with self._lock:
            self.actual = self.total = None


def _with(sums: dict[str, Any] | None, usage: dict[str, Any]) -> dict[str, Any]:
    """New sums: whoever reads the old ones sees them whole."""
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


def usage_report(ledger: UsageLedger, mode: Any) -> list[str]:
    """The lines of a usage summary.

    Raises:
        ValueError: `mode` is neither `actual`, `total`, `both`, nor a list of the first two.
    """
    wanted = ["actual", "total"] if mode == "both" else [mode] if isinstance(mode, str) else mode
    valid = isinstance(wanted, list) and 0 < len(wanted) <= 2 and all(one in ("actual", "total") for one in wanted)
    if not valid:
        raise ValueError(f"mode must be 'actual', 'total', 'both', or a list of the first two, not {mode!r}.")
    if ledger.total is None:
        return ['No usage summary: call "create" first.']
    lines = ["-" * 100]
    for kind in dict.fromkeys(wanted):
        sums = ledger.actual if kind == "actual" else ledger.total
        if lines[1:]:
            lines.append("")
        if kind == "total" and "actual" in wanted and sums == ledger.actual:
            lines.append("Nothing came from the cache: the total is the same.")
        elif sums is None:
            lines.append("No actual cost: every answer came from the cache.")
        else:
            lines += _sums_lines("excluding" if kind == "actual" else "including", sums)
    return [*lines, "-" * 100]


def _sums_lines(how: str, sums: dict[str, Any]) -> list[str]:
    lines = [f"Usage summary {how} cached usage:", f"Total cost: {round(sums['total_cost'], 5)}"]
    for model, spent in sums.items():
        if model != "total_cost":
            tokens = "prompt_tokens: {prompt_tokens}, completion_tokens: {completion_tokens}, total_tokens: {total_tokens}"
            lines.append(f"* Model '{model}': cost: {round(spent['cost'], 5)}, {tokens.format(**spent)}")
    return lines
