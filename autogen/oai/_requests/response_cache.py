"""Where answers are kept, for a request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...cache.disk_cache import DiskCache
from ..openai_utils import get_key
from .serialization import from_json, to_json

logger = logging.getLogger("autogen.oai.client")

LEGACY_DEFAULT_CACHE_SEED = 41  # where neither a config nor a call says otherwise
LEGACY_CACHE_DIR = ".cache"


class ResponseCache:
    """The place of one request in a cache.

    Args:
        cache: The cache; None keeps nothing.
        params: The parameters of the request.
    """

    def __init__(self, cache: Any, params: Mapping[str, Any]) -> None:
        self._cache = cache
        self._key = "" if cache is None else get_key(params)

    def look_up(self) -> Any:
        """The answer; None if there is none that can be read."""
        if self._cache is None:
            return None
        with self._cache as store:
            stored = store.get(self._key, None)
        return from_json(stored)

    def store(self, response: Any) -> None:
        """Keep an answer. One that JSON can't hold is logged, and not kept."""
        if self._cache is None:
            return
        try:
            stored = to_json(response)
        except TypeError as error:
            logger.warning("An answer is not cached: %s", error)
            return
        with self._cache as store:
            store.set(self._key, stored)


def cache_for(extra: Mapping[str, Any]) -> Any:
    """The cache that a request asks for; None for none."""
    if (cache := extra.get("cache")) is not None:
        return cache
    seed = extra.get("cache_seed", LEGACY_DEFAULT_CACHE_SEED)
    return None if seed is None else DiskCache(Path(LEGACY_CACHE_DIR, str(seed)))
