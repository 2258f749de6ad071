"""The cache key of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .._images.storage import has_media, shorten_data_uris

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


def get_key(config: Mapping[str, object]) -> str:
    """Return the cache key of a request: its parameters as JSON, without those that don't change the response.

    Raises:
        TypeError: if a parameter is not JSON.
    """
    if not config.keys().isdisjoint(NON_CACHE_KEY):
        config = {key: value for key, value in config.items() if key not in NON_CACHE_KEY}
    if isinstance(messages := config.get("messages"), list) and has_media(messages):
        config = {**config, "messages": shorten_data_uris(messages)}
    return json.dumps(config, sort_keys=True)
