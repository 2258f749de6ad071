"""Private names of 0.2's agent that programs use, and its functions that fill and search a collection without an agent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..vectordb.base import VectorDB, VectorDBFactory
from .adapters import StoreCollection
from .context import QuestionState
from .document_index import DocumentIndex
from .search import search_store
from .settings import get_window

logger = logging.getLogger(__name__)

Split = Callable[[], tuple[Sequence[str], Sequence[Mapping[str, Any]]]]


def _make_alias(name: str) -> Any:
    """Return a property that reads and sets a key of an agent's `retrieve_config`."""

    def read(self: LegacySettings) -> Any:
        return getattr(self._index.settings, name)

    def write(self: LegacySettings, value: object) -> None:
        self._index.change_setting(name, value)

    return property(read, write)


class LegacySettings:
    """Private attributes of 0.2's agent: its subclasses that override `message_generator` or `retrieve_docs` use them."""

    _index: DocumentIndex
    _question: QuestionState

    _task = _make_alias("task")
    _docs_path = _make_alias("docs_path")
    _db_config = _make_alias("db_config")
    _client = _make_alias("client")
    _collection_name = _make_alias("collection_name")
    _get_or_create = _make_alias("get_or_create")
    _overwrite = _make_alias("overwrite")
    _new_docs = _make_alias("new_docs")
    _extra_docs = _make_alias("extra_docs")
    _model = _make_alias("model")
    _chunk_token_size = _make_alias("chunk_token_size")
    _context_max_tokens = _make_alias("context_max_tokens")
    _chunk_mode = _make_alias("chunk_mode")
    _must_break_at_empty_line = _make_alias("must_break_at_empty_line")
    _custom_text_types = _make_alias("custom_text_types")
    _recursive = _make_alias("recursive")
    _embedding_model = _make_alias("embedding_model")
    _embedding_function = _make_alias("embedding_function")
    _distance_threshold = _make_alias("distance_threshold")

    @property
    def _vector_db(self) -> Any:
        return self._index.store

    @_vector_db.setter
    def _vector_db(self, value: object) -> None:
        self._index.change_setting("vector_db", value)

    @property
    def _search_string(self) -> str:
        return self._question.search_string

    @_search_string.setter
    def _search_string(self, value: str) -> None:
        self._question.search_string = value

    @property
    def _max_tokens(self) -> int:
        return get_window(self._index.settings.model)


def open_store(client: Any, db_path: str, embedding: object) -> Any:
    """Return the store of a client.

    Args:
        client: A vector store, or a client of Chroma; None for a store in the folder.
        db_path: The folder.
        embedding: The source of vectors.
    """
    if isinstance(client, VectorDB):
        return client
    return VectorDBFactory.open_default(db_path, client=client, embedding_function=embedding)


def fill_collection(store: Any, name: str, split: Split, *, get_or_create: bool, extra_docs: bool) -> Any:
    """Fill a collection with chunks, under the ids `doc_0`, `doc_1` and so on.

    Args:
        store: The store.
        name: Name of the collection. If it exists and `get_or_create` is False, there is a warning, and nothing is done.
        split: Returns the chunks and their metadata.
        get_or_create: True to use an existing collection.
        extra_docs: True to number the ids on from the present number of documents.

    Returns:
        The client of the store; the store itself if it has none.
    """
    client = getattr(store, "client", store)
    try:
        store.create_collection(name, overwrite=False, get_or_create=get_or_create)
    except ValueError as error:
        logger.warning("%s", error)
        return client
    collection = StoreCollection(store, name)
    first = len(collection.load(None)) if extra_docs else 0
    chunks, sources = split()
    documents = [
        {"id": f"doc_{first + number}", "content": chunk, "metadata": dict(source)}
        for number, (chunk, source) in enumerate(zip(chunks, sources, strict=True))
    ]
    if documents:
        collection.write(documents)
    return client


def query_collection(store: Any, name: str, queries: Sequence[str], n_results: int, search_string: str) -> dict[str, Any]:
    """Search a collection, and return the results in the form of Chroma: a list for each question, by field."""
    columns: dict[str, Any] = {"ids": [], "documents": [], "metadatas": [], "distances": [], "embeddings": None}
    for query in queries:
        results = search_store(store, name, query, n_results, search_string=search_string)[0]
        columns["ids"].append([document["id"] for document, _ in results])
        columns["documents"].append([document.get("content") for document, _ in results])
        columns["metadatas"].append([document.get("metadata") for document, _ in results])
        columns["distances"].append([distance for _, distance in results])
    return columns
