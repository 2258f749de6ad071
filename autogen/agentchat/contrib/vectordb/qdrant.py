"""`QdrantVectorDB`: documents in Qdrant."""

from __future__ import annotations

import hashlib
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ...._extras import require
from ._records import Record, split_batches, to_array
from .base import HASH_LENGTH, ItemID
from .store import VectorStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EmbeddingFunction", "FastEmbedEmbeddingFunction", "QdrantVectorDB"]

EMBEDDER_KEY = "autogen:embedder"
# An id that Qdrant doesn't take: it has a UUID instead.
_ID_KEY = "_id"
_PAGE = 1_000


class EmbeddingFunction(ABC):
    """Base class of embedding functions for Qdrant, under 0.2's name."""

    @abstractmethod
    def __call__(self, inputs: list[str]) -> list[Any]:
        """Return a vector for each text."""


class FastEmbedEmbeddingFunction(EmbeddingFunction):
    """Vectors by the package `fastembed`, which downloads the model on first use.

    Args:
        model_name: Name of the model.
        batch_size: The number of texts that are embedded at once.
        cache_dir: Folder of the downloaded models.
        threads: The number of threads of a session.
        parallel: The number of processes; 0 for all cores, None for threads alone.
        **kwargs: Further arguments of `fastembed.TextEmbedding`.

    Raises:
        ImportError: if the package is not installed.
    """

    def __init__(
        self,
        model_name: str = "BAAI/bge-small-en-v1.5",
        batch_size: int = 256,
        cache_dir: str | None = None,
        threads: int | None = None,
        parallel: int | None = None,
        **kwargs: Any,
    ) -> None:
        fastembed = require("fastembed", feature="FastEmbedEmbeddingFunction")
        self.model_name = model_name
        self._batch_size, self._parallel = batch_size, parallel
        self._model = fastembed.TextEmbedding(model_name=model_name, cache_dir=cache_dir, threads=threads, **kwargs)

    def __call__(self, inputs: list[str]) -> list[Any]:
        """Return a vector for each text."""
        return list(self._model.embed(inputs, batch_size=self._batch_size, parallel=self._parallel))


class QdrantVectorDB(VectorStore[str]):
    """A vector store in Qdrant. Needs the extra `qdrant`. Its collections are names.

    Attributes:
        client: The client.

    Args:
        client: A client of Qdrant; None for a store in memory.
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
        content_payload_key: Name of the field with the texts.
        metadata_payload_key: Name of the field with the metadata.
        collection_options: Further arguments of `create_collection` of the client.
        **kwargs: Further arguments of `qdrant_client.QdrantClient`, such as `path` or `url`.

    Raises:
        ImportError: if the client is not installed.
    """

    type = "qdrant"
    search_options = frozenset({"query_filter", "search_params"})

    def __init__(
        self,
        *,
        client: Any = None,
        embedding_function: Any = None,
        content_payload_key: str = "_content",
        metadata_payload_key: str = "_metadata",
        collection_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(embedding_function)
        package = require("qdrant_client", extra="qdrant", feature="The vector store Qdrant")
        self._models: Any = package.models
        if client is None:
            client = package.QdrantClient(**kwargs) if kwargs else package.QdrantClient(location=":memory:")
        self.client = client
        # The client's store in memory or in a folder has no locks of its own.
        options = getattr(client, "init_options", {})
        is_local = bool(options.get("path")) or options.get("location") == ":memory:"
        self._lock: AbstractContextManager[Any] = threading.RLock() if is_local else nullcontext()
        self.content_payload_key = content_payload_key
        self.metadata_payload_key = metadata_payload_key
        self.collection_options = collection_options or {}

    @staticmethod
    def generate_chunk_ids(chunks: list[str], hash_length: int = HASH_LENGTH) -> list[ItemID]:
        """Return an id for each text, a UUID made of the text alone.

        Args:
            chunks: The texts.
            hash_length: Not used: a UUID always has 32 hexadecimal digits.
        """
        digests = (hashlib.md5(chunk.encode("utf-8"), usedforsecurity=False) for chunk in chunks)
        return [str(uuid.UUID(hex=digest.hexdigest())) for digest in digests]

    def check_name(self, collection_name: str) -> str:
        """Return the name of a collection."""
        return collection_name

    def open_collection(self, collection_name: str) -> str | None:
        """Return the name of an existing collection, None if there is none."""
        return collection_name if self.client.collection_exists(collection_name) else None

    def make_collection(self, collection_name: str, embedder: str) -> str:
        """Create a collection."""
        models = self._models
        options = {"vectors_config": models.VectorParams(size=self.embedder.dimension, distance=models.Distance.COSINE)}
        self.client.create_collection(
            collection_name, metadata={EMBEDDER_KEY: embedder}, **{**options, **self.collection_options}
        )
        return collection_name

    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""
        self.client.delete_collection(collection_name)

    def get_recorded_embedder(self, collection: str) -> str | None:
        """Return the identity of the embedder of a collection."""
        metadata = getattr(self.client.get_collection(collection).config, "metadata", None) or {}
        embedder: str | None = metadata.get(EMBEDDER_KEY)
        return embedder

    def write_records(self, collection: str, records: Sequence[Record]) -> None:
        """Write records."""
        points = [
            self._models.PointStruct(
                id=to_point_id(record.id),
                vector=[] if record.embedding is None else record.embedding.tolist(),
                payload={
                    self.content_payload_key: record.content,
                    self.metadata_payload_key: record.metadata,
                    **({} if to_point_id(record.id) == record.id else {_ID_KEY: record.id}),
                },
            )
            for record in records
        ]
        with self._lock:
            self.client.upsert(collection, points=points, wait=True)

    def delete_records(self, collection: str, ids: Sequence[ItemID]) -> None:
        """Delete records."""
        with self._lock:
            self.client.delete(collection, points_selector=list(map(to_point_id, ids)), wait=True)

    def read_records(self, collection: str, ids: Sequence[ItemID] | None) -> list[Record]:
        """Return records by their ids, or all."""
        with self._lock:
            if ids is None:
                return list(self._scroll(collection, None, None))
            points = []
            for batch in split_batches(list(map(to_point_id, ids)), _PAGE):
                points += self.client.retrieve(collection, batch, with_payload=True, with_vectors=True)
        return list(map(self._make_record, points))

    def find_nearest(
        self, collection: str, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the nearest records; see `VectorStore.find_nearest`."""
        conditions = [options.get("query_filter"), self._make_filter(containing) if containing else None]
        wanted = [condition for condition in conditions if condition is not None]
        with self._lock:
            response = self.client.query_points(
                collection,
                query=vector.tolist(),
                limit=n,
                query_filter=self._models.Filter(must=wanted) if wanted else None,
                search_params=options.get("search_params"),
                with_payload=True,
                with_vectors=True,
            )
        records = map(self._make_record, response.points)
        # A server with a full-text index matches words and not the exact text.
        return [record for record in records if containing in record.content]

    def find_containing(self, collection: str, text: str, n: int) -> Iterable[Record]:
        """Return records that contain a text; see `VectorStore.find_containing`."""
        with self._lock:
            records = list(self._scroll(collection, self._make_filter(text), n))
        return [record for record in records if text in record.content]

    def _make_filter(self, text: str) -> Any:
        models = self._models
        condition = models.FieldCondition(key=self.content_payload_key, match=models.MatchText(text=text))
        return models.Filter(must=[condition])

    def _scroll(self, collection: str, scroll_filter: Any, n: int | None) -> Iterator[Record]:
        offset = None
        while n is None or n > 0:
            points, offset = self.client.scroll(
                collection,
                scroll_filter=scroll_filter,
                limit=_PAGE if n is None else min(n, _PAGE),
                offset=offset,
                with_payload=True,
                with_vectors=True,
            )
            yield from map(self._make_record, points)
            n = None if n is None else n - len(points)
            if offset is None:
                return

    def _make_record(self, point: Any) -> Record:
        payload = dict(point.payload or {})
        key = payload.pop(_ID_KEY, point.id)
        content = str(payload.pop(self.content_payload_key, "") or "")
        metadata = payload.pop(self.metadata_payload_key, None) or {}
        return Record(key, content, metadata, to_array(point.vector))


def to_point_id(key: ItemID) -> ItemID:
    """Return an id that Qdrant takes: a number or a UUID. Any other text gets a UUID made of it."""
    if isinstance(key, int) and key >= 0:
        return key
    try:
        # Qdrant returns UUIDs in this form, so other spellings of them are texts like any other.
        if str(uuid.UUID(str(key))) == key:
            return key
    except ValueError:
        pass
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(key)))
