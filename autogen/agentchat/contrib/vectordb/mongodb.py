"""`MongoDBAtlasVectorDB`: documents in MongoDB, with vector search as Atlas has it.

It was tested against a stand-in of the driver, and not against a server.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ._records import Record, split_batches, to_array
from .base import ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEFAULT_INSERT_BATCH_SIZE", "MongoDBAtlasVectorDB", "with_id_rename"]

DEFAULT_INSERT_BATCH_SIZE = 100_000
"""The number of documents that 0.2 wrote at once; here it is the upper limit of `batch_size`."""

_SAMPLE_SENTENCE = ["The weather is lovely today in paradise."]
_DELAY = 0.5  # seconds between two looks at an index
_SETTINGS = "autogen_settings"
# Atlas looks at so many candidates for each result.
_OVERSAMPLING = 10
_MAX_CANDIDATES = 10_000


def with_id_rename(docs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return documents with `_id`, the name of MongoDB, in place of `id`.

    Args:
        docs: The documents.
    """
    return [{"_id": doc["id"], **{key: value for key, value in doc.items() if key != "id"}} for doc in docs]


class MongoDBAtlasVectorDB(VectorStore[Any]):
    """A vector store in MongoDB Atlas. Needs the extra `mongodb`. It was not tested against a server.

    Attributes:
        client: The client.
        db: The database.

    Args:
        connection_string: Address of the server.
        database_name: Name of the database.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        collection_name: Name of a collection that is created at once; None for none.
        index_name: Name of the search index of each collection.
        overwrite: True to delete that collection before.
        wait_until_index_ready: Time limit in seconds for a new search index; None not to wait.
        wait_until_document_ready: Time limit in seconds for new documents to be found; None not to wait.

    Raises:
        ImportError: if pymongo is not installed.
        TimeoutError: if the search index is not ready in time.
    """

    type = "mongodb"
    search_options = frozenset({"oversampling_factor"})

    def __init__(
        self,
        connection_string: str = "",
        database_name: str = "vector_db",
        embedding_function: Any = None,
        collection_name: str | None = None,
        index_name: str = "vector_index",
        overwrite: bool = False,
        wait_until_index_ready: float | None = None,
        wait_until_document_ready: float | None = None,
    ) -> None:
        super().__init__(embedding_function)
        pymongo = require("pymongo", extra="mongodb", feature="The vector store MongoDB")
        self._operations = require("pymongo.operations", extra="mongodb", feature="The vector store MongoDB")
        self.client = pymongo.MongoClient(connection_string or None)
        self.db = self.client[database_name]
        self.index_name = index_name
        self._index_timeout = wait_until_index_ready
        self._document_timeout = wait_until_document_ready
        if collection_name is not None:
            self.create_collection(collection_name, overwrite)

    def list_collections(self) -> list[str]:
        """Return the names of the collections."""
        return [name for name in self.db.list_collection_names() if name != _SETTINGS]

    def create_index_if_not_exists(self, index_name: str = "vector_index", collection: Any = None) -> None:
        """Create the search index of a collection, if it is missing.

        Args:
            index_name: Name of the index.
            collection: The collection; None for the active collection.
        """
        collection = self.get_collection() if collection is None else collection
        if not list(collection.list_search_indexes(index_name)):
            self.create_vector_search_index(collection, index_name)

    def create_vector_search_index(
        self, collection: Any, index_name: str = "vector_index", similarity: str = "cosine"
    ) -> None:
        """Create a search index, and wait for it as long as the constructor says.

        Args:
            collection: The collection.
            index_name: Name of the index.
            similarity: `cosine`, `euclidean` or `dotProduct`. Results have cosine distances in any case.

        Raises:
            ValueError: if there is no such similarity.
            TimeoutError: if it is not ready in time.
        """
        if similarity not in ("cosine", "euclidean", "dotProduct"):
            raise ValueError(f"similarity must be cosine, euclidean or dotProduct, got {similarity!r}.")
        vector = {
            "type": "vector",
            "path": "embedding",
            "numDimensions": self.embedder.dimension,
            "similarity": similarity,
        }
        model = self._operations.SearchIndexModel(definition={"fields": [vector]}, name=index_name, type="vectorSearch")
        collection.create_search_index(model=model)
        self._wait(
            self._index_timeout,
            lambda: any(index.get("queryable") for index in collection.list_search_indexes(index_name)),
            f"The search index {index_name!r}",
        )

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection.

        Raises:
            ValueError: if MongoDB doesn't allow it.
        """
        if not collection_name or "$" in collection_name or "\0" in collection_name or collection_name == _SETTINGS:
            raise ValueError(
                f"The name of a collection of MongoDB must not be empty or contain a $, got {collection_name!r}."
            )
        return collection_name

    def open_collection(self, collection_name: str) -> Any:
        """Return an existing collection, None if there is none."""
        return self.db[collection_name] if collection_name in self.list_collections() else None

    def make_collection(self, collection_name: str, embedder: str) -> Any:
        """Create a collection with its search index."""
        collection = self.db.create_collection(collection_name)
        self.db[_SETTINGS].replace_one({"_id": collection_name}, {"_id": collection_name, "embedder": embedder}, upsert=True)
        self.create_index_if_not_exists(self.index_name, collection)
        return collection

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection with its search indexes."""
        collection = self.db[collection_name]
        for index in list(collection.list_search_indexes()):
            collection.drop_search_index(index["name"])
        collection.drop()
        self.db[_SETTINGS].delete_one({"_id": collection_name})

    def get_recorded_embedder(self, collection: Any) -> str | None:
        """Return the identity of the embedder of a collection."""
        settings = self.db[_SETTINGS].find_one({"_id": collection.name}) or {}
        embedder: str | None = settings.get("embedder")
        return embedder

    def write_records(self, collection: Any, records: Sequence[Record]) -> None:
        """Write records, and wait until the last is found as long as the constructor says."""
        documents = [
            {
                "id": record.id,
                "content": record.content,
                "metadata": record.metadata,
                "embedding": None if record.embedding is None else record.embedding.tolist(),
            }
            for record in records
        ]
        replace = self._operations.ReplaceOne
        writes = [replace({"_id": document["_id"]}, document, upsert=True) for document in with_id_rename(documents)]
        collection.bulk_write(writes, ordered=False)
        last = records[-1]
        vector = last.embedding
        if vector is not None:
            self._wait(
                self._document_timeout,
                lambda: any(record.id == last.id for record in self.find_nearest(collection, vector, 10, "", {})),
                f"The document {last.id!r}",
            )

    def delete_records(self, collection: Any, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        collection.delete_many({"_id": {"$in": list(ids)}})

    def read_records(self, collection: Any, ids: Sequence[ItemID] | None) -> Iterable[Record]:
        """Return records by their ids, or all."""
        if ids is None:
            return map(_make_record, collection.find({}))
        batches = split_batches(ids, self.batch_size)
        return [_make_record(found) for batch in batches for found in collection.find({"_id": {"$in": batch}})]

    def find_nearest(
        self, collection: Any, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        # Atlas filters the texts after the search, so it must find more.
        limit = _MAX_CANDIDATES if containing else n
        candidates = min(_MAX_CANDIDATES, max(limit, n * options.get("oversampling_factor", _OVERSAMPLING)))
        search = {
            "index": self.index_name,
            "path": "embedding",
            "queryVector": vector.tolist(),
            "numCandidates": candidates,
            "limit": min(limit, candidates),
        }
        stages: list[dict[str, Any]] = [{"$vectorSearch": search}]
        if containing:
            stages += [{"$match": _contain(containing)}, {"$limit": n}]
        return map(_make_record, collection.aggregate(stages))

    def find_containing(self, collection: Any, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        return map(_make_record, collection.find(_contain(text)).limit(n))

    def _wait(self, timeout: float | None, is_ready: Callable[[], bool], subject: str) -> None:
        if timeout is None:
            return
        deadline = time.monotonic() + timeout
        while not is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{subject} was not ready within {timeout:g} seconds.")
            time.sleep(_DELAY)


def _contain(text: str) -> dict[str, Any]:
    return {"content": {"$regex": re.escape(text)}}


def _make_record(document: Mapping[str, Any]) -> Record:
    return Record(
        document["_id"],
        document.get("content") or "",
        dict(document.get("metadata") or {}),
        to_array(document.get("embedding")),
    )
