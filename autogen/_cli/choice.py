"""Choosing the model that a command uses."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from .._models.catalogue import is_private
from ..oai._config.environment import CONFIG_LIST, DEFAULT_MODELS
from ..oai._endpoints.connections import DUMMY_KEY
from ..oai._endpoints.provider_registry import PROVIDERS
from ..oai._local import weights
from ..oai.openai_utils import config_list_from_json
from .demo import MODEL as LOCAL_MODEL

if TYPE_CHECKING:
    from ..types import ConfigEntry


class Choice(NamedTuple):
    """A config list, and its label in messages to the user."""

    config_list: list[ConfigEntry]
    label: str


def choose_model(config: str | None, model: str | None, base_url: str | None = None) -> Choice:
    """Choose the config list.

    The order is: the address in `base_url`; a local model; the named list or OAI_CONFIG_LIST; `vendor/name`; a vendor's key
    in the environment; the model on this machine.

    Args:
        config: Name of a config list: a file, or an environment variable.
        model: Name of a model in the list, of a local model, or `vendor/name`.
        base_url: Address of a server with OpenAI's protocol.

    Raises:
        FileNotFoundError: if the named config list does not exist.
        ValueError: if the list has no such model, the vendor is unknown, or the address is not a URL.
    """
    if base_url is not None:
        return _choose_address(base_url, model)
    # A local model needs no config list.
    if model and (model in weights.CATALOGUE or model.endswith(".gguf")):
        return _choose_local(model)
    if config or os.environ.get(CONFIG_LIST) or Path(CONFIG_LIST).exists():
        return _choose_from_list(config or CONFIG_LIST, model)
    if model and (choice := _choose_vendor(model)):
        return choice
    if os.environ.get("OPENAI_BASE_URL") and not os.environ.get("OPENAI_API_KEY"):
        entry = {"model": model or DEFAULT_MODELS["openai"], "api_key": DUMMY_KEY}
        return Choice([cast("ConfigEntry", entry)], f"{entry['model']} (OPENAI_BASE_URL is set)")
    for api_type, default in DEFAULT_MODELS.items():
        variable = _find_key_variable(api_type)
        if variable and (not model or api_type == "openai"):
            return _make_vendor_choice(api_type, model or default, f"{variable} is set")
    if model:
        raise ValueError(
            f"There is no local model {model!r}, no {CONFIG_LIST} and no OPENAI_API_KEY. "
            "A vendor's model is --model vendor/name; local models: autogen models list"
        )
    return _choose_local(LOCAL_MODEL)


def _choose_from_list(source: str, model: str | None) -> Choice:
    entries = config_list_from_json(source, file_location=None)
    names = [str(entry.get("model")) for entry in entries]
    if model:
        entries = [entry for entry in entries if entry.get("model") == model]
    if not entries:
        if model and (choice := _choose_vendor(model)):
            return choice
        raise ValueError(f"{source} has no model {model!r}; it has: {', '.join(names) or 'nothing'}.")
    return Choice(entries, f"{entries[0].get('model')} (first of {len(entries)} in {source})")


def _choose_local(model: str) -> Choice:
    return Choice([{"model": model, "api_type": "local"}], f"{model} (on this machine)")


def _choose_vendor(model: str) -> Choice | None:
    """Return the choice for `vendor/name`; None if there is no slash, or OPENAI_API_KEY may know a name with a slash.

    Raises:
        ValueError: if the vendor is unknown.
    """
    vendor, slash, name = model.partition("/")
    names = {alias: row.api_type for row in PROVIDERS.values() for alias in (row.api_type, *row.aliases)}
    if slash and name and vendor.lower() in names:
        api_type = names[vendor.lower()]
        if api_type == "local":
            return _choose_local(name)
        variable = _find_key_variable(api_type)
        return _make_vendor_choice(api_type, name, f"{variable} is set" if variable else "")
    # A gateway behind OPENAI_BASE_URL has names with slashes.
    if not slash or os.environ.get("OPENAI_BASE_URL"):
        return None
    near = get_close_matches(vendor.lower(), names, n=1, cutoff=0.6)
    hint = f"Did you mean {names[near[0]]}/{name}?" if near else f"Vendors: {', '.join(sorted(PROVIDERS))}."
    raise ValueError(f"--model must be vendor/name with a known vendor, got {model!r}. {hint}")


def _choose_address(base_url: str, model: str | None) -> Choice:
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"--base-url must begin with http:// or https://, got {base_url!r}.")
    if not model:
        raise ValueError("--base-url needs --model NAME, the name of the model at that address.")
    vendor, _, name = model.partition("/")
    entry = {"model": model, "base_url": base_url}
    api_type = "openai"
    if name and vendor.lower() in PROVIDERS:
        api_type = entry["api_type"] = vendor.lower()
        entry["model"] = name
    # A key of OpenAI's is not for a server on this machine or in its network.
    if api_type == "openai" and (is_private(base_url) or not _find_key_variable(api_type)):
        entry["api_key"] = DUMMY_KEY
    return Choice([cast("ConfigEntry", entry)], f"{entry['model']} at {base_url}")


def _find_key_variable(api_type: str) -> str | None:
    return next((name for name in PROVIDERS[api_type].connection.key_variables if os.environ.get(name)), None)


def _make_vendor_choice(api_type: str, model: str, reason: str) -> Choice:
    entry: ConfigEntry = {"model": model}
    if api_type != "openai":
        entry["api_type"] = api_type
    return Choice([entry], f"{model} at {PROVIDERS[api_type].title}" + (f" ({reason})" if reason else ""))
