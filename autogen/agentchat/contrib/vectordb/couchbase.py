"""`CouchbaseVectorDB`: documents in Couchbase, or in Capella.

It was tested against a stand-in of the driver, and not against a server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ...._mistakes import warn_caller
from ._records import Record, split_batches, to_array
from .base import Document, ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEFAULT_BATCH_SIZE", "CouchbaseVectorDB"]

DEFAULT_BATCH_SIZE = 1000
"""The number of documents in a request."""

_SAMPLE_SENTENCE = ["The weather is lovely today in paradise."]
TEXT_KEY = "content"
"""Name of the field with the texts."""

EMBEDDING_KEY = "embedding"
"""Name of the field with the vectors."""

_ID_KEY = "id"
# The settings of a collection, a document without a vector.
_SETTINGS_ID = "autogen:settings"
# Couchbase limits a key to 250 bytes.
_MAX_KEY = 200
_DEFAULT_PASSWORD = "password"
_FEATURE = "The vector store Couchbase"
_READY = timedelta(seconds=10)


class CouchbaseVectorDB(VectorStore[Any]):
    """A vector store in Couchbase. Needs the extra `couchbase`. It was not tested against a server.

    Attributes:
        cluster: The cluster.
        bucket: The bucket.
        scope: The scope.

    Args:
        connection_string: Address of the cluster.
        username: Name of the user.
        password: Password of the user.
        bucket_name: Name of the bucket, which must exist.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        scope_name: Name of the scope.
        collection_name: Name of the active collection.
        index_name: Name of the search index; None for `vector_index`.

    Raises:
        ImportError: if the driver is not installed.
    """

    type = "couchbase"

    def __init__(
        self,
        connection_string: str = "couchbase://localhost",
        username: str = "Administrator",
        password: str = "password",
        bucket_name: str = "vector_db",
        embedding_function: Any = None,
        scope_name: str = "_default",
        collection_name: str = "_default",
        index_name: str | None = None,
    ) -> None:
        super().__init__(embedding_function)
        if password == _DEFAULT_PASSWORD and not connection_string.startswith(("couchbase://localhost", "couchbase://127.")):
            warn_caller('CouchbaseVectorDB has the password "password" for a server that isn\'t on this machine.')
        auth = require("couchbase.auth", extra="couchbase", feature=_FEATURE)
        cluster = require("couchbase.cluster", extra="couchbase", feature=_FEATURE)
        self._options = require("couchbase.options", extra="couchbase", feature=_FEATURE)
        options = self._options.ClusterOptions(auth.PasswordAuthenticator(username, password))
        self.cluster = cluster.Cluster(connection_string, options)
        self.cluster.wait_until_ready(_READY)
        self.bucket = self.cluster.bucket(bucket_name)
        self.scope = self.bucket.scope(scope_name)
        self.index_name = index_name or "vector_index"
        self.active_collection, self._active_name = self.open_collection(collection_name), collection_name

    def search_index_exists(self, index_name: str) -> bool:
        """Return True if the scope has a search index of this name.

        Args:
            index_name: Name of the index.
        """
        return any(index.name == index_name for index in self.scope.search_indexes().get_all_indexes())

    def create_index_if_not_exists(self, index_name: str = "vector_index", collection: Any = None) -> None:
        """Create the search index of a collection, if it is missing.

        Args:
            index_name: Name of the index.
            collection: The collection; None for the active collection.
        """
        if not self.search_index_exists(index_name):
            self.create_vector_search_index(self.get_collection() if collection is None else collection, index_name)

    def create_vector_search_index(
        self, collection: Any, index_name: str = "vector_index", similarity: str = "dot_product"
    ) -> None:
        """Create a search index over the texts and vectors of a collection.

        Args:
            collection: The collection.
            index_name: Name of the index.
            similarity: `dot_product`, `l2_norm` or `cosine`. Results have cosine distances in any case.
        """
        search = require("couchbase.management.search", extra="couchbase", feature=_FEATURE)
        vector = {"name": EMBEDDING_KEY, "type": "vector", "index": True, "store": False}
        vector |= {"dims": self.embedder.dimension, "similarity": similarity, "vector_index_optimized_for": "recall"}
        text = {"name": TEXT_KEY, "type": "text", "index": True, "store": True}
        fields = {name["name"]: {"enabled": True, "fields": [name]} for name in (vector, text)}
        mapping = {"enabled": True, "dynamic": False, "properties": fields}
        types = {f"{self.scope.name}.{collection.name}": mapping}
        parameters = {
            "doc_config": {"mode": "scope.collection.type_field", "type_field": "type"},
            "mapping": {"default_mapping": {"enabled": False}, "types": types},
        }
        index = search.SearchIndex(
            name=index_name,
            source_type="gocbcore",
            idx_type="fulltext-index",
            source_name=self.bucket.name,
            params=parameters,
        )
        self.scope.search_indexes().upsert_index(index)

    def upsert_docs(
        self, docs: list[Document], collection: Any, batch_size: int = DEFAULT_BATCH_SIZE, **kwargs: Any
    ) -> None:
        """Add documents, and replace those with the same ids.

        Args:
            docs: The documents, with ids and contents.
            collection: The collection, or its name.
            batch_size: The number of documents in a request.
            **kwargs: As for `insert_docs`.
        """
        name = collection if isinstance(collection, str) else collection.name
        self.insert_docs(docs, name, upsert=True, batch_size=batch_size, **kwargs)

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection."""
        return collection_name

    def open_collection(self, collection_name: str) -> Any:
        """Return an existing collection, None if there is none."""
        scopes = self.bucket.collections().get_all_scopes()
        names = {collection.name for scope in scopes if scope.name == self.scope.name for collection in scope.collections}
        return self.scope.collection(collection_name) if collection_name in names else None

    def make_collection(self, collection_name: str, embedder: str) -> Any:
        """Create a collection, and the search index if it is missing."""
        self.bucket.collections().create_collection(self.scope.name, collection_name)
        collection = self.scope.collection(collection_name)
        collection.upsert(_SETTINGS_ID, {"embedder": embedder})
        self.create_index_if_not_exists(self.index_name, collection)
        return collection

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""
        self.bucket.collections().drop_collection(self.scope.name, collection_name)

    def get_recorded_embedder(self, collection: Any) -> str | None:
        """Return the identity of the embedder of a collection."""
        embedder: str | None = self._get_many(collection, [_SETTINGS_ID]).get(_SETTINGS_ID, {}).get("embedder")
        return embedder

    def write_records(self, collection: Any, records: Sequence[Record]) -> None:
        """Write records.

        Raises:
            RuntimeError: if the server refuses some of them.
        """
        documents = {
            to_key(record.id): {
                _ID_KEY: record.id,
                TEXT_KEY: record.content,
                "metadata": record.metadata,
                EMBEDDING_KEY: None if record.embedding is None else record.embedding.tolist(),
            }
            for record in records
        }
        result = collection.upsert_multi(documents)
        if not result.all_ok:
            raise RuntimeError(f"Couchbase refused {len(result.exceptions)} of {len(documents)} documents.") from next(
                iter(result.exceptions.values()), None
            )

    def delete_records(self, collection: Any, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        # Unknown ids are failures of their own, which nobody asks for.
        collection.remove_multi(list(map(to_key, ids)))

    def read_records(self, collection: Any, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        if ids is not None:
            keys = list(map(to_key, ids))
            batches = split_batches(keys, DEFAULT_BATCH_SIZE)
            return [_make_record(document) for batch in batches for document in self._get_many(collection, batch).values()]
        return self._select(collection, f"meta(d).id != '{_SETTINGS_ID}'", {})

    def find_nearest(
        self, collection: Any, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        search = require("couchbase.search", extra="couchbase", feature=_FEATURE)
        vectors = require("couchbase.vector_search", extra="couchbase", feature=_FEATURE)
        # The text is looked for in the results, so there must be more of them.
        limit = 20 * n if containing else n
        query = vectors.VectorQuery(EMBEDDING_KEY, vector.tolist(), num_candidates=limit)
        request = search.SearchRequest.create(vectors.VectorSearch.from_vector_query(query))
        found = self.scope.search(self.index_name, request, self._options.SearchOptions(limit=limit))
        documents = self._get_many(collection, [row.id for row in found.rows()])
        records = map(_make_record, documents.values())
        return [record for record in records if containing in record.content][:n]

    def find_containing(self, collection: Any, text: str, n: int) -> list[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return self._select(collection, f"contains(d.{TEXT_KEY}, $text) LIMIT {int(n)}", {"text": text})

    def _select(self, collection: Any, condition: str, values: Mapping[str, Any]) -> list[Record]:
        options = self._options.QueryOptions(named_parameters=dict(values))
        name = collection.name.replace("`", "``")
        rows = self.scope.query(f"SELECT d.* FROM `{name}` AS d WHERE {condition}", options)
        return [_make_record(row) for row in rows.rows()]

    def _get_many(self, collection: Any, keys: Sequence[str]) -> dict[str, Any]:
        """Return the documents of the keys that exist."""
        if not keys:
            return {}
        results = collection.get_multi(list(keys)).results
        return {key: result.content_as[dict] for key, result in results.items() if result.success}


def to_key(key: ItemID) -> str:
    """Return the key of an id: a long text gets a hash."""
    text = str(key) if isinstance(key, str) else json.dumps(key)
    return text if len(text.encode()) <= _MAX_KEY else hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _make_record(document: Mapping[str, Any]) -> Record:
    return Record(
        document[_ID_KEY],
        document.get(TEXT_KEY) or "",
        dict(document.get("metadata") or {}),
        to_array(document.get(EMBEDDING_KEY)),
    )
