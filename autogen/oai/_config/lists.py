"""Config lists: building them from keys, and filtering them."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..._secret_string import Secret
from ..._secrets import redact

if TYPE_CHECKING:
    from ...types import ConfigEntry

Entry = TypeVar("Entry", bound=Mapping[str, object])

_MAX_SHOWN = 20  # entries in a message to people


def get_config(
    api_key: str | None, base_url: str | None = None, api_type: str | None = None, api_version: str | None = None
) -> ConfigEntry:
    """Return an entry of a config list. Environment variables `base_url`, `api_type` and `api_version` win over arguments.

    >>> get_config("sk-1", api_type="azure")
    {'api_key': '***', 'api_type': 'azure'}
    """
    entry: ConfigEntry = {"api_key": _hide(api_key)}
    if url := os.environ.get("base_url", base_url):  # noqa: SIM112 - 0.2's name
        entry["base_url"] = url
    if kind := os.environ.get("api_type", api_type):  # noqa: SIM112
        entry["api_type"] = kind
    if version := os.environ.get("api_version", api_version):  # noqa: SIM112
        entry["api_version"] = version
    return entry


def get_config_list(
    api_keys: list[str],
    base_urls: list[str] | None = None,
    api_type: str | None = None,
    api_version: str | None = None,
) -> list[ConfigEntry]:
    """Return a config list with one entry for each key that is not blank.

    Args:
        api_keys: The keys. A blank key is left out, with its URL.
        base_urls: The URL for each key.
        api_type: The `api_type` of all entries.
        api_version: The `api_version` of all entries.

    Raises:
        AssertionError: if the numbers of keys and URLs differ.
    """
    if base_urls is not None:
        assert len(base_urls) == len(api_keys), (
            f"The lengths must match: got {len(api_keys)} keys and {len(base_urls)} URLs."
        )
    entries: list[ConfigEntry] = []
    for index, key in enumerate(api_keys):
        if not key or not key.strip():
            continue
        entry: ConfigEntry = {"api_key": _hide(key)}
        if base_urls:
            entry["base_url"] = base_urls[index]
        if api_type:
            entry["api_type"] = api_type
        if api_version:
            entry["api_version"] = api_version
        entries.append(entry)
    return entries


def is_valid_api_key(api_key: str) -> bool:
    """Return True if a key has the form of OpenAI's keys. Keys of other vendors may have other forms.

    >>> is_valid_api_key("sk-" + "a1" * 24), is_valid_api_key("not-needed")
    (True, False)
    """
    return bool(re.fullmatch(r"sk-(?:[A-Za-z0-9]+-+)*[A-Za-z0-9]{32,}", api_key))


def _hide(key: str | None) -> str | None:
    return Secret(key) if key else key


def validate_config_list(config_list: object) -> None:
    """Check that a config list is a sequence of dicts.

    Raises:
        ValueError: if it is not; the error names the entry.
    """
    if isinstance(config_list, Mapping):
        raise ValueError("config_list must be a list of dicts, got a single dict: put it into brackets, [{...}].")
    if isinstance(config_list, str):
        hint = "config_list_from_json reads a list from a file, or from JSON in an environment variable."
        raise ValueError(f"config_list must be a list of dicts, got a str. {hint}")
    # Read several times, so an iterator won't do.
    if not isinstance(config_list, Sequence):
        raise ValueError(f"config_list must be a list of dicts, got {type(config_list).__name__}.")
    for number, entry in enumerate(config_list, start=1):
        if not isinstance(entry, Mapping):
            hint = ' For a model alone write {"model": "..."}.' if isinstance(entry, str) else ""
            raise ValueError(f"Entry {number} of the config_list must be a dict, got {type(entry).__name__}.{hint}")
        if "config_list" in entry:
            raise ValueError(f"Entry {number} of the config_list has a config_list itself: put its entries into the list.")


def get_first_llm_config(llm_config: Mapping[str, object]) -> dict[str, Any]:
    """Return a deep copy of the first entry of a config; a config without a list is an entry itself.

    Args:
        llm_config: The config.

    Raises:
        ValueError: if it has no entry.
    """
    entries = llm_config.get("config_list", [llm_config] if llm_config.get("model") else [])
    validate_config_list(entries)
    if not entries:
        raise ValueError("The llm_config has no entry: it needs a 'config_list', or a 'model'.")
    return copy.deepcopy(dict(cast("Sequence[Mapping[str, Any]]", entries)[0]))


def filter_config(config_list: list[Entry], filter_dict: Mapping[str, object] | None, exclude: bool = False) -> list[Entry]:
    """Return the entries that match for every key of the filter.

    Args:
        config_list: The entries.
        filter_dict: The accepted values for each key. A list in an entry (`tags`) matches if it shares a value with them. An
            entry without the key doesn't match, whatever the values are.
        exclude: Whether to return the entries that match for no key instead.

    >>> filter_config([{"model": "a", "tags": ["x", "y"]}, {"model": "b"}], {"tags": ["x"]})
    [{'model': 'a', 'tags': ['x', 'y']}]
    """
    # The list itself, not a copy, as in 0.2.
    if not filter_dict:
        return config_list
    return [
        entry
        for entry in config_list
        if all(_matches(entry.get(key), accepted) != exclude for key, accepted in filter_dict.items())
    ]


def _matches(value: object, accepted: object) -> bool:
    if value is None:
        return False
    if isinstance(value, list):
        return bool(set(value) & set(accepted))  # type: ignore[call-overload]
    return value in accepted  # type: ignore[operator]


def explain_mismatches(config_list: Sequence[Mapping[str, object]], filter_dict: Mapping[str, object]) -> str:
    """Return the reasons why no entry passes a filter: a line for each entry, without secrets."""
    lines = []
    for number, entry in enumerate(config_list[:_MAX_SHOWN], start=1):
        failed = [key for key, accepted in filter_dict.items() if not _matches(entry.get(key), accepted)]
        shown = redact({key: entry.get(key) for key in failed})
        reasons = [f"{key!r} is {shown[key]!r}" if entry.get(key) is not None else f"it has no {key!r}" for key in failed]
        lines.append(f"- entry {number} ({entry.get('model', 'no model')}): {', '.join(reasons)}")
    if len(config_list) > _MAX_SHOWN:
        lines.append(f"- and {len(config_list) - _MAX_SHOWN} more")
    return "\n".join(lines)
