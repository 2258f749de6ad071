"""`VectorStore`: the base class of vector stores, with all that they have in common."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ...._mistakes import suggest
from ....embeddings import Embedder, get_embedder
from ....retrieval import (
    EmbedderMismatch,
    SearchMode,
    choose_keyword_weight,
    find_identifiers,
    rank_hybrid,
    score_keywords,
    split_query,
)
from ._records import INCLUDABLE, Record, get_distance, make_document, read_documents, split_batches
from .base import Document, ItemID, QueryResults, VectorDB
from .utils import filter_results_by_distance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Record", "VectorStore"]

logger = logging.getLogger(__name__)

C = TypeVar("C")

# A hybrid search ranks so many of the nearest documents, and more if more results are asked for.
_POOL = 100
# So many words of a question are looked for in stores without a full-text index.
_MAX_TERMS = 8


class VectorStore(VectorDB, Generic[C]):
    """A vector store, apart from its database.

    Distances are cosine distances in every store: `1 - cos`, 0 to 2, smaller is nearer. They are calculated here from the
    vectors that the database returns, whatever its own measure is. A subclass has the methods that are abstract here; `C` is
    the type of its collections.

    Attributes:
        active_collection: The collection that was used last.
        embedding_function: The source of vectors; see `autogen.embeddings.get_embedder`.

    Args:
        embedding_function: The source of vectors; None for the local model all-MiniLM-L6-v2.
    """

    search_options: ClassVar[frozenset[str]] = frozenset()
    """The names of the further arguments that `retrieve_docs` takes."""

    batch_size: int = 1_000
    """The number of documents that are embedded and written at once."""

    def __init__(self, embedding_function: Any = None) -> None:
        self.active_collection: C | None = None
        self.embedding_function = embedding_function
        self._active_name = ""
        self._embedder: tuple[Any, Embedder] | None = None

    @property
    def embedder(self) -> Embedder:
        """The embedder that `embedding_function` names."""
        if self._embedder is None or self._embedder[0] is not self.embedding_function:
            self._embedder = (self.embedding_function, get_embedder(self.embedding_function))
        return self._embedder[1]

    # The parts that each store has.

    @abstractmethod
    def check_name(self, collection_name: str) -> str:
        """Return the name that the database has for a collection.

        Raises:
            ValueError: if the database doesn't allow the name.
        """

    @abstractmethod
    def open_collection(self, collection_name: str) -> C | None:
        """Return an existing collection, None if there is none."""

    @abstractmethod
    def make_collection(self, collection_name: str, embedder: str) -> C:
        """Create a collection, and record the identity of the embedder in it."""

    @abstractmethod
    def drop_collection(self, collection_name: str) -> None:
        """Delete an existing collection."""

    @abstractmethod
    def get_recorded_embedder(self, collection: C) -> str | None:
        """Return the identity of the embedder that made the vectors of a collection; None if it is unknown."""

    @abstractmethod
    def write_records(self, collection: C, records: Sequence[Record]) -> None:
        """Write records with unique ids; existing ones are replaced with all their fields."""

    @abstractmethod
    def delete_records(self, collection: C, ids: Sequence[ItemID]) -> None:
        """Delete records; unknown ids are ignored."""

    @abstractmethod
    def read_records(self, collection: C, ids: Sequence[ItemID] | None) -> Iterable[Record]:
        """Return records by their ids, in any order, or all."""

    @abstractmethod
    def find_nearest(
        self, collection: C, vector: NDArray[np.float32], n: int, containing: str, options: dict[str, Any]
    ) -> Iterable[Record]:
        """Return the records, with vectors, that are nearest to a unit vector.

        Args:
            collection: The collection.
            vector: The vector.
            n: The maximum number of records.
            containing: Text that is exactly in the contents.
            options: The arguments that `search_options` names.
        """

    @abstractmethod
    def find_containing(self, collection: C, text: str, n: int) -> Iterable[Record]:
        """Return records, with vectors, whose contents contain a text.

        Args:
            collection: The collection.
            text: The text.
            n: The maximum number of records.
        """

    # The protocol.

    def create_collection(self, collection_name: str, overwrite: bool = False, get_or_create: bool = True) -> C:
        """Create a collection, and make it the active collection.

        Args:
            collection_name: Its name.
            overwrite: True to delete an existing collection of this name before.
            get_or_create: True to return an existing collection of this name.

        Raises:
            ValueError: if it exists, and neither is True, or if the name is not allowed.
            EmbedderMismatch: if the existing collection has vectors of another embedder.
        """
        name = self._check_name(collection_name)
        collection = self.open_collection(name)
        if collection is not None and overwrite:
            self.drop_collection(name)
            collection = None
        elif collection is not None and not get_or_create:
            raise ValueError(
                f"There is a collection {collection_name!r} already: use it with get_or_create=True, or make it again with "
                "overwrite=True."
            )
        if collection is None:
            collection = self.make_collection(name, self.embedder.identity)
        self._check_embedder(collection, collection_name)
        self.active_collection, self._active_name = collection, name
        return collection

    def get_collection(self, collection_name: str | None = None) -> C:
        """Return a collection, and make it the active collection.

        Args:
            collection_name: Its name; None for the active collection.

        Raises:
            ValueError: if there is no such collection.
        """
        if collection_name is None:
            if self.active_collection is None:
                raise ValueError("No collection is active: create one, or pass its name.")
            return self.active_collection
        name = self._check_name(collection_name)
        collection = self.open_collection(name)
        if collection is None:
            raise ValueError(f"There is no collection {collection_name!r}.")
        self.active_collection, self._active_name = collection, name
        return collection

    def delete_collection(self, collection_name: str) -> None:
        """Delete a collection with all its documents.

        Args:
            collection_name: Its name.

        Raises:
            ValueError: if there is no such collection.
        """
        name = self._check_name(collection_name)
        if self.open_collection(name) is None:
            raise ValueError(f"There is no collection {collection_name!r}.")
        self.drop_collection(name)
        if self._active_name == name:
            self.active_collection = None

    def insert_docs(
        self,
        docs: list[Document],
        collection_name: str | None = None,
        upsert: bool = False,
        batch_size: int | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add documents. Those without a vector of their own get that of the embedding function.

        Args:
            docs: The documents, with ids and contents. Of two with the same id, the later counts.
            collection_name: Name of the collection; None for the active collection.
            upsert: True to replace documents with the same ids, False to leave them as they are.
            batch_size: The number of documents that are embedded and written at once; None for that of the store.
            progress: Function that is called after each batch, with the number of documents so far and of all of them.
            **kwargs: Nothing else.

        Raises:
            ValueError: if a document has no id or no content, or its vector has another dimension than the others.
            EmbedderMismatch: if the collection has vectors of another embedder.
        """
        self._refuse_options(kwargs, ("batch_size", "progress"))
        if not docs:
            return
        records = read_documents(docs)
        collection = self.get_collection(collection_name)
        if any(record.embedding is None for record in records):
            self._check_embedder(collection, collection_name)
        count = 0
        for batch in split_batches(records, self._limit_batch(batch_size)):
            count += len(batch)
            if not upsert:
                existing = self._find_existing(collection, batch)
                batch = [record for record in batch if record.id not in existing]
            self._embed(batch)
            if batch:
                self.write_records(collection, batch)
            if progress is not None:
                progress(count, len(records))

    def update_docs(
        self,
        docs: list[Document],
        collection_name: str | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Replace documents; those that are not there are added.

        Args:
            docs: The documents, with ids and contents.
            collection_name: Name of the collection; None for the active collection.
            batch_size: The number of documents that are embedded and written at once; None for that of the store.
            **kwargs: As for `insert_docs`.
        """
        self.insert_docs(docs, collection_name, True, batch_size, **kwargs)

    def delete_docs(
        self,
        ids: list[ItemID],
        collection_name: str | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Delete documents; unknown ids are ignored.

        Args:
            ids: The ids.
            collection_name: Name of the collection; None for the active collection.
            batch_size: The number of documents that are deleted at once; None for that of the store.
            **kwargs: Nothing else.
        """
        self._refuse_options(kwargs, ("batch_size",))
        collection = self.get_collection(collection_name)
        for batch in split_batches(list(dict.fromkeys(ids)), self._limit_batch(batch_size)):
            self.delete_records(collection, batch)

    def retrieve_docs(
        self,
        queries: list[str],
        collection_name: str | None = None,
        n_results: int = 10,
        distance_threshold: float = -1,
        *,
        search: SearchMode = "vector",
        keyword_weight: float | None = None,
        search_string: str = "",
        **kwargs: Any,
    ) -> QueryResults:
        """Return the documents that fit each query, with their cosine distances.

        Args:
            queries: The queries.
            collection_name: Name of the collection; None for the active collection.
            n_results: The maximum number of results for each query.
            distance_threshold: Results that are not nearer are left out. Zero or less for no limit.
            search: `vector` for the nearest documents, nearest first; `keyword` for those whose words fit best; `hybrid` for
                the weighted sum of both.
            keyword_weight: The part of the words in the sum, 0 to 1. None for 0.15, or more if a query contains an
                identifier.
            search_string: Text that is exactly in the documents.
            **kwargs: The options that `search_options` of the store names.

        Raises:
            ValueError: if there is no such collection, or an argument is out of range.
            TypeError: if the queries are not a list of texts, or the store has no such option.
        """
        self._check_search(queries, n_results, search, kwargs)
        choose_keyword_weight("", keyword_weight)
        collection = self.get_collection(collection_name)
        if not queries:
            return []
        self._check_embedder(collection, collection_name)
        results: QueryResults = []
        for query, vector in zip(queries, self.embedder.embed_queries(queries), strict=True):
            weight = {"vector": 0.0, "keyword": 1.0}.get(search, keyword_weight)
            ranking = self.rank_records(collection, query, vector, n_results, weight, search_string, kwargs)
            results.append([(make_document(record, {"content", "metadata"}), distance) for record, distance in ranking])
        return filter_results_by_distance(results, distance_threshold)

    def get_docs_by_ids(
        self,
        ids: list[ItemID] | None = None,
        collection_name: str | None = None,
        include: Any = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Return documents by their ids, in this order; unknown ids are left out.

        Args:
            ids: The ids; None for all documents.
            collection_name: Name of the collection; None for the active collection.
            include: Fields that the documents have beside their ids, a list of `documents` (or `content`), `metadatas` and
                `embeddings`. None for contents and metadata.
            **kwargs: Nothing else.

        Raises:
            ValueError: if a field is unknown.
        """
        self._refuse_options(kwargs, ())
        names = ["documents", "metadatas"] if include is None or isinstance(include, bool) else list(include)
        unknown = [name for name in names if name not in INCLUDABLE]
        if unknown:
            raise ValueError(f"include must be a list of {', '.join(INCLUDABLE)}, got {unknown[0]!r}.")
        records = list(
            self.read_records(self.get_collection(collection_name), None if ids is None else list(dict.fromkeys(ids)))
        )
        if ids is not None:
            by_id = {record.id: record for record in records}
            # A store whose ids are texts has the number 1 as "1".
            records = [by_id[key] for key in (key if key in by_id else str(key) for key in ids) if key in by_id]
        return [make_document(record, {INCLUDABLE[name] for name in names}) for record in records]

    # The logic behind it.

    def rank_records(
        self,
        collection: C,
        query: str,
        vector: NDArray[np.float32],
        n: int,
        keyword_weight: float | None,
        containing: str,
        options: dict[str, Any],
    ) -> list[tuple[Record, float]]:
        """Return the best records of a query with their distances. Stores with a search of their own override it.

        Args:
            collection: The collection.
            query: The query.
            vector: Its unit vector.
            n: The maximum number of records.
            keyword_weight: The part of the words: 0 for a search by the vector alone, 1 for a search by words alone, None
                for a weight that fits the query.
            containing: Text that is exactly in the contents.
            options: The arguments that `search_options` names.
        """
        keyword_weight = choose_keyword_weight(query, keyword_weight)
        candidates: dict[ItemID, Record] = {}
        if keyword_weight < 1:
            pool = max(_POOL, 2 * n) if keyword_weight else n
            nearest = self.find_nearest(collection, vector, pool, containing, options)
            candidates = {record.id: record for record in nearest}
        if keyword_weight:
            for record in self.find_by_words(collection, query, _POOL):
                if containing in record.content:
                    candidates.setdefault(record.id, record)
        scores: dict[ItemID, float] = {}
        if keyword_weight:
            contents = [record.content for record in candidates.values()]
            scored = zip(candidates, score_keywords(query, contents), strict=True)
            scores = {key: score for key, score in scored if score}
        distances = {
            key: get_distance(record.embedding, vector)
            for key, record in candidates.items()
            if keyword_weight < 1 or key in scores
        }
        return [(candidates[key], distances[key]) for key, _ in rank_hybrid(distances, scores, keyword_weight)[:n]]

    def find_by_words(self, collection: C, query: str, n: int) -> Iterable[Record]:
        """Return records, with vectors, that contain words of a query.

        Stores with a full-text index override it. Here, identifiers and the longest words are looked for one by one.

        Args:
            collection: The collection.
            query: The query.
            n: The maximum number of records for each word.
        """
        words = sorted(split_query(query), key=len, reverse=True)
        terms = list(dict.fromkeys([*find_identifiers(query), *words]))[:_MAX_TERMS]
        return [record for term in terms for record in self.find_containing(collection, term, n)]

    def _check_name(self, collection_name: object) -> str:
        if not isinstance(collection_name, str) or not collection_name:
            raise ValueError(f"The name of a collection must be a text that is not empty, got {collection_name!r}.")
        return self.check_name(collection_name)

    def _find_existing(self, collection: C, records: Sequence[Record]) -> set[ItemID]:
        ids = {record.id for record in records}
        existing = {record.id for record in self.read_records(collection, list(ids))}
        return {key for key in ids if key in existing or str(key) in existing}

    def _embed(self, records: Sequence[Record]) -> None:
        missing = [record for record in records if record.embedding is None]
        if missing:
            vectors = self.embedder.embed([record.content for record in missing])
            for record, vector in zip(missing, vectors, strict=True):
                record.embedding = vector

    def _check_embedder(self, collection: C, collection_name: str | None) -> None:
        recorded = self.get_recorded_embedder(collection)
        if recorded is not None and recorded != self.embedder.identity:
            raise EmbedderMismatch(collection_name or self._active_name, recorded, self.embedder.identity)

    def _limit_batch(self, batch_size: int | None) -> int:
        return self.batch_size if batch_size is None or batch_size < 1 else min(batch_size, self.batch_size)

    def _check_search(self, queries: object, n_results: int, search: str, options: dict[str, Any]) -> None:
        if not isinstance(queries, (list, tuple)) or not all(isinstance(query, str) for query in queries):
            raise TypeError(f"queries must be a list of texts, got {queries!r:.80}.")
        if n_results < 1:
            raise ValueError(f"n_results must be at least 1, got {n_results}.")
        if search not in ("vector", "keyword", "hybrid"):
            raise ValueError(f'search must be "hybrid", "vector" or "keyword", got {search!r}.')
        self._refuse_options(options, self.search_options)

    def _refuse_options(self, options: dict[str, Any], known: Iterable[str]) -> None:
        for name in sorted(set(options) - {*known}):
            hint = suggest(name, [*known, "search", "keyword_weight", "search_string"])
            raise TypeError(f"The store {self.type!r} has no option {name!r}.{hint}")
