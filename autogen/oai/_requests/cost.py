"""What a request costs, and the sums that agents keep."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from .prices import OAI_PRICE1K, Price, get_listed_price, compute_maintained_cost, get_maintained_price

__all__ = ["OAI_PRICE1K", "UnknownCost", "UsageLedger", "as_price", "cost_of", "price_of", "usage_of", "usage_report"]

logger = logging.getLogger("autogen.oai.client")

_warned: set[str] = set()
_lock = threading.Lock()


class UnknownCost(float):
    """The cost 0 of an answer whose price nobody knows: sums as 0, and is told apart from one that was free."""


def get_price(model: str) -> Price | None:
    """USD for 1,000 tokens, in and out; None if neither OAI_PRICE1K nor the maintained source has the model.

    A date at the end of the name, `models/` or a vendor in front and Azure's spelling of `gpt-3.5` are seen through.
    """
    return get_listed_price(model) or get_maintained_price(model)


def parse_price(price: Any) -> Price:
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


def read_usage(response: Any) -> dict[str, Any]:
    """What an answer says about its tokens, as `compute_cost` takes it: a server may leave out any of it.

    Args:
        response: A completion of the `openai` SDK, or something of that shape.

    Returns:
        `prompt_tokens`, `completion_tokens`, `total_tokens`, `model`, and the parts that have a price of their own where
        the server tells them: `cached_tokens`, `cache_write_tokens`, `input_audio_tokens`, `output_audio_tokens`,
        `reasoning_tokens`.
    """
    usage = getattr(response, "usage", None)
    prompt, completion = _field(usage, "prompt_tokens") or 0, _field(usage, "completion_tokens") or 0
    sides = {"in": _field(usage, "prompt_tokens_details"), "out": _field(usage, "completion_tokens_details")}
    parts = {ours: _field(sides[side], theirs) for ours, (side, theirs) in _DETAILS.items()}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": _field(usage, "total_tokens") or prompt + completion,
        "model": getattr(response, "model", None),
        **{name: count for name, count in parts.items() if isinstance(count, int) and count > 0},
    }


_DETAILS = {
    "cached_tokens": ("in", "cached_tokens"),
    "cache_write_tokens": ("in", "cache_write_tokens"),
    "input_audio_tokens": ("in", "audio_tokens"),
    "output_audio_tokens": ("out", "audio_tokens"),
    "reasoning_tokens": ("out", "reasoning_tokens"),
}


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def compute_cost(usage: Mapping[str, Any], price: Price | None = None, *, base_url: str | None = None) -> float:
    """USD for the tokens of one answer.

    The price is the one given, else the one in OAI_PRICE1K, else that of the maintained source, which also knows what
    cached input costs.

    Args:
        usage: What `read_usage` returns; counts that are missing or None count as 0.
        price: USD for 1,000 tokens, in and out.
        base_url: The address that answered, if known: some models have a price at each host, and an open model on a server
            in one's own network has none.

    Returns:
        The cost; an `UnknownCost` of 0 with one warning for each model if nobody knows the price.
    """
    model = str(usage.get("model"))
    price = price or get_listed_price(model)
    if price is not None:
        prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        return (prompt * price[0] + completion * price[1]) / 1000
    cost = compute_maintained_cost(model, usage, base_url)
    if cost is None:
        _warn_once(model)
        return UnknownCost(0.0)
    return cost


def _warn_once(model: str) -> None:
    with _lock:
        new = model not in _warned
        _warned.add(model)
    if new:
        hint = 'Put "price": [input, output] (USD for 1,000 tokens) into its config.'
        logger.warning("The price of the model %s is not known: its cost counts as 0. %s", model, hint)


class UsageLedger:
    """The sums of cost and tokens of one wrapper, by model. Safe between threads.

    Attributes:
        actual: The sums without answers from a cache; None before the first answer.
        total: The sums with them.
        before: The sums of what was paid before a crash, and is read from a checkpoint now.
        unpriced: The models whose price is not known: their cost counts as 0 in the sums.
    """

    def __init__(self) -> None:
        self.actual: dict[str, Any] | None = None
        self.total: dict[str, Any] | None = None
        self.before: dict[str, Any] | None = None
        self.unpriced: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, usage: dict[str, Any] | None, cached: bool, paid_before: bool = False) -> None:
        """Count one answer; an answer without accounting is passed over."""
        if not usage or any(key not in usage for key in ("prompt_tokens", "completion_tokens", "cost", "model")):
            return
        with self._lock:
            self.total = _with(self.total, usage)
            if not cached:
                self.actual = _with(self.actual, usage)
            if paid_before:
                self.before = _with(self.before, usage)
            if isinstance(usage["cost"], UnknownCost):
                self.unpriced |= {str(usage["model"])}

    def clear(self) -> None:
        """Begin at nothing."""
        with self._lock:
            self.actual = self.total = self.before = None
            self.unpriced = frozenset()


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


def format_usage_report(ledger: UsageLedger, mode: Any) -> list[str]:
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
    if ledger.unpriced:
        names = ", ".join(sorted(ledger.unpriced))
        lines.append(f"Price not known, counted as 0: {names}")
    return [*lines, "-" * 100]


def _sums_lines(how: str, sums: dict[str, Any]) -> list[str]:
    lines = [f"Usage summary {how} cached usage:", f"Total cost: {round(sums['total_cost'], 5)}"]
    for model, spent in sums.items():
        if model != "total_cost":
            tokens = "prompt_tokens: {prompt_tokens}, completion_tokens: {completion_tokens}, total_tokens: {total_tokens}"
            lines.append(f"* Model '{model}': cost: {round(spent['cost'], 5)}, {tokens.format(**spent)}")
    return lines
