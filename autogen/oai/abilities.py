"""The abilities of models: pictures, tools, schemas, thinking, context lengths.

The facts come from a table that is part of the package, made of maintained sources at each release. An entry of a config
list corrects and completes them:

>>> entry = {"model": "our-deployment", "api_type": "azure", "abilities": {"like": "gpt-4o", "vision": False}}
>>> abilities = get_abilities(entry)
>>> abilities.schema, abilities.vision, abilities.max_output
('native', False, 16384)
>>> get_abilities("a-model-of-tomorrow").vision is None
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._mistakes import suggest
from .._models.abilities import CHOICES, NAMES, Abilities, find_abilities
from .._models.served import QUESTIONS, find_root, recall_facts
from ._endpoints.provider_registry import find_provider
from ._usage.cost import find_price_source

__all__ = ["Abilities", "check_abilities", "get_abilities", "get_price_source"]

_COUNTS = ("context", "max_output", "cache_min")
_TEXTS = ("like", "thinking_field", "deprecated")


def get_abilities(entry: Mapping[str, Any] | str) -> Abilities:
    """Return what the model of a config entry can do. Abilities that are unknown are None.

    Servers of open models are asked once in a process, by the first request; this function sends none.

    Args:
        entry: An entry of a config list, or the name of a model.

    Raises:
        ValueError: if the `abilities` of the entry are invalid.
    """
    if isinstance(entry, str):
        return find_abilities(entry)
    overrides = dict(check_abilities(entry.get("abilities")))
    if isinstance(entry.get("vision"), bool):
        overrides["vision"] = entry["vision"]
    model, provider = str(entry.get("model")), find_provider(entry)
    if provider.api_type in QUESTIONS and "like" not in overrides:
        address = entry.get("base_url") or entry.get("client_host") or provider.connection.base_url
        overrides = {**(recall_facts(find_root(str(address)), model) or {}), **overrides}
    return find_abilities(model, provider.api_type, overrides)


def get_price_source(entry: Mapping[str, Any]) -> str | None:
    """Return where the price of an entry's model comes from; None if its price is unknown.

    Args:
        entry: An entry of a config list.

    Returns:
        `config` (its `price`), `free` (a model on this machine), `OAI_PRICE1K` (the table of programs), `genai-prices` (the
        maintained list), or None.
    """
    if entry.get("price") is not None:
        return "config"
    provider = find_provider(entry)
    if provider.free:
        return "free"
    address = entry.get("base_url") or provider.connection.base_url
    return find_price_source(str(entry.get("model")), str(address) if address else None)


def check_abilities(abilities: object) -> Mapping[str, Any]:
    """Return the `abilities` of a config entry, which are a dict; an empty one for None.

    Raises:
        ValueError: if a name is unknown, or a value is invalid.
    """
    if abilities is None:
        return {}
    if not isinstance(abilities, Mapping):
        raise ValueError(f"abilities must be a dict of facts about the model, got {abilities!r}.")
    for name, value in abilities.items():
        if name not in (*NAMES, "like"):
            raise ValueError(f"abilities has no {name!r}.{suggest(str(name), (*NAMES, 'like'))} It has {', '.join(NAMES)}.")
        if value is not None and (expected := _find_expectation(str(name), value)):
            raise ValueError(f"The ability {name} must be {expected}, got {value!r}.")
    return abilities


def _find_expectation(name: str, value: object) -> str:
    """Return the description of the values that an ability may have; nothing if the value is one of them."""
    if name in _COUNTS:
        is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return "" if is_count else "a positive whole number of tokens"
    if name in _TEXTS:
        return "" if isinstance(value, str) else "a text"
    if name == "efforts":
        are_texts = isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(one, str) for one in value)
        return "" if are_texts else "a list of values of reasoning_effort"
    if name in CHOICES:
        choices = CHOICES[name]
        is_choice = any(value is choice or (isinstance(choice, str) and value == choice) for choice in choices)
        return "" if is_choice else f"one of {', '.join(map(repr, choices))}"
    return "" if isinstance(value, bool) else "True or False"
