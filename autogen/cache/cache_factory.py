"""Which cache a configuration means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .disk_cache import DiskCache


class CacheFactory:
    """Makes caches."""

    @staticmethod
    def cache_factory(
        seed: str | int,
        redis_url: str | None = None,
        cache_path_root: str | None = ".cache",
        cosmosdb_config: dict[str, Any] | None = None,
    ) -> DiskCache:
        """The cache for a seed: a directory of that name under `cache_path_root`.

        Raises:
            ImportError: A cache is asked for that this version does not have.
        """
        if redis_url is not None or cosmosdb_config is not None:
            raise ImportError("This version has caches on disk and in memory, none in Redis or Cosmos DB.")
        return DiskCache(Path(cache_path_root or ".cache", str(seed)))
