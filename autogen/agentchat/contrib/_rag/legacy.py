"""0.2's functions that fill and search a collection without an agent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..vectordb.base import VectorDB, VectorDBFactory
from .adapters import StoreCollection
from .search import search_store

logger = logging.getLogger(__name__)

Split = Callable[[], tuple[Sequence[str], Sequence[Mapping[str, Any]]]]


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
