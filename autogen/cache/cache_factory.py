"""Creation of caches from their configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from .abstract_cache_base import AbstractCache
from .cosmos_db_cache import CosmosDBCache, CosmosDBConfig
from .disk_cache import DiskCache
from .redis_cache import RedisCache


class CacheFactory:
    """Creates caches."""

    @staticmethod
    def cache_factory(
        seed: str | int,
        redis_url: str | None = None,
        cache_path_root: str | None = ".cache",
        cosmosdb_config: dict[str, Any] | None = None,
    ) -> AbstractCache:
        """Create a cache: in Redis if there is a URL, else in Cosmos DB if there is a config, else on disk.

        Args:
            seed: The namespace of the keys.
            redis_url: The URL of a Redis server.
            cache_path_root: The directory of all caches on disk, with a subdirectory for each seed; None for `.cache`.
            cosmosdb_config: The connection to Cosmos DB; see `CosmosDBConfig`.

        Raises:
            ImportError: if the package for Redis or Cosmos DB is not installed. There is no fallback: nobody would look for
                the entries in another cache.
            ValueError: if the URL or the config is invalid.
        """
        if redis_url is not None:
            return RedisCache(seed, redis_url)
        if cosmosdb_config is not None:
            return CosmosDBCache.create_cache(seed, cast("CosmosDBConfig", cosmosdb_config))
        return DiskCache(Path(".cache" if cache_path_root is None else cache_path_root, str(seed)))
