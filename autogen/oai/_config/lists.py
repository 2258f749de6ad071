"""Config lists that are made of keys, and the choice of entries."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..._secret_text import Secret
from ..._secrets import redact

_MOST_SHOWN = 20  # entries, in a message to people


def get_config(
    api_key: str | None, base_url: str | None = None, api_type: str | None = None, api_version: str | None = None
) -> dict[str, Any]:
    """One entry of a config list. An environment variable `base_url`, `api_type` or `api_version` replaces the argument.

    >>> get_config("sk-1", api_type="azure")
    {'api_key': '***', 'api_type': 'azure'}
    """
    optional = {"base_url": base_url, "api_type": api_type, "api_version": api_version}
    found = {name: os.environ.get(name, value) for name, value in optional.items()}
    return {"api_key": _hidden(api_key), **{name: value for name, value in found.items() if value}}


def get_config_list(
    api_keys: list[str],
    base_urls: list[str] | None = None,
    api_type: str | None = None,
    api_version: str | None = None,
) -> list[dict[str, Any]]:
    """A config list with one entry for each key that is not blank.

    Args:
        api_keys: The keys. A blank one is left out, with its URL.
        base_urls: The URL for each of them.
        api_type: For all of them.
        api_version: For all of them.

    Raises:
        AssertionError: There are not as many URLs as keys.
    """
    if base_urls is not None:
        assert len(base_urls) == len(api_keys), (
            f"The lengths must match: there are {len(api_keys)} keys and {len(base_urls)} URLs."
        )
    shared = {name: value for name, value in (("api_type", api_type), ("api_version", api_version)) if value}
    return [
        {"api_key": _hidden(key), **({"base_url": base_urls[index]} if base_urls else {}), **shared}
        for index, key in enumerate(api_keys)
        if key and key.strip()
    ]


def is_valid_api_key(api_key: str) -> bool:
    """Whether a key looks like one of OpenAI's. Keys of other vendors, and newer ones, need not.

    >>> is_valid_api_key("sk-" + "a1" * 24), is_valid_api_key("not-needed")
    (True, False)
    """
    return bool(re.fullmatch(r"sk-(?:[A-Za-z0-9]+-+)*[A-Za-z0-9]{32,}", api_key))


def _hidden(key: str | None) -> str | None:
    return Secret(key) if key else key


def filter_config(
    config_list: list[dict[str, Any]], filter_dict: Mapping[str, Any] | None, exclude: bool = False
) -> list[dict[str, Any]]:
    """The entries that match for every key of the filter.

    Args:
        config_list: The entries.
        filter_dict: For each key the values that match. An entry's list (`tags`) matches if it shares one of them; an
            entry without the key does not match, whatever the values are.
        exclude: Keep the entries that match for no key instead.

    >>> filter_config([{"model": "a", "tags": ["x", "y"]}, {"model": "b"}], {"tags": ["x"]})
    [{'model': 'a', 'tags': ['x', 'y']}]
    """
    if not filter_dict:
        return config_list
    return [
        entry
        for entry in config_list
        if all(_matches(entry.get(key), accepted) != exclude for key, accepted in filter_dict.items())
    ]


def _matches(value: Any, accepted: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, list):
        return bool(set(value) & set(accepted))
    return value in accepted


def explain_mismatches(config_list: list[dict[str, Any]], filter_dict: Mapping[str, Any]) -> str:
    """For each entry the keys of the filter that removed it, for people: one line an entry, no secrets."""
    lines = []
    for number, entry in enumerate(config_list[:_MOST_SHOWN], start=1):
        failed = [key for key, accepted in filter_dict.items() if not _matches(entry.get(key), accepted)]
        shown = redact({key: entry.get(key) for key in failed})
        reasons = [f"{key!r} is {shown[key]!r}" if entry.get(key) is not None else f"it has no {key!r}" for key in failed]
        lines.append(f"- entry {number} ({entry.get('model', 'no model')}): {', '.join(reasons)}")
    if len(config_list) > _MOST_SHOWN:
        lines.append(f"- and {len(config_list) - _MOST_SHOWN} more")
    return "\n".join(lines)
