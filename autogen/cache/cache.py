"""`Cache`: the caches that users ask for by name."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .cache_factory import CacheFactory
from .in_memory_cache import InMemoryCache


class Cache:
    """A cache of models' answers, for `initiate_chat(..., cache=...)` or `OpenAIWrapper.create(cache=...)`.

    >>> with Cache.disk(cache_seed=7) as cache:  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello", cache=cache)

    Args:
        config: `cache_seed` and `cache_path_root`.

    Raises:
        ValueError: There is another key in `config`.
    """

    ALLOWED_CONFIG_KEYS = ["cache_seed", "redis_url", "cache_path_root", "cosmos_db_config"]

    @staticmethod
    def disk(cache_seed: str | int = 42, cache_path_root: str = ".cache") -> Cache:
        """A cache in the directory `<cache_path_root>/<cache_seed>`."""
        return Cache({"cache_seed": cache_seed, "cache_path_root": cache_path_root})

    @staticmethod
    def in_memory(cache_seed: str | int = 42) -> Cache:
        """A cache that lives as long as the object."""
        cache = Cache({"cache_seed": cache_seed})
        cache.cache = InMemoryCache(str(cache_seed))
        return cache

    def __init__(self, config: dict[str, Any]) -> None:
        unknown = [key for key in config if key not in self.ALLOWED_CONFIG_KEYS]
        if unknown:
            raise ValueError(f"Unknown in a cache's config: {unknown}. Known: {self.ALLOWED_CONFIG_KEYS}.")
        self.config = {**config, "cache_seed": str(config.get("cache_seed", 42))}
        self.cache: Any = CacheFactory.cache_factory(
            seed=self.config["cache_seed"],
            redis_url=config.get("redis_url"),
            cache_path_root=config.get("cache_path_root"),
            cosmosdb_config=config.get("cosmos_db_config"),
        )

    def __enter__(self) -> Any:
        return self.cache.__enter__()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cache.__exit__(exc_type, exc_value, traceback)

    def get(self, key: str, default: Any | None = None) -> Any | None:
        """The value of a key, or `default`."""
        return self.cache.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        self.cache.set(key, value)

    def close(self) -> None:
        """Let go of files and connections."""
        self.cache.close()
