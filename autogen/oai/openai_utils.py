"""Config lists: reading them, filtering them, and the key of a request in a cache."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._cost import OAI_PRICE1K

__all__ = [
    "DEFAULT_AZURE_API_VERSION",
    "NON_CACHE_KEY",
    "OAI_PRICE1K",
    "config_list_from_json",
    "filter_config",
    "get_config_list",
    "get_key",
]

logger = logging.getLogger(__name__)

NON_CACHE_KEY = [
    "api_key",
    "base_url",
    "api_type",
    "api_version",
    "azure_ad_token",
    "azure_ad_token_provider",
    "credentials",
    "tool_config",
]
DEFAULT_AZURE_API_VERSION = "2024-02-01"


def get_key(config: Mapping[str, Any]) -> str:
    """The key of a request in a cache: its parameters as JSON, without what doesn't change the answer.

    Raises:
        TypeError: A parameter can't be written as JSON.
    """
    if any(key in config for key in NON_CACHE_KEY):
        config = {key: value for key, value in config.items() if key not in NON_CACHE_KEY}
    return json.dumps(config, sort_keys=True)


def get_config_list(
    api_keys: list[str],
    base_urls: list[str] | None = None,
    api_type: str | None = None,
    api_version: str | None = None,
) -> list[dict[str, Any]]:
    """A config list with one entry for each key that is not blank.

    Raises:
        AssertionError: There are not as many URLs as keys.
    """
    if base_urls is not None:
        assert len(base_urls) == len(api_keys), (
            f"The lengths must match: there are {len(api_keys)} keys and {len(base_urls)} URLs."
        )
    entries = []
    for index, key in enumerate(api_keys):
        if not key.strip():
            continue
        optional = {
            "base_url": base_urls[index] if base_urls else None,
            "api_type": api_type,
            "api_version": api_version,
        }
        entries.append({"api_key": key, **{name: value for name, value in optional.items() if value}})
    return entries


def config_list_from_json(
    env_or_file: str,
    file_location: str | None = "",
    filter_dict: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Read a config list from an environment variable or a file.

    Args:
        env_or_file: The name of an environment variable that holds JSON or the path of a JSON file; if there is none,
            the name of a file.
        file_location: The folder of that file.
        filter_dict: See `filter_config`.

    Raises:
        FileNotFoundError: There is neither such a variable nor such a file. The text says where was looked.
        json.JSONDecodeError: It is not JSON. The text says where.
        ValueError: It is no list of dicts.

    >>> config_list_from_json("OAI_CONFIG_LIST", filter_dict={"tags": ["local"]})  # doctest: +SKIP
    """
    text, source = _config_text(env_or_file, file_location)
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(f"{source} is not valid JSON: {error.msg}", error.doc, error.pos) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{source} must hold a JSON list of objects, one for each endpoint.")
    kept = filter_config(entries, filter_dict)
    if entries and not kept:
        found = ", ".join(str(entry.get("model", "no model")) for entry in entries)
        logger.warning("No entry of %s passes the filter %s; there are: %s.", source, filter_dict, found)
    return kept


def _config_text(env_or_file: str, file_location: str | None) -> tuple[str, str]:
    value = os.environ.get(env_or_file)
    if value and not os.path.exists(value):
        return value, f"The environment variable {env_or_file}"
    path = Path(value) if value else Path(file_location or "", env_or_file)
    try:
        return path.read_text(encoding="utf-8"), f"The file {path}"
    except FileNotFoundError:
        raise FileNotFoundError(
            f"No config list: the environment variable {env_or_file} is not set, and there is no file {path.absolute()}. "
            "OAI_CONFIG_LIST_sample shows the form."
        ) from None


def filter_config(
    config_list: list[dict[str, Any]], filter_dict: Mapping[str, Any] | None, exclude: bool = False
) -> list[dict[str, Any]]:
    """The entries that match for every key of the filter.

    Args:
        config_list: The entries.
        filter_dict: For each key the values that match. An entry's list (`tags`) matches if it shares one of them; an
            entry without the key does not match.
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
