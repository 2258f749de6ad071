"""Caches of responses."""

from __future__ import annotations

import logging

from ...cache.abstract_cache_base import AbstractCache
from .._model_client import ModelResponse
from .serialization import from_json, to_json

logger = logging.getLogger("autogen.oai.client")


class CacheSlot:
    """The slot of one request in a cache.

    Args:
        cache: The cache.
        key: Key of the request; see `openai_utils.get_key`.
    """

    def __init__(self, cache: AbstractCache, key: str) -> None:
        self._cache = cache
        self._key = key

    def load(self) -> ModelResponse | None:
        """Return the stored response; None if there is none, or it can't be read."""
        return from_json(self.load_json())

    def save(self, response: ModelResponse) -> None:
        """Store a response. If JSON can't hold it, a warning is logged instead."""
        # The response was paid, so it must not be lost because of the cache.
        try:
            self.save_json(to_json(response))
        except TypeError as error:
            logger.warning("A response is not cached: %s", error)

    def load_json(self) -> object:
        """Return the stored value as it is."""
        # Entered for each access, as in 0.2: a cache on disk may be closed in between.
        with self._cache as store:
            return store.get(self._key, None)

    def save_json(self, value: object) -> None:
        """Store any value that JSON can hold."""
        with self._cache as store:
            store.set(self._key, value)
