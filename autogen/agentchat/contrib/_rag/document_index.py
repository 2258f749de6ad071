"""`DocumentIndex`: a collection of a store, and the documents that it is kept up to date with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from ....oai._local.weights import WeightsError
from ....retrieval import IndexCollection, SearchMode
from ..vectordb.local import LocalVectorDB
from ..vectordb.store import VectorStore
from .adapters import ChunkCollection, StoreCollection, TextCollection
from .indexing import Indexer, IndexProgress, IndexReport
from .search import Result, attach_neighbours, search_store
from .settings import RetrieveSettings
from .stores import make_store
from .vectors import PendingVectors

logger = logging.getLogger(__name__)

# Fewer vectors are made before the first answer; more, while questions are answered by words.
FOREGROUND_CHUNKS: Final = 300
# A store is made of these.
STORE_SETTINGS: Final = ("vector_db", "db_config", "client", "embedding_function", "embedding_model")
EXISTS = (
    "The collection {!r} exists. Set get_or_create=True in retrieve_config to bring it up to date and use it, "
    "overwrite=True to make it again, or another collection_name."
)
WORDS_ALONE = "%s Documents are searched by words alone; search='keyword' in retrieve_config says that this is meant."


class DocumentIndex:
    """A collection of a store. The store is made on first use. Threads may share an index.

    Args:
        settings: Which documents, which store, and how it is searched.

    Attributes:
        settings: As above.
        report: Outcome of the last run of `update`; None before.
    """

    def __init__(self, settings: RetrieveSettings) -> None:
        self.settings = settings
        self.report: IndexReport | None = None
        self._lock = threading.RLock()
        self._store: Any = None
        self._pending: PendingVectors | None = None
        self._by_words = settings.search == "keyword"

    @property
    def store(self) -> Any:
        """The store."""
        with self._lock:
            if self._store is None:
                self._store = make_store(self.settings)
            return self._store

    def change_setting(self, name: str, value: object) -> None:
        """Change a setting. The next question brings the collection up to date again."""
        with self._lock:
            setattr(self.settings, name, value)
            self.report = None
            if name in STORE_SETTINGS:
                self._store = None
            if self._pending is not None:
                self._pending.close()
                self._pending = None

    def update(
        self,
        progress: Callable[[IndexProgress], object] | None = None,
        split_function: Callable[[str], Any] | None = None,
        *,
        in_background: bool | None = None,
    ) -> IndexReport:
        """Bring the collection up to date with the documents.

        Args:
            progress: Called after each file, and after each batch of vectors.
            split_function: Splits the text of a file; None for the function of the settings.
            in_background: True to make vectors in a thread, False to make them now; None to decide by their number. Only the
                local store can make them later.

        Raises:
            ValueError: if the collection exists and must not, or the other way round.
        """
        settings = self.settings
        with self._lock:
            collection = self._open_collection()
            split = replace(settings.split, split_function=split_function) if split_function else settings.split
            self.report = Indexer(collection, split).run(settings.roots, progress, rewrite=not settings.new_docs)
            if self._pending is not None and not self._by_words:
                self._make_vectors(progress, in_background)
            return self.report

    def ensure_updated(self) -> None:
        """Bring the collection up to date unless that was done."""
        with self._lock:
            if self.report is None:
                self.update()

    def wait_for_vectors(self, timeout: float | None = None) -> bool:
        """Wait for the vectors that are made in a thread. Return True if all are there.

        Args:
            timeout: Maximum time in seconds; None for no limit.
        """
        return self._pending is None or self._by_words or self._pending.wait(timeout)

    def search(self, question: str, n_results: int, search_string: str = "") -> list[list[Result]]:
        """Return the results of a question, in a list. As long as vectors are missing, they are found by words."""
        results = self._search(question, n_results, search_string)
        # What stands around a result need not have the string.
        if self.settings.join_neighbours and not search_string:
            attach_neighbours(results, self._load)
        return [results]

    def _load(self, ids: list[Any]) -> list[Any]:
        """Return chunks by their ids."""
        if self._pending is not None:
            return [{"id": entry.id, "content": entry.text} for entry in self._pending.collection.get(ids)]
        return list(self.store.get_docs_by_ids(ids, self.settings.collection_name, include=["documents"]) or ())

    def _search(self, question: str, n_results: int, search_string: str) -> list[Result]:
        settings = self.settings
        if self._pending is not None:
            return self._search_local(question, n_results, search_string)
        options: dict[str, Any] = {}
        if isinstance(self.store, VectorStore):
            options = {"search": settings.search, "search_string": search_string}
            if settings.keyword_weight is not None:
                options["keyword_weight"] = settings.keyword_weight
        return search_store(
            self.store,
            settings.collection_name,
            question,
            n_results,
            search_string=search_string,
            distance_threshold=settings.distance_threshold,
            options=options,
        )[0]

    def _search_local(self, question: str, n_results: int, search_string: str) -> list[Result]:
        settings, pending = self.settings, self._pending
        assert pending is not None
        vector = None
        if not self._by_words and not pending.count():
            vector = self.store.embedder.embed_queries([question])[0]
        hits = pending.collection.search(
            question,
            vector=vector,
            n=n_results,
            mode="keyword" if vector is None else cast("SearchMode", settings.search),
            keyword_weight=settings.keyword_weight,
            containing=search_string,
        )
        results = []
        for hit in hits:
            # The distance of a result that was found by words alone is unknown.
            distance = 1.0 if hit.distance is None else hit.distance
            if not 0 < settings.distance_threshold <= distance or hit.distance is None:
                results.append(({"id": hit.id, "content": hit.text, "metadata": dict(hit.metadata)}, distance))
        return results

    def _make_vectors(self, progress: Callable[[IndexProgress], object] | None, in_background: bool | None) -> None:
        """Make the vectors that are missing, now or in a thread."""
        pending, report = self._pending, self.report
        assert pending is not None
        assert report is not None
        total = pending.count()
        for choice in (self.settings.embed_in_background, in_background, total > FOREGROUND_CHUNKS):
            if choice is not None:
                break
        if choice:
            pending.start()
            return

        def show(missing: int) -> None:
            if progress is not None:
                progress(IndexProgress(total - missing, total, report.chunks, "vectors"))

        try:
            pending.make_all(show)
        except (ImportError, WeightsError) as error:
            self._fall_back(error)

    def _fall_back(self, error: Exception) -> None:
        """Search by words alone if the offline embedder is missing, and the program did not ask for vectors.

        Raises:
            Exception: if it did: the error.
        """
        settings = self.settings
        if settings.is_search_given or settings.embedding_function is not None or settings.vector_db is not None:
            raise error
        logger.warning(WORDS_ALONE, error)
        self._by_words = True

    def _open_collection(self) -> ChunkCollection:
        """Open the collection, or create it.

        Raises:
            ValueError: if it exists and must not, or the other way round.
        """
        name, store = self.settings.collection_name, self.store
        if not isinstance(store, LocalVectorDB):
            if self.settings.roots:
                self._create_collection(store.create_collection)
            else:
                store.get_collection(name)
            return StoreCollection(store, name)
        if not self._by_words:
            try:
                identity = store.embedder.identity
            except ImportError as error:
                self._fall_back(error)
        collection = self._open_local(store, None if self._by_words else identity)
        # Kept, because its thread may be at work.
        if self._pending is None:
            self._pending = PendingVectors(collection, lambda: store.embedder)
        return TextCollection(collection)

    def _open_local(self, store: LocalVectorDB, embedder: str | None) -> IndexCollection:
        name = self.settings.collection_name
        if not self.settings.roots:
            return store.index.get_collection(name, embedder=embedder)
        if embedder is not None:
            self._create_collection(store.create_collection)
        else:
            # The store itself would need an embedder.
            self._create_collection(partial(_create_texts, store))
        return store.index.get_collection(name, embedder=embedder)

    def _create_collection(self, create: Callable[..., object]) -> None:
        settings, is_first = self.settings, self.report is None
        if settings.get_or_create or settings.overwrite or not is_first:
            overwrite = settings.overwrite and is_first
            create(settings.collection_name, overwrite=overwrite, get_or_create=True)
            return
        try:
            create(settings.collection_name, overwrite=False, get_or_create=False)
        except ValueError as error:
            raise ValueError(EXISTS.format(settings.collection_name)) from error


def _create_texts(store: LocalVectorDB, name: str, overwrite: bool, get_or_create: bool) -> None:
    """Create a collection without an embedder.

    Raises:
        ValueError: if it exists and must not.
    """
    exists = name in store.index.list_collections()
    if exists and overwrite:
        store.index.delete_collection(name)
    elif exists and not get_or_create:
        raise ValueError(f"There is a collection {name!r} already.")
    store.index.open_collection(name)
