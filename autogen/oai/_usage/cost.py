"""The cost of responses, and the sums that agents keep."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, cast

from ...types import Usage
from .._once import log_once
from .prices import (
    OAI_PRICE1K,
    Price,
    TokenUsage,
    compute_maintained_cost,
    get_listed_price,
    get_maintained_price,
)

__all__ = [
    "OAI_PRICE1K",
    "UnknownCost",
    "UsageLedger",
    "compute_cost",
    "format_usage_report",
    "get_price",
    "parse_price",
    "read_usage",
]

logger = logging.getLogger("autogen.oai.client")

UsageSums = dict[str, Any]
"""`total_cost` in USD, and for each model a dict of `cost` and tokens, as 0.2's usage summaries have them."""


class UnknownCost(float):
    """The cost 0 of a response whose model has no known price, as opposed to one that is free."""


def get_price(model: str) -> Price | None:
    """Return USD per 1,000 tokens of input and of output, or None if neither OAI_PRICE1K nor the maintained source has them.

    A date at the end of the name, `models/` or a vendor in front, and Azure's spelling of `gpt-3.5` are ignored.
    """
    return get_listed_price(model) or get_maintained_price(model)


def parse_price(price: object) -> Price:
    """Return the `price` of a config as a pair: USD per 1,000 tokens of input and of output.

    Raises:
        ValueError: if it is neither a number nor a pair.
    """
    if isinstance(price, (int, float)):
        logger.warning("The price %s is a single number: it is used for input and output alike.", price)
        return price, price
    if not isinstance(price, (list, tuple)) or len(price) != 2:
        raise ValueError(f"A price must be a pair of USD per 1,000 tokens, [input, output], got {price!r}.")
    return price[0], price[1]


def read_usage(response: object) -> TokenUsage:
    """Return the tokens that a response reports. Servers may leave out any of the counts.

    Args:
        response: A completion of the `openai` SDK, or an object of that shape.

    Returns:
        `prompt_tokens`, `completion_tokens`, `total_tokens` and `model`, and the parts that the server reports.
    """
    # Objects of the SDK have attributes; fields that it doesn't know, and other clients' responses, are dicts.
    usage = getattr(response, "usage", None)
    prompt, completion = _get_field(usage, "prompt_tokens") or 0, _get_field(usage, "completion_tokens") or 0
    tokens = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": _get_field(usage, "total_tokens") or prompt + completion,
        "model": getattr(response, "model", None),
    }
    for name, (details, field) in _DETAILS.items():
        count = _get_field(_get_field(usage, details), field)
        if isinstance(count, int) and count > 0:
            tokens[name] = count
    return cast("TokenUsage", tokens)


_DETAILS = {
    "cached_tokens": ("prompt_tokens_details", "cached_tokens"),
    "cache_write_tokens": ("prompt_tokens_details", "cache_write_tokens"),
    "input_audio_tokens": ("prompt_tokens_details", "audio_tokens"),
    "output_audio_tokens": ("completion_tokens_details", "audio_tokens"),
    "reasoning_tokens": ("completion_tokens_details", "reasoning_tokens"),
}


def _get_field(holder: object, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def compute_cost(usage: Mapping[str, Any], price: Price | None = None, *, base_url: str | None = None) -> float:
    """Return the cost of a response in USD.

    The price is the given one, else the one in OAI_PRICE1K, else the maintained source's, which also has the prices of
    cached input.

    Args:
        usage: The tokens and the model, as from `read_usage`. Counts that are missing or None are 0.
        price: USD per 1,000 tokens of input and of output.
        base_url: The address of the endpoint, if known. Some models have a price at each host, and an open model on a
            private server has none.

    Returns:
        The cost; `UnknownCost` of 0, with one warning per model, if the price is unknown.
    """
    model = str(usage.get("model"))
    price = price or get_listed_price(model)
    if price is not None:
        prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        return (prompt * price[0] + completion * price[1]) / 1000
    cost = compute_maintained_cost(model, cast("TokenUsage", usage), base_url)
    if cost is None:
        hint = 'Put "price": [input, output] (USD per 1,000 tokens) into its config.'
        log_once(f"The price of the model {model} is not known: its cost counts as 0. {hint}")
        return UnknownCost(0.0)
    return cost


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
