"""Which cache a configuration means."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from .abstract_cache_base import AbstractCache
from .cosmos_db_cache import CosmosDBCache, CosmosDBConfig
from .disk_cache import DiskCache
from .redis_cache import RedisCache


class CacheFactory:
    """Makes caches."""

    @staticmethod
    def cache_factory(
        seed: str | int,
        redis_url: str | None = None,
        cache_path_root: str | None = ".cache",
        cosmosdb_config: dict[str, Any] | None = None,
    ) -> AbstractCache:
        """The cache for a seed: in Redis if there is a URL, else in Cosmos DB if there is a config, else on disk.

        Args:
            seed: Keeps uses apart.
            redis_url: The URL of a Redis server.
            cache_path_root: The directory of caches on disk, `.cache` if it is None; each seed has one of its own in it.
            cosmosdb_config: How to reach Cosmos DB, see `CosmosDBConfig`.

        Raises:
            ImportError: The package for Redis or Cosmos DB is not installed. No other cache takes its place: answers would
                be kept where nobody looks for them.
            ValueError: The URL or the config is wrong.
        """
        if redis_url is not None:
            return RedisCache(seed, redis_url)
        if cosmosdb_config is not None:
            return CosmosDBCache.create_cache(seed, cast("CosmosDBConfig", cosmosdb_config))
        return DiskCache(Path(".cache" if cache_path_root is None else cache_path_root, str(seed)))
