"""The store of an agent that searches documents."""

from __future__ import annotations

from typing import Any

from ..vectordb.base import VectorDB, VectorDBFactory
from .settings import DEFAULT_MODEL, RetrieveSettings


def make_store(settings: RetrieveSettings) -> Any:
    """Return the store that the settings name: an object, a name, a client of Chroma, or by default a local one.

    Raises:
        ValueError: if no store has the name.
        ImportError: if it needs a package that is not installed.
    """
    store, arguments = settings.vector_db, dict(settings.db_config)
    if callable(store) and not isinstance(store, VectorDB):
        return store()
    if store is not None and not isinstance(store, str):
        return store
    embedding = settings.embedding_function
    if embedding is None and settings.embedding_model != DEFAULT_MODEL:
        embedding = settings.embedding_model
    if embedding is not None:
        arguments["embedding_function"] = embedding
    if store is None:
        return VectorDBFactory.open_default(**arguments, client=settings.client)
    return VectorDBFactory.create_vector_db(store, **arguments)
