"""A cache in Azure Cosmos DB: JSON text. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import threading
from typing import Any, TypedDict

from .._extras import require
from .._secret_text import Secret
from ._backend import logger
from ._remote import TIMEOUT, RemoteCache

DATABASE = "autogen_cache"


class CosmosDBConfig(TypedDict, total=False):
    """How to reach the container.

    Attributes:
        connection_string: `AccountEndpoint=...;AccountKey=...;`, as the portal shows it.
        database_id: The database, `autogen_cache` if this is missing.
        container_id: The container. It and the database are made if they don't exist.
        cache_seed: The seed.
        client: A `azure.cosmos.CosmosClient` to use in place of a connection string.
    """

    connection_string: str | None
    database_id: str
    container_id: str
    cache_seed: str | int | None
    client: Any


class CosmosDBCache(RemoteCache):
    """A cache that machines can share, in a container of Cosmos DB.

    An item is `{"id": <hash of the key>, "partitionKey": <seed>, "data": <the value as JSON text>}`. The first use connects.
    A server that is down or answers nonsense is passed over, with one warning, and tried again after a minute.

    Args:
        seed: Keeps the keys of several uses apart.
        cosmosdb_config: How to reach the container.

    Raises:
        ImportError: azure-cosmos is not installed.
        ValueError: The config names no container, or neither a client nor a connection string.
    """

    def __init__(self, seed: str | int, cosmosdb_config: CosmosDBConfig) -> None:
        self._sdk = require("azure.cosmos", extra="cosmos", feature="A cache in Cosmos DB")
        self._errors = require("azure.cosmos.exceptions", extra="cosmos", feature="A cache in Cosmos DB")
        container, self._client = cosmosdb_config.get("container_id"), cosmosdb_config.get("client")
        self._database_id = cosmosdb_config.get("database_id") or DATABASE
        if not container:
            raise ValueError("A cache in Cosmos DB needs a container_id, the name of its container.")
        self._connection_string = Secret(cosmosdb_config.get("connection_string") or "")
        if self._client is None and not {"accountendpoint", "accountkey"} <= _parts(self._connection_string).keys():
            raise ValueError(
                "A cache in Cosmos DB needs a client, or a connection_string of the form AccountEndpoint=...;AccountKey=...;"
            )
        super().__init__(
            f"in Cosmos DB, container {self._database_id}/{container}", _parts(self._connection_string).get("accountkey")
        )
        self.seed = str(seed)
        self._container_id = container
        self._container: Any = None
        self._lock = threading.Lock()

    @classmethod
    def create_cache(cls, seed: str | int, cosmosdb_config: CosmosDBConfig) -> CosmosDBCache:
        """The cache of a config that has a client or a connection string."""
        return cls(seed, cosmosdb_config)

    @classmethod
    def from_config(cls, seed: str | int, cosmosdb_config: CosmosDBConfig) -> CosmosDBCache:
        """The cache of a config; the same as `create_cache`."""
        return cls(seed, cosmosdb_config)

    @classmethod
    def from_connection_string(
        cls, seed: str | int, connection_string: str, database_id: str, container_id: str
    ) -> CosmosDBCache:
        """The cache in a container of the account of a connection string.

        Args:
            seed: Keeps uses apart.
            connection_string: `AccountEndpoint=...;AccountKey=...;`
            database_id: The name of the database.
            container_id: The name of the container; it is made if it is missing.
        """
        return cls(seed, {"connection_string": connection_string, "database_id": database_id, "container_id": container_id})

    @classmethod
    def from_existing_client(cls, seed: str | int, client: Any, database_id: str, container_id: str) -> CosmosDBCache:
        """The cache in a container that a `CosmosClient` reaches.

        Args:
            seed: Keeps uses apart.
            client: The `CosmosClient`.
            database_id: The name of the database.
            container_id: The name of the container; it is made if it is missing.
        """
        return cls(seed, {"client": client, "database_id": database_id, "container_id": container_id})

    def _items(self) -> Any:
        """The container, made if it is missing."""
        with self._lock:
            if self._container is None:
                client = self._client or self._sdk.CosmosClient.from_connection_string(
                    str(self._connection_string), connection_timeout=TIMEOUT
                )
                database = client.create_database_if_not_exists(id=self._database_id)
                path = self._sdk.PartitionKey(path="/partitionKey")
                self._container = database.create_container_if_not_exists(id=self._container_id, partition_key=path)
            return self._container

    def _fetch(self, key: str) -> Any:
        try:
            item = self._items().read_item(item=_hashed(key), partition_key=self.seed)
        except self._errors.CosmosResourceNotFoundError:
            return None
        data = item.get("data")
        return data if isinstance(data, str) else None

    def _keep(self, key: str, text: str) -> None:
        try:
            self._items().upsert_item({"id": _hashed(key), "partitionKey": self.seed, "data": text})
        except self._errors.CosmosHttpResponseError as error:
            if error.status_code != 413:
                raise
            logger.warning("An answer of %d characters is too large for Cosmos DB: it is not cached.", len(text))

    def close(self) -> None:
        """Nothing has to be let go: the SDK looks after its connections."""


def _parts(connection_string: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _hashed(key: str) -> str:
    """An id for a key: those of Cosmos DB are short, and without some signs."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
