"""Prices of models: our own table, then the maintained lists of `genai-prices`."""

from __future__ import annotations

from ..._models.catalogue import calculate_price, iter_model_names
from ...types import Usage

Price = tuple[float, ...]
"""USD per 1,000 tokens of input and of output; perhaps of cached input and of cache writes, too."""


class TokenUsage(Usage, total=False):
    """Tokens of a response, and what else has a price of its own. Counts may be None or missing.

    Writes to a cache that lasts an hour are part of those to any cache. The searches are those of the vendor's own tools.
    """

    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    input_audio_tokens: int
    output_audio_tokens: int
    reasoning_tokens: int
    web_searches: int
    storage_searches: int


class PriceTable(dict[str, "float | Price"]):
    """Prices by model. Indexing falls back to the maintained source; `in`, `get` and iteration see the table alone."""

    def __missing__(self, model: str) -> Price:
        price = get_maintained_price(model)
        if price is None:
            raise KeyError(model)
        return price


# As the vendors published them last, checked 2026-11. Models that are still sold are in the maintained source, which also
# has their prices for cached input: a pair can't express those.
OAI_PRICE1K = PriceTable(
    {
        "ada": 0.0004,
        "babbage": 0.0005,
        "curie": 0.002,
        "davinci": 0.02,
        "text-ada-001": 0.0004,
        "text-babbage-001": 0.0005,
        "text-curie-001": 0.002,
        "text-davinci-001": 0.02,
        "text-davinci-002": 0.02,
        "text-davinci-003": 0.02,
        "code-cushman-001": 0.024,
        "code-davinci-002": 0.1,
        "babbage-002": 0.0004,
        "davinci-002": 0.002,
        "gpt-3.5-turbo-0301": (0.0015, 0.002),
        "gpt-3.5-turbo-0613": (0.0015, 0.002),
        "gpt-3.5-turbo-1106": (0.001, 0.002),
        "gpt-3.5-turbo-0125": (0.0005, 0.0015),
        "gpt-3.5-turbo-16k": (0.003, 0.004),
        "gpt-3.5-turbo-16k-0613": (0.003, 0.004),
        "gpt-3.5-turbo-instruct": (0.0015, 0.002),
        "gpt-4-0314": (0.03, 0.06),
        "gpt-4-0613": (0.03, 0.06),
        "gpt-4-32k": (0.06, 0.12),
        "gpt-4-32k-0314": (0.06, 0.12),
        "gpt-4-32k-0613": (0.06, 0.12),
        "gpt-4-1106-preview": (0.01, 0.03),
        "gpt-4-0125-preview": (0.01, 0.03),
        "gpt-4-turbo-preview": (0.01, 0.03),
        "gpt-4-vision-preview": (0.01, 0.03),
        "gpt-4-1106-vision-preview": (0.01, 0.03),
        "gpt-4.5-preview": (0.075, 0.15),
        "chatgpt-4o-latest": (0.005, 0.015),
        # Anthropic's.
        "claude-instant-1.2": (0.0008, 0.0024),
        # Groq's.
        "llama3-8b-8192": (0.00005, 0.00008),
        "llama3-70b-8192": (0.00059, 0.00079),
        "llama3-groq-8b-8192-tool-use-preview": 0.00019,
        "llama3-groq-70b-8192-tool-use-preview": 0.00089,
    }
)
"""USD per 1,000 tokens by model: one number, or a pair of input and output.

Prices that programs add win over the maintained source; a `price` in a config wins over both.
"""


def get_listed_price(model: str) -> Price | None:
    """Return the price in OAI_PRICE1K, or None if the table doesn't have the model."""
    for name in (model, *iter_model_names(model)):
        if name in OAI_PRICE1K:
            price = OAI_PRICE1K[name]
            return (price[0], price[1]) if isinstance(price, (list, tuple)) else (price, price)
    return None


def get_maintained_price(model: str) -> Price | None:
    """Return the price of short requests in the maintained source, or None if it doesn't know the model."""
    prompt = compute_maintained_cost(model, {"prompt_tokens": 1000})
    completion = compute_maintained_cost(model, {"completion_tokens": 1000})
    return None if prompt is None or completion is None else (prompt, completion)


def compute_maintained_cost(model: str, usage: TokenUsage, base_url: str | None = None) -> float | None:
    """Return today's cost of a response in USD by the maintained source, or None if it doesn't know the model.

    Args:
        model: The model's name in the response.
        usage: The tokens and the vendor's searches. The parts of tokens are included in `prompt_tokens` and
            `completion_tokens`.
        base_url: The address of the endpoint, if known. Some models have a price at each host.
    """
    totals = {"input_tokens": usage.get("prompt_tokens") or 0, "output_tokens": usage.get("completion_tokens") or 0}
    parts = {
        "cache_read_tokens": usage.get("cached_tokens"),
        "cache_write_tokens": usage.get("cache_write_tokens"),
        "cache_write_1h_tokens": usage.get("cache_write_1h_tokens"),
        "input_audio_tokens": usage.get("input_audio_tokens"),
        "output_audio_tokens": usage.get("output_audio_tokens"),
        "output_reasoning_tokens": usage.get("reasoning_tokens"),
    }
    searches = {"web_searches": usage.get("web_searches"), "storage_searches": usage.get("storage_searches")}
    whole = totals | {name: count for name, count in searches.items() if count}
    calculation = calculate_price(model, base_url, whole | {name: count for name, count in parts.items() if count}, whole)
    return None if calculation is None else float(calculation.total_price)
