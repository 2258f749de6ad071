"""`Cache`: caches of model responses, by kind."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .._secret_string import Secret
from .abstract_cache_base import AbstractCache
from .cache_factory import CacheFactory
from .disk_cache import SIZE_LIMIT, DiskCache
from .in_memory_cache import InMemoryCache

if TYPE_CHECKING:
    from typing_extensions import Self


class Cache(AbstractCache):
    """A cache of model responses, for `initiate_chat(..., cache=...)` or `OpenAIWrapper.create(cache=...)`.

    >>> with Cache.disk(cache_seed=7) as cache:  # doctest: +SKIP
    ...     user.initiate_chat(assistant, message="Hello", cache=cache)

    Attributes:
        config: The config, with the seed as text. Secrets in it have a masked `repr`.
        cache: The backend: a `DiskCache`, for example, which can `export` and `merge`.

    Args:
        config: `cache_seed`, and `cache_path_root`, `redis_url` or `cosmos_db_config`.

    Raises:
        ValueError: if `config` has an unknown key or an invalid value.
        ImportError: if the package for Redis or Cosmos DB is not installed.
    """

    ALLOWED_CONFIG_KEYS = ["cache_seed", "redis_url", "cache_path_root", "cosmos_db_config"]

    @staticmethod
    def redis(cache_seed: str | int = 42, redis_url: str = "redis://localhost:6379/0") -> Cache:
        """Create a cache in a Redis server, connected on first use. Needs the extra `redis`."""
        return Cache({"cache_seed": cache_seed, "redis_url": redis_url})

    @staticmethod
    def disk(
        cache_seed: str | int = 42,
        cache_path_root: str = ".cache",
        *,
        size_limit: int | None = SIZE_LIMIT,
        backend: Literal["sqlite", "diskcache"] = "sqlite",
    ) -> Cache:
        """Create a cache in the directory `<cache_path_root>/<cache_seed>`.

        Args:
            cache_seed: The namespace of the keys.
            cache_path_root: The directory of all caches.
            size_limit: The limit for the size in bytes, by default 1 GiB; None for no limit.
            backend: `sqlite`, a file of this package, or `diskcache`, files of the package of that name, which the extra
                `diskcache` installs. Both hold JSON text; their entries are apart.

        Raises:
            ValueError: if `backend` is neither.
            ImportError: if `diskcache` is not installed.
        """
        if backend not in ("sqlite", "diskcache"):
            raise ValueError(f"backend must be 'sqlite' or 'diskcache', got {backend!r}.")
        cache = Cache({"cache_seed": cache_seed, "cache_path_root": cache_path_root})
        # `config` accepts 0.2's keys only, and none of them is a size limit.
        folder = Path(cache_path_root, str(cache_seed))
        cache.cache = DiskCache(folder, size_limit)
        if backend == "diskcache":
            from ._diskcache_store import DiskcacheCache

            cache.cache = DiskcacheCache(folder, size_limit)
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
        """Create a cache in Azure Cosmos DB, connected on first use. Needs the extra `cosmos`.

        Args:
            connection_string: `AccountEndpoint=...;AccountKey=...;`
            container_id: The name of the container.
            cache_seed: The namespace of the keys.
            client: A `CosmosClient`, instead of a connection string.
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
        """Create a cache in memory, which lives as long as the object.

        Args:
            cache_seed: The namespace of the keys.
            max_entries: The limit for the number of entries; None for no limit.
        """
        cache = Cache({"cache_seed": cache_seed})
        cache.cache = InMemoryCache(str(cache_seed), max_entries)
        return cache

    @staticmethod
    def extension(name: str, cache_seed: str | int = 42, **options: Any) -> Cache:
        """Create a cache of an extension.

        Args:
            name: The name of the extension and of its cache, such as "acme.store".
            cache_seed: The namespace of the keys.
            **options: Further arguments of the extension.

        Raises:
            ExtensionError: if the extension can't be loaded, or has no such cache.
        """
        from ..extensions import find_part

        cache = Cache({"cache_seed": cache_seed})
        cache.cache = find_part("caches", name)(str(cache_seed), **options)
        return cache

    def __init__(self, config: dict[str, Any]) -> None:
        unknown = [key for key in config if key not in self.ALLOWED_CONFIG_KEYS]
        if unknown:
            raise ValueError(f"The config of a cache has unknown keys {unknown}; allowed keys: {self.ALLOWED_CONFIG_KEYS}.")
        self.config = _hide_secrets({**config, "cache_seed": str(config.get("cache_seed", 42))})
        self.cache: Any = CacheFactory.cache_factory(
            seed=self.config["cache_seed"],
            redis_url=config.get("redis_url"),
            cache_path_root=config.get("cache_path_root"),
            cosmosdb_config=config.get("cosmos_db_config"),
        )

    def __enter__(self) -> Any:
        """Start using the cache; `with` yields its backend."""
        return self.cache.__enter__()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cache.__exit__(exc_type, exc_value, traceback)

    def get(self, key: str, default: object = None) -> Any:
        """Return the value of a key, or `default` if there is none."""
        return self.cache.get(key, default)

    def set(self, key: str, value: object) -> None:
        """Store a value.

        Raises:
            TypeError: if the value has no JSON form. A cache in memory takes any value.
        """
        self.cache.set(key, value)

    def close(self) -> None:
        """Release files and connections."""
        self.cache.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return the cache itself: a copy of a config shares it."""
        return self


def _hide_secrets(config: dict[str, Any]) -> dict[str, Any]:
    """Copy a config, with a masked `repr` for URLs and connection strings."""
    config = dict(config)
    if isinstance(config.get("redis_url"), str):
        config["redis_url"] = Secret(config["redis_url"])
    cosmos = config.get("cosmos_db_config")
    if isinstance(cosmos, dict) and isinstance(cosmos.get("connection_string"), str):
        config["cosmos_db_config"] = {**cosmos, "connection_string": Secret(cosmos["connection_string"])}
    return config
