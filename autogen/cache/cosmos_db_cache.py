"""`CosmosDBCache`: a cache in Azure Cosmos DB, as JSON text. Nothing is ever unpickled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypedDict

from .._extras import require
from .._secret_string import Secret
from ._backend import hash_key, logger
from ._remote import TIMEOUT, RemoteCache

if TYPE_CHECKING:
    from azure.cosmos import ContainerProxy, CosmosClient

DATABASE = "autogen_cache"
_TOO_LARGE = 413


class CosmosDBConfig(TypedDict, total=False):
    """The connection to a container.

    Attributes:
        connection_string: `AccountEndpoint=...;AccountKey=...;`, as the portal shows it.
        database_id: The name of the database, by default `autogen_cache`; it is created if it is missing.
        container_id: The name of the container; it is created if it is missing.
        cache_seed: The seed.
        client: An `azure.cosmos.CosmosClient`, instead of a connection string.
    """

    connection_string: str | None
    database_id: str
    container_id: str
    cache_seed: str | int | None
    client: Any


class CosmosDBCache(RemoteCache):
    """A cache that machines may share, in a container of Cosmos DB.

    An item is `{"id": <hash of the key>, "partitionKey": <seed>, "data": <the value as JSON text>}`. It connects on first
    use. A server that is down, or sends nonsense, is not used for a minute, with a single warning, and then tried again.

    Args:
        seed: The namespace of the keys.
        cosmosdb_config: The connection to the container.

    Raises:
        ImportError: if azure-cosmos is not installed.
        ValueError: if the config has no container, or neither a client nor a connection string.
    """

    def __init__(self, seed: str | int, cosmosdb_config: CosmosDBConfig) -> None:
        self._sdk = require("azure.cosmos", extra="cosmos", feature="A cache in Cosmos DB")
        self._errors = require("azure.cosmos.exceptions", extra="cosmos", feature="A cache in Cosmos DB")
        container, self._client = cosmosdb_config.get("container_id"), cosmosdb_config.get("client")
        self._database_id = cosmosdb_config.get("database_id") or DATABASE
        if not container:
            raise ValueError("A cache in Cosmos DB needs a container_id, the name of its container.")
        self._connection_string = Secret(cosmosdb_config.get("connection_string") or "")
        fields = _parse_connection_string(self._connection_string)
        if self._client is None and not {"accountendpoint", "accountkey"} <= fields.keys():
            raise ValueError(
                "A cache in Cosmos DB needs a client, or a connection_string of the form AccountEndpoint=...;AccountKey=...;"
            )
        super().__init__(f"in Cosmos DB, container {self._database_id}/{container}", fields.get("accountkey"))
        self.seed = str(seed)
        self._container_id = container
        self._container: ContainerProxy | None = None
        self._lock = threading.Lock()

    @classmethod
    def create_cache(cls, seed: str | int, cosmosdb_config: CosmosDBConfig) -> CosmosDBCache:
        """Create a cache from a config."""
        return cls(seed, cosmosdb_config)

    @classmethod
    def from_config(cls, seed: str | int, cosmosdb_config: CosmosDBConfig) -> CosmosDBCache:
        """Create a cache from a config; an alias of `create_cache`."""
        return cls(seed, cosmosdb_config)

    @classmethod
    def from_connection_string(
        cls, seed: str | int, connection_string: str, database_id: str, container_id: str
    ) -> CosmosDBCache:
        """Create a cache from the connection string of an account.

        Args:
            seed: The namespace of the keys.
            connection_string: `AccountEndpoint=...;AccountKey=...;`
            database_id: The name of the database; it is created if it is missing.
            container_id: The name of the container; it is created if it is missing.
        """
        return cls(seed, {"connection_string": connection_string, "database_id": database_id, "container_id": container_id})

    @classmethod
    def from_existing_client(
        cls, seed: str | int, client: CosmosClient, database_id: str, container_id: str
    ) -> CosmosDBCache:
        """Create a cache with a client.

        Args:
            seed: The namespace of the keys.
            client: The `CosmosClient`.
            database_id: The name of the database; it is created if it is missing.
            container_id: The name of the container; it is created if it is missing.
        """
        return cls(seed, {"client": client, "database_id": database_id, "container_id": container_id})

    def _get_container(self) -> ContainerProxy:
        """Return the container, and create it and the database if they are missing."""
        with self._lock:
            if self._container is None:
                client = self._client or self._sdk.CosmosClient.from_connection_string(
                    str(self._connection_string), connection_timeout=TIMEOUT
                )
                database = client.create_database_if_not_exists(id=self._database_id)
                path = self._sdk.PartitionKey(path="/partitionKey")
                self._container = database.create_container_if_not_exists(id=self._container_id, partition_key=path)
            return self._container

    def _fetch(self, key: str) -> str | None:
        try:
            item = self._get_container().read_item(item=hash_key(key), partition_key=self.seed)
        except self._errors.CosmosResourceNotFoundError:
            return None
        data = item.get("data")
        return data if isinstance(data, str) else None

    def _store(self, key: str, text: str) -> None:
        try:
            self._get_container().upsert_item({"id": hash_key(key), "partitionKey": self.seed, "data": text})
        except self._errors.CosmosHttpResponseError as error:
            if error.status_code != _TOO_LARGE:
                raise
            # No outage: the cache itself works.
            logger.warning("A response of %d characters is too large for Cosmos DB and is not cached.", len(text))

    def close(self) -> None:
        """Do nothing: the SDK manages its connections."""


def _parse_connection_string(connection_string: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
