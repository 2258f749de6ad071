"""Prices and context lengths of models, from the maintained lists of `genai-prices`.

The lists are part of that package, so no network is needed. They are loaded by the first question that our own tables don't
answer. This module is below `oai` and `token_count_utils`, which both use it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .abilities import find_abilities

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

logger = logging.getLogger("autogen.oai.client")

_DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_BEDROCK = re.compile(r"(\w+\.)?(ai21|amazon|anthropic|cohere|deepseek|meta|mistral)\.")
# Tags of Ollama: a model with one runs on a private server, whatever the name in front is.
_OLLAMA_TAG = re.compile(r":(latest|\d+(\.\d+)?[bm]\b)", re.IGNORECASE)
# Models without open weights: behind a private address there is a gateway to their vendor.
_CLOSED_MODELS = re.compile(r"(chatgpt|claude|gemini|gpt-(?!oss)|grok|o\d)", re.IGNORECASE)


def iter_model_names(model: str) -> Iterator[str]:
    """Yield a model's name, and shorter ones without `models/`, vendor, date and Azure's spelling, the closest first."""
    plain = model.removeprefix("models/")
    for name in (plain, plain.rpartition("/")[2]):
        name = re.sub(r"^gpt-?35", "gpt-3.5", name)
        yield from (name, _DATE.sub("", name))


def get_context_limit(model: str) -> int | None:
    """Return the context length of a model in tokens, or None if it is unknown."""
    if (limit := find_abilities(model).context) is not None:
        return limit
    calculation = calculate_price(model, None, {})
    return calculation.model.context_window if calculation else None


def calculate_price(model: str, base_url: str | None, *counts: dict[str, int]) -> PriceCalculation | None:
    """Return the maintained source's price calculation, or None if it doesn't know the model.

    Args:
        model: The model's name.
        base_url: The address of the endpoint, if known. Some models have a price at each host.
        *counts: Token counts as the source names them. The first that are consistent are used: a server may report parts
            that are larger than the whole, and is charged for the whole then.
    """
    # Endpoints without a URL have a name for people here.
    if base_url and not base_url.startswith("http"):
        base_url = None
    if base_url and is_private(base_url):
        # Names of Bedrock's form, too, are those of a vendor's models.
        if not (_CLOSED_MODELS.match(model.rpartition("/")[2]) or _BEDROCK.match(model)):
            return None
        base_url = None
    source = None if _OLLAMA_TAG.search(model) else _load_source()
    if source is None:
        return None
    for name, provider in _iter_queries(model, base_url):
        for count in counts:
            try:
                calculation: PriceCalculation = source.calc_price(source.Usage(**count), name, **provider)
                return calculation
            except LookupError:
                break
            except ValueError:
                continue
    return None


@cache
def _load_source() -> ModuleType | None:
    try:
        return import_module("genai_prices")
    except ImportError as error:
        hint = 'pip install -U "genai-prices" installs it.'
        logger.warning("Prices of current models are unknown, because genai-prices can't be loaded (%s). %s", error, hint)
        return None


def _iter_queries(model: str, base_url: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield queries for the source: a name, and the provider by id or address. The first result counts."""
    plain = model.removeprefix("models/")
    vendor, slash, rest = plain.partition("/")
    if base_url:
        yield plain, {"provider_api_url": base_url}
    if _BEDROCK.match(plain):
        yield plain, {"provider_id": "aws"}
    if slash:
        # Only with the vendor: the price of a namesake elsewhere would be a guess.
        yield rest, {"provider_id": vendor}
        return
    for name in iter_model_names(plain):
        yield name, {}


def is_loopback(base_url: str) -> bool:
    """Return True if an address is on this machine."""
    try:
        host = urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(base_url: str) -> bool:
    """Return True if an address is on this machine or in its own network."""
    host = ""
    try:
        host = urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or ""
        return ip_address(host).is_private
    except ValueError:
        # Not an IP address. A name without dots is one of the local network.
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))
