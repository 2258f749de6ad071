"""The cost of responses."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..._models.catalogue import is_loopback
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
    "compute_cost",
    "find_price_source",
    "get_price",
    "parse_price",
    "read_usage",
]

logger = logging.getLogger("autogen.oai.client")


class UnknownCost(float):
    """The cost 0 of a response whose model has no known price, as opposed to a free model."""


def get_price(model: str) -> Price | None:
    """Return USD per 1,000 tokens of input and of output, or None if neither OAI_PRICE1K nor the maintained source has them.

    A date at the end of the name, `models/` or a vendor in front, and Azure's spelling of `gpt-3.5` are ignored.
    """
    return get_listed_price(model) or get_maintained_price(model)


def find_price_source(model: str, base_url: str | None = None) -> str | None:
    """Return the source of a model's price: `OAI_PRICE1K`, `genai-prices`, `free` on this machine, or None if it is unknown.

    Args:
        model: The model's name.
        base_url: The address of the endpoint, if known.
    """
    if get_listed_price(model) is not None:
        return "OAI_PRICE1K"
    if compute_maintained_cost(model, {"prompt_tokens": 1, "completion_tokens": 1}, base_url) is not None:
        return "genai-prices"
    return "free" if base_url is not None and is_loopback(base_url) else None


def parse_price(price: object) -> Price:
    """Return the `price` of a config: USD per 1,000 tokens of input and of output, then of cached input and of cache writes.

    The last two may be missing: such tokens cost as much as other input.

    Raises:
        ValueError: if it is neither a number nor two to four of them, or a number is negative or not finite.
    """
    numbers = price if isinstance(price, (list, tuple)) else (price, price)
    if not 2 <= len(numbers) <= 4 or not all(map(_is_amount, numbers)):
        form = "[input, output], or [input, output, cached input, cache writes], in USD per 1,000 tokens"
        raise ValueError(f"price must be {form}, numbers from 0 on, got {price!r}.")
    prompt, completion = numbers[:2]
    if numbers is not price:
        log_once(f"The price {price} is a single number: it is used for input and output alike.")
    # Hardly any model has such a price, but some do.
    elif prompt > completion:
        log_once(f"The price {price!r} is higher for input than for output. Its order is [input, output].")
    return tuple(numbers)


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def read_usage(response: object) -> TokenUsage:
    """Return the tokens that a response reports. Servers may leave out any of the counts.

    Args:
        response: A completion of the `openai` SDK, or an object of that shape.

    Returns:
        `prompt_tokens`, `completion_tokens`, `total_tokens` and `model`, and the parts that the server reports.
    """
    # Objects of the SDK have attributes; fields that it doesn't know, and other clients' responses, are dicts.
    read = _make_reader(getattr(response, "usage", None))
    prompt, completion = read("prompt_tokens") or 0, read("completion_tokens") or 0
    tokens = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": read("total_tokens") or prompt + completion,
        "model": getattr(response, "model", None),
    }
    for details, fields in _DETAILS.items():
        if (holder := read(details)) is None:
            continue
        read_detail = _make_reader(holder)
        for field, name in fields.items():
            count = read_detail(field)
            if isinstance(count, int) and count > 0:
                tokens[name] = count
    return cast("TokenUsage", tokens)


_DETAILS = {
    "prompt_tokens_details": {
        "cached_tokens": "cached_tokens",
        "cache_write_tokens": "cache_write_tokens",
        "cache_write_1h_tokens": "cache_write_1h_tokens",
        "audio_tokens": "input_audio_tokens",
    },
    "completion_tokens_details": {"audio_tokens": "output_audio_tokens", "reasoning_tokens": "reasoning_tokens"},
    "hosted": {"web_searches": "web_searches", "storage_searches": "storage_searches"},
}


def _make_reader(holder: object) -> Callable[[str], Any]:
    """Return a function that reads the fields of a dict or an object; None stands for missing fields."""
    return holder.get if isinstance(holder, Mapping) else lambda name: getattr(holder, name, None)


def compute_cost(usage: Mapping[str, Any], price: Price | None = None, *, base_url: str | None = None) -> float:
    """Return the cost of a response in USD.

    The price is the given one, else the one in OAI_PRICE1K, else the maintained source's, which also has the prices of
    cached input.

    Args:
        usage: The tokens and the model, as from `read_usage`. Counts that are missing or None are 0.
        price: USD per 1,000 tokens, as `parse_price` returns it.
        base_url: The address of the endpoint, if known. Some models have a price at each host, and an open model on a
            private server has none.

    Returns:
        The cost; `UnknownCost` of 0 if the price is unknown, with one warning per model that is not on this machine.
    """
    model = str(usage.get("model"))
    price = price or get_listed_price(model)
    if price is not None:
        return _multiply(usage, price) / 1000
    cost = compute_maintained_cost(model, cast("TokenUsage", usage), base_url)
    if cost is None and base_url is not None and is_loopback(base_url):
        # Nobody pays for a model on this machine.
        return UnknownCost(0.0)
    if cost is None:
        hint = 'Put "price": [input, output] (USD per 1,000 tokens) into its config.'
        log_once(f"The price of the model {model} is not known: its cost counts as 0. {hint}")
        return UnknownCost(0.0)
    return cost


def _multiply(usage: Mapping[str, Any], price: Price) -> float:
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    parts = [usage.get(name) or 0 for name in ("cached_tokens", "cache_write_tokens")]
    if sum(parts) > prompt:
        # Counts that contradict each other.
        parts = []
    # Parts without a price of their own cost what other input costs.
    priced = list(zip(parts, price[2:], strict=False))
    rest = prompt - sum(count for count, _ in priced)
    return rest * price[0] + completion * price[1] + sum(count * amount for count, amount in priced)
