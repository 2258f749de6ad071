"""`Cache`: the caches that users ask for by name."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._secret_text import Secret
from .abstract_cache_base import AbstractCache
from .cache_factory import CacheFactory
from .disk_cache import SIZE_LIMIT, DiskCache
from .in_memory_cache import InMemoryCache

if TYPE_CHECKING:
    from typing_extensions import Self


class Cache(AbstractCache):
    """A cache of models' answers, for `initiate_chat(..., cache=...)` or `OpenAIWrapper.create(cache=...)`.

    >>> with Cache.disk(cache_seed=7) as cache:  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello", cache=cache)

    Attributes:
        config: The config, with the seed as text; what is secret in it does not show itself.
        cache: The cache behind this one: a `DiskCache`, for example, which can `export` and `merge`.

    Args:
        config: `cache_seed`, and `cache_path_root`, `redis_url` or `cosmos_db_config`.

    Raises:
        ValueError: There is another key in `config`, or a value in it is wrong.
        ImportError: The package for Redis or Cosmos DB is not installed.
    """

    ALLOWED_CONFIG_KEYS = ["cache_seed", "redis_url", "cache_path_root", "cosmos_db_config"]

    @staticmethod
    def redis(cache_seed: str | int = 42, redis_url: str = "redis://localhost:6379/0") -> Cache:
        """A cache in a Redis server, which the first use connects to. It needs the extra `redis`."""
        return Cache({"cache_seed": cache_seed, "redis_url": redis_url})

    @staticmethod
    def disk(cache_seed: str | int = 42, cache_path_root: str = ".cache", *, size_limit: int | None = SIZE_LIMIT) -> Cache:
        """A cache in the directory `<cache_path_root>/<cache_seed>`, of at most `size_limit` bytes (1 GiB)."""
        cache = Cache({"cache_seed": cache_seed, "cache_path_root": cache_path_root})
        cache.cache = DiskCache(Path(cache_path_root, str(cache_seed)), size_limit)
        return cache

    @staticmethod
    def cosmos_db(
        connection_string: str | None = None,
        container_id: str | None = None,
        cache_seed: str | int = 42,
        client: Any | None = None,
        *,
        database_id: str = "autogen_cache",
    ) -> Cache:
        """A cache in Azure Cosmos DB, which the first use connects to. It needs the extra `cosmos`.

        Args:
            connection_string: `AccountEndpoint=...;AccountKey=...;`
            container_id: The name of the container.
            cache_seed: Keeps uses apart.
            client: A `CosmosClient` to use in place of a connection string.
            database_id: The name of the database.
        """
        config = {
            "connection_string": connection_string,
            "database_id": database_id,
            "container_id": container_id,
            "client": client,
        }
        return Cache({"cache_seed": cache_seed, "cosmos_db_config": config})

    @staticmethod
    def in_memory(cache_seed: str | int = 42, *, max_entries: int | None = None) -> Cache:
        """A cache that lives as long as the object, and holds at most `max_entries` answers."""
        cache = Cache({"cache_seed": cache_seed})
        cache.cache = InMemoryCache(str(cache_seed), max_entries)
        return cache

    def __init__(self, config: dict[str, Any]) -> None:
        unknown = [key for key in config if key not in self.ALLOWED_CONFIG_KEYS]
        if unknown:
            raise ValueError(f"Unknown in a cache's config: {unknown}. Known: {self.ALLOWED_CONFIG_KEYS}.")
        self.config = _guarded({**config, "cache_seed": str(config.get("cache_seed", 42))})
        self.cache: Any = CacheFactory.cache_factory(
            seed=self.config["cache_seed"],
            redis_url=config.get("redis_url"),
            cache_path_root=config.get("cache_path_root"),
            cosmosdb_config=config.get("cosmos_db_config"),
        )

    def __enter__(self) -> Any:
        """Begin to use the cache; `with` gives the one behind this."""
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

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The cache itself: a copy of a config that holds it uses the same one."""
        return self


def _guarded(config: dict[str, Any]) -> dict[str, Any]:
    """The config, where URLs and connection strings have no `repr`."""
    guarded = dict(config)
    if isinstance(guarded.get("redis_url"), str):
        guarded["redis_url"] = Secret(guarded["redis_url"])
    cosmos = guarded.get("cosmos_db_config")
    if isinstance(cosmos, dict) and isinstance(cosmos.get("connection_string"), str):
        guarded["cosmos_db_config"] = {**cosmos, "connection_string": Secret(cosmos["connection_string"])}
    return guarded
