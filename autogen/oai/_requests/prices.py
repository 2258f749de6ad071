"""Where prices and context limits come from: our own table first, then the maintained lists of `genai-prices`.

The lists lie inside that package, so nothing is asked over the network. They are loaded at the first question about a model
that our own table does not have.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

logger = logging.getLogger("autogen.oai.client")

Price = tuple[float, float]


class PriceTable(dict[str, "float | Price"]):
    """Prices by model. Reading one that is not listed asks the maintained source; `in`, `get` and loops see the list."""

    def __missing__(self, model: str) -> Price:
        found = get_maintained_price(model)
        if found is None:
            raise KeyError(model)
        return found


# As OpenAI published them, checked 2026-11. Models that are still sold are in the maintained source, with their prices for
# cached input, which a pair can't say.
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
        "claude-instant-1.2": (0.0008, 0.0024),  # by Anthropic
    }
)
"""USD for 1,000 tokens by model: one number, or one for input and one for output.

What users put into it comes before the maintained source; a `price` in a config comes before both.
"""

_DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_BEDROCK = re.compile(r"(\w+\.)?(ai21|amazon|anthropic|cohere|deepseek|meta|mistral)\.")
_OLLAMA_TAG = re.compile(r":(latest|\d+(\.\d+)?[bm]\b)", re.IGNORECASE)  # somebody's own server, whatever the name in front
_ONLY_SOLD = re.compile(r"(chatgpt|claude|gemini|gpt-(?!oss)|grok|o\d)", re.IGNORECASE)  # nobody runs these himself


def iter_model_names(model: str) -> Iterator[str]:
    """A model's name, and what it is called without `models/`, vendor, Azure's spelling and date: the closest first."""
    plain = model.removeprefix("models/")
    for name in (plain, plain.rpartition("/")[2]):
        name = re.sub(r"^gpt-?35", "gpt-3.5", name)
        yield from (name, _DATE.sub("", name))


def get_listed_price(model: str) -> Price | None:
    """The price in OAI_PRICE1K, USD for 1,000 tokens in and out; None if the table does not have it."""
    for name in (model, *iter_model_names(model)):
        if name in OAI_PRICE1K:
            price = OAI_PRICE1K[name]
            return (price[0], price[1]) if isinstance(price, (list, tuple)) else (price, price)
    return None


def get_maintained_price(model: str) -> Price | None:
    """The price for short requests in the maintained source, USD for 1,000 tokens in and out."""
    sides = ({"prompt_tokens": 1000}, {"completion_tokens": 1000})
    costs = [compute_maintained_cost(model, side) for side in sides]
    return None if costs[0] is None or costs[1] is None else (costs[0], costs[1])


def compute_maintained_cost(model: str, usage: Mapping[str, Any], base_url: str | None = None) -> float | None:
    """USD for the tokens of one answer as the maintained source prices them today; None if it does not know the model.

    Args:
        model: The model's name in the answer.
        usage: `prompt_tokens` and `completion_tokens`; `cached_tokens`, `cache_write_tokens`, `input_audio_tokens`,
            `output_audio_tokens` and `reasoning_tokens` are parts of these.
        base_url: Where the answer comes from. Some models have a price at each host.
    """
    whole = {"input_tokens": usage.get("prompt_tokens") or 0, "output_tokens": usage.get("completion_tokens") or 0}
    parts = {theirs: usage[ours] for ours, theirs in _PARTS.items() if usage.get(ours)}
    found = _calculate(model, base_url, {**whole, **parts}, whole)
    return None if found is None else float(found.total_price)


_PARTS = {
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
}


def get_context_limit(model: str) -> int | None:
    """How many tokens a model takes, after the maintained source; None if that does not say."""
    found = _calculate(model, None, {})
    return found.model.context_window if found else None


def _calculate(model: str, base_url: str | None, *counts: dict[str, Any]) -> Any:
    """The source's calculation for a model, of the first counts that make sense; None if it does not know the model."""
    if base_url and not base_url.startswith("http"):  # a name for people, such as an endpoint without a URL has
        base_url = None
    if base_url and is_private(base_url):  # one's own server, or a gateway to somebody who charges
        if not _ONLY_SOLD.match(model.rpartition("/")[2]):
            return None
        base_url = None
    source = None if _OLLAMA_TAG.search(model) else _source()
    if source is None:
        return None
    for name, where in _questions(model, base_url):
        for one in counts:  # a server whose parts exceed the whole is charged for the whole
            try:
                return source.calc_price(source.Usage(**one), name, **where)
            except LookupError:
                break
            except ValueError:
                continue
    return None


@cache
def _source() -> Any:
    try:
        return import_module("genai_prices")
    except ImportError as error:
        hint = 'pip install -U "genai-prices" brings it.'
        logger.warning("Prices of current models are not known, their source can't be loaded (%s). %s", error, hint)
        return None


def _questions(model: str, base_url: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """What to ask the source: a name, and the provider by its id or by its address. The first answer counts."""
    plain = model.removeprefix("models/")
    vendor, slash, rest = plain.partition("/")
    if base_url:
        yield plain, {"provider_api_url": base_url}
    if _BEDROCK.match(plain):
        yield plain, {"provider_id": "aws"}
    if slash:  # only a vendor that the source knows: for others, a price would be a guess
        yield rest, {"provider_id": vendor}
        return
    for name in iter_model_names(plain):
        yield name, {}


def is_private(base_url: str) -> bool:
    """Whether an address is on this machine or in its own network."""
    host = ""
    try:
        host = urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or ""
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))
