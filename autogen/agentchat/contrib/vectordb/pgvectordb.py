"""`PGVectorDB`: documents in PostgreSQL, with the extension pgvector."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ....embeddings import get_embedder
from ....retrieval import split_query, to_unit
from ._pg_table import FEATURE, OPERATORS, Connection, Table, normalize_name
from ._records import INCLUDABLE, Record, make_document, to_array
from .base import Document, ItemID, QueryResults
from .store import VectorStore
from .utils import filter_results_by_distance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PGVECTOR_MAX_BATCH_SIZE", "Collection", "PGVectorDB"]

PGVECTOR_MAX_BATCH_SIZE = int(os.environ.get("PGVECTOR_MAX_BATCH_SIZE", 40000))
"""The number of documents that are written in a transaction."""

_EMBEDDER_KEY = "autogen:embedder"
_METADATA_KEY = "metadata"


class Collection:
    """A table with the documents of a collection.

    Attributes:
        name: Name of the table.
        embedding_function: The source of vectors.

    Args:
        client: The connection of psycopg 3.
        collection_name: Name of the collection; hyphens become underscores.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        metadata: Any JSON values about the collection, recorded when the table is created.
        get_or_create: True to create the table if it is missing.
    """

    def __init__(
        self,
        client: Any = None,
        collection_name: str = "autogen-docs",
        embedding_function: Any = None,
        metadata: Mapping[str, Any] | None = None,
        get_or_create: bool | None = None,
    ) -> None:
        self._connection = client if isinstance(client, Connection) else Connection(client)
        self.client = self._connection.raw
        self.name = self.set_collection_name(collection_name)
        self.embedding_function = embedding_function
        self.metadata = dict(metadata or {})
        if get_or_create and not self.table_exists(self.name):
            self.create_collection()

    def __repr__(self) -> str:
        return f"Collection(collection_name={self.name!r})"

    @property
    def table(self) -> Table:
        """The table."""
        return Table(self._connection, self.name)

    def set_collection_name(self, collection_name: str) -> str:
        """Use the table of another collection, and return its name.

        Args:
            collection_name: Name of the collection; hyphens become underscores.

        Raises:
            ValueError: if PostgreSQL doesn't allow the name.
        """
        self.name = normalize_name(collection_name)
        return self.name

    def create_collection(self, collection_name: str | None = None, dimension: int | None = None) -> None:
        """Create the table, if it is missing.

        Args:
            collection_name: Name of the collection; None for this collection.
            dimension: Length of the vectors; None for that of the embedding function.
        """
        embedder = get_embedder(self.embedding_function)
        settings = {_EMBEDDER_KEY: embedder.identity, _METADATA_KEY: self.metadata}
        self._select(collection_name).create(embedder.dimension if dimension is None else dimension, settings)

    def table_exists(self, table_name: str) -> bool:
        """Return True if the table of a collection exists.

        Args:
            table_name: Name of the collection, or of the table.
        """
        return Table(self._connection, normalize_name(table_name)).exists()

    def count(self) -> int:
        """Return the number of documents."""
        return self.table.count()

    def add(
        self,
        ids: Sequence[ItemID],
        documents: Sequence[str],
        embeddings: Sequence[Any] | None = None,
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> None:
        """Add documents; those whose ids exist are left as they are.

        Args:
            ids: The ids.
            documents: The texts.
            embeddings: The vectors; None for those of the embedding function.
            metadatas: The metadata.
        """
        self.table.write(self._make_records(ids, documents, embeddings, metadatas), replace=False)

    def upsert(
        self,
        ids: Sequence[ItemID],
        documents: Sequence[str],
        embeddings: Sequence[Any] | None = None,
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> None:
        """Add documents, and replace those whose ids exist, with their vectors.

        Args:
            ids: The ids.
            documents: The texts.
            embeddings: The vectors; None for those of the embedding function.
            metadatas: The metadata.
        """
        self.table.write(self._make_records(ids, documents, embeddings, metadatas))

    def update(
        self,
        ids: Sequence[ItemID],
        embeddings: Sequence[Any] | None,
        metadatas: Sequence[Mapping[str, Any] | None] | None,
        documents: Sequence[str],
    ) -> None:
        """Replace documents that exist.

        Args:
            ids: The ids.
            embeddings: The vectors; None for those of the embedding function.
            metadatas: The metadata.
            documents: The texts.
        """
        existing = {record.id for record in self.table.read(ids)}
        records = self._make_records(ids, documents, embeddings, metadatas)
        self.table.write([record for record in records if str(record.id) in existing])

    def get(
        self,
        ids: Sequence[ItemID] | str | None = None,
        include: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Document]:
        """Return documents, sorted by their ids.

        Args:
            ids: The ids; None for all.
            include: The fields beside the ids, a list of `documents`, `metadatas` and `embeddings`; None for all of them.
            where: Metadata that the documents have.
            limit: The maximum number of documents.
            offset: The number of documents to skip.

        Raises:
            TypeError: if `where` isn't a mapping. A text would be a part of SQL, which can't be checked.
        """
        if where is not None and not isinstance(where, Mapping):
            raise TypeError(
                f"where must be a mapping of metadata, such as {{'page': 3}}, got {where!r:.80}: SQL is not taken."
            )
        names = ["content", "metadata", "embedding"] if include is None else include
        records = self.table.read([ids] if isinstance(ids, str) else ids, where, limit, offset)
        return [make_document(record, {INCLUDABLE[name] for name in names}) for record in records]

    def query(
        self,
        query_texts: Sequence[str] | str,
        collection_name: str | None = None,
        n_results: int = 10,
        distance_type: str = "euclidean",
        distance_threshold: float = -1,
        include_embedding: bool = False,
    ) -> QueryResults:
        """Return the documents that are nearest to each text, nearest first.

        Args:
            query_texts: The texts.
            collection_name: Name of the collection; None for this collection.
            n_results: The maximum number of results for each text.
            distance_type: `euclidean`, `cosine`, or `inner-product`, which is negative.
            distance_threshold: Results that are not nearer are left out. Zero or less for no limit.
            include_embedding: True for documents with their vectors.

        Raises:
            ValueError: if there is no such type of distance.
        """
        if distance_type not in OPERATORS:
            raise ValueError(f"distance_type must be one of {', '.join(OPERATORS)}, got {distance_type!r}.")
        texts = [query_texts] if isinstance(query_texts, str) else list(query_texts)
        fields = {"content", "metadata"} | ({"embedding"} if include_embedding else set())
        measure = {"euclidean": self.euclidean_distance, "cosine": self.cosine_distance}.get(distance_type)
        results: QueryResults = []
        for vector in get_embedder(self.embedding_function).embed_queries(texts):
            records = self._select(collection_name).find_nearest(vector, n_results, distance=distance_type)
            results.append([])
            for record in records:
                pair = (record.embedding, vector)
                distance = -self.inner_product_distance(*pair) if measure is None else measure(*pair)
                results[-1].append((make_document(record, fields), distance))
        return filter_results_by_distance(results, distance_threshold)

    def modify(self, metadata: Mapping[str, Any], collection_name: str | None = None) -> None:
        """Replace the metadata of the collection.

        Args:
            metadata: Any JSON values.
            collection_name: Name of the collection; None for this collection.
        """
        table = self._select(collection_name)
        table.write_settings({**table.read_settings(), _METADATA_KEY: dict(metadata)})

    def delete(self, ids: Sequence[ItemID], collection_name: str | None = None) -> None:
        """Delete documents; unknown ids are ignored.

        Args:
            ids: The ids.
            collection_name: Name of the collection; None for this collection.
        """
        self._select(collection_name).delete(ids)

    def delete_collection(self, collection_name: str | None = None) -> None:
        """Delete the table.

        Args:
            collection_name: Name of the collection; None for this collection.
        """
        self._select(collection_name).drop()

    @staticmethod
    def euclidean_distance(arr1: Any, arr2: Any) -> float:
        """Return the length of the difference of two vectors."""
        return math.dist(list(map(float, arr1)), list(map(float, arr2)))

    @staticmethod
    def cosine_distance(arr1: Any, arr2: Any) -> float:
        """Return `1 - cos` of the angle between two vectors, 0 to 2; 1 if one of them is zero."""
        lengths = math.hypot(*map(float, arr1)) * math.hypot(*map(float, arr2))
        return 1.0 - (Collection.inner_product_distance(arr1, arr2) / lengths if lengths else 0.0)

    @staticmethod
    def inner_product_distance(arr1: Any, arr2: Any) -> float:
        """Return the inner product of two vectors."""
        return math.fsum(float(left) * float(right) for left, right in zip(arr1, arr2, strict=True))

    @staticmethod
    def convert_string_to_array(array_string: str | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vector in a text such as `[0.1 0.2]` or `[0.1, 0.2]`; an array stays as it is."""
        if not isinstance(array_string, str):
            return array_string
        array = to_array([float(number) for number in re.findall(r"[^\s,\[\]]+", array_string)])
        assert array is not None
        return array

    def _select(self, collection_name: str | None) -> Table:
        return self.table if collection_name is None else Table(self._connection, normalize_name(collection_name))

    def _make_records(
        self,
        ids: Sequence[ItemID],
        documents: Sequence[str],
        embeddings: Sequence[Any] | None,
        metadatas: Sequence[Mapping[str, Any] | None] | None,
    ) -> list[Record]:
        if embeddings is None:
            embeddings = list(get_embedder(self.embedding_function).embed(list(documents)))
        rows = zip(ids, documents, metadatas or [None] * len(ids), embeddings, strict=True)
        return [Record(key, text, dict(metadata or {}), to_unit(vector)) for key, text, metadata, vector in rows]


class PGVectorDB(VectorStore[Collection]):
    """A vector store in PostgreSQL with the extension pgvector. Needs the extra `pgvector`.

    Attributes:
        client: The connection.

    Args:
        conn: A connection of psycopg 3; None to make one.
        connection_string: Address of the database; None to use the parts below.
        host: Host of the server, or the folder of its socket.
        port: Port of the server.
        dbname: Name of the database.
        username: Name of the user.
        password: Password of the user.
        connect_timeout: Time limit for connecting, in seconds.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        metadata: Any JSON values that new collections get.

    Raises:
        ImportError: if psycopg is not installed.
        PermissionError: if there is neither a connection nor an address, or if the user may not create the extension.
    """

    type = "pgvector"
    batch_size = min(1_000, PGVECTOR_MAX_BATCH_SIZE)

    def __init__(
        self,
        *,
        conn: Any = None,
        connection_string: str | None = None,
        host: str | None = None,
        port: int | str | None = None,
        dbname: str | None = None,
        username: str | None = None,
        password: str | None = None,
        connect_timeout: int | None = 10,
        embedding_function: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(embedding_function)
        self.client = self.establish_connection(
            conn, connection_string, host, port, dbname, username, password, connect_timeout
        )
        self._connection = Connection(self.client)
        self._connection.create_extension()
        self.metadata = dict(metadata or {})

    def establish_connection(
        self,
        conn: Any = None,
        connection_string: str | None = None,
        host: str | None = None,
        port: int | str | None = None,
        dbname: str | None = None,
        username: str | None = None,
        password: str | None = None,
        connect_timeout: int | None = 10,
    ) -> Any:
        """Return a connection of psycopg 3: the given one, else by the address, else by its parts.

        Args:
            conn: A connection of psycopg 3.
            connection_string: Address of the database.
            host: Host of the server, or the folder of its socket.
            port: Port of the server.
            dbname: Name of the database.
            username: Name of the user.
            password: Password of the user.
            connect_timeout: Time limit for connecting, in seconds.

        Raises:
            PermissionError: if there is neither a connection nor an address.
            TypeError: if the connection isn't of psycopg 3.
        """
        psycopg = require("psycopg", extra="pgvector", feature=FEATURE)
        if conn is not None:
            if not isinstance(conn, psycopg.Connection):
                raise TypeError(
                    f"conn must be a connection of psycopg 3, got {type(conn).__module__}.{type(conn).__name__}."
                )
            return conn
        limit = {} if connect_timeout is None else {"connect_timeout": connect_timeout}
        if connection_string:
            return psycopg.connect(connection_string, autocommit=True, **limit)
        if not host and not dbname:
            raise PermissionError("A connection to PostgreSQL needs a conn, a connection_string, or a host and a dbname.")
        parts = {"host": host, "port": port, "dbname": dbname, "user": username, "password": password, **limit}
        return psycopg.connect(autocommit=True, **{key: value for key, value in parts.items() if value is not None})

    def check_name(self, collection_name: str) -> str:
        """Return the name of the table of a collection: hyphens become underscores."""
        return normalize_name(collection_name)

    def open_collection(self, collection_name: str) -> Collection | None:
        """Return an existing collection, None if there is none."""
        collection = Collection(self._connection, collection_name, self.embedding_function, self.metadata)
        return collection if collection.table.exists() else None

    def make_collection(self, collection_name: str, embedder: str) -> Collection:
        """Create a collection."""
        collection = Collection(self._connection, collection_name, self.embedder, self.metadata)
        collection.create_collection()
        return collection

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""
        Table(self._connection, collection_name).drop()

    def get_recorded_embedder(self, collection: Collection) -> str | None:
        """Return the identity of the embedder of a collection."""
        embedder: str | None = collection.table.read_settings().get(_EMBEDDER_KEY)
        return embedder

    def write_records(self, collection: Collection, records: Sequence[Record]) -> None:
        """Write records, all or none of them."""
        collection.table.write(records)

    def delete_records(self, collection: Collection, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        collection.table.delete(ids)

    def read_records(self, collection: Collection, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        return collection.table.read(ids)

    def find_nearest(
        self, collection: Collection, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        return collection.table.find_nearest(vector, n, containing)

    def find_containing(self, collection: Collection, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return collection.table.find_containing(text, n)

    def find_by_words(self, collection: Collection, query: str, n: int) -> Iterable[Record]:
        """Return the records whose words fit best; see `VectorStore.find_by_words`."""
        return collection.table.find_words(split_query(query), n)
