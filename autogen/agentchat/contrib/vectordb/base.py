"""The protocol of vector stores, their types, and the factory that makes them by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypedDict, Union, runtime_checkable

from ...._mistakes import suggest

__all__ = ["HASH_LENGTH", "Document", "ItemID", "Metadata", "QueryResults", "Vector", "VectorDB", "VectorDBFactory"]

HASH_LENGTH = int(os.environ.get("HASH_LENGTH", 16))
"""The number of hexadecimal digits of an id that is made of a text. With eight of them, two of 10,000 texts may collide."""

Metadata = Mapping[str, Any]
"""Any JSON values by name."""

Vector = Sequence[float]
"""An embedding. Arrays of numpy are accepted, too."""

ItemID = Union[str, int]
"""The id of a document."""


class Document(TypedDict, total=False):
    """A text in a vector store.

    Attributes:
        id: Its name, unique in the collection.
        content: The text.
        metadata: Any JSON values by name; None for none.
        embedding: Its vector; None, or missing, for that of the store's embedding function.
    """

    id: ItemID
    content: str
    metadata: Metadata | None
    embedding: Vector | None


QueryResults = list[list[tuple[Document, float]]]
"""For each query its results, nearest first: documents with their cosine distances, 0 to 2."""


@runtime_checkable
class VectorDB(Protocol):
    """A vector store. Any object with these attributes and methods can be used; `VectorStore` is a base class.

    Attributes:
        active_collection: The collection that was created or got last. Methods use it if they are called without a name.
        type: Name of the kind of store.
        embedding_function: Function, or any other source, of the vectors of texts.
    """

    active_collection: Any = None
    type: str = ""
    embedding_function: Any = None

    def create_collection(self, collection_name: str, overwrite: bool = False, get_or_create: bool = True) -> Any:
        """Create a collection.

        Args:
            collection_name: Its name.
            overwrite: True to delete an existing collection of this name before.
            get_or_create: True to return an existing collection of this name.

        Raises:
            ValueError: if it exists, and neither is True.
        """
        ...

    def get_collection(self, collection_name: str | None = None) -> Any:
        """Return a collection.

        Args:
            collection_name: Its name; None for the active collection.

        Raises:
            ValueError: if there is no such collection.
        """
        ...

    def delete_collection(self, collection_name: str) -> Any:
        """Delete a collection with all its documents.

        Args:
            collection_name: Its name.
        """
        ...

    @staticmethod
    def generate_chunk_ids(chunks: list[str], hash_length: int = HASH_LENGTH) -> list[ItemID]:
        """Return an id for each text, made of the text alone.

        Args:
            chunks: The texts.
            hash_length: The number of hexadecimal digits of an id.
        """
        return [hashlib.blake2b(chunk.encode("utf-8")).hexdigest()[:hash_length] for chunk in chunks]

    def insert_docs(
        self, docs: list[Document], collection_name: str | None = None, upsert: bool = False, **kwargs: Any
    ) -> None:
        """Add documents.

        Args:
            docs: The documents, with ids and contents.
            collection_name: Name of the collection; None for the active collection.
            upsert: True to replace documents with the same ids, False to leave them as they are.
            **kwargs: Options of the store.

        Raises:
            ValueError: if a document has no id or no content.
        """
        ...

    def update_docs(self, docs: list[Document], collection_name: str | None = None, **kwargs: Any) -> None:
        """Replace documents; those that are not there are added.

        Args:
            docs: The documents, with ids and contents.
            collection_name: Name of the collection; None for the active collection.
            **kwargs: Options of the store.
        """
        ...

    def delete_docs(self, ids: list[ItemID], collection_name: str | None = None, **kwargs: Any) -> None:
        """Delete documents; unknown ids are ignored.

        Args:
            ids: The ids.
            collection_name: Name of the collection; None for the active collection.
            **kwargs: Options of the store.
        """
        ...

    def retrieve_docs(
        self,
        queries: list[str],
        collection_name: str | None = None,
        n_results: int = 10,
        distance_threshold: float = -1,
        **kwargs: Any,
    ) -> QueryResults:
        """Return the documents that are nearest to each query.

        Args:
            queries: The queries.
            collection_name: Name of the collection; None for the active collection.
            n_results: The maximum number of results for each query.
            distance_threshold: Results that are not nearer are left out. Zero or less for no limit.
            **kwargs: Options of the store.
        """
        ...

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
            include: Fields that the documents have beside their ids; None for content and metadata.
            **kwargs: Options of the store.
        """
        ...


_CLASSES = {
    "local": "local.LocalVectorDB",
    "chroma": "chromadb.ChromaVectorDB",
    "pgvector": "pgvectordb.PGVectorDB",
    "mongodb": "mongodb.MongoDBAtlasVectorDB",
    "qdrant": "qdrant.QdrantVectorDB",
    "couchbase": "couchbase.CouchbaseVectorDB",
    "lancedb": "lancedb.LanceVectorDB",
}
_ALIASES = {
    "chromadb": "chroma",
    "pgvectordb": "pgvector",
    "mdb": "mongodb",
    "atlas": "mongodb",
    "qdrantdb": "qdrant",
    "couchbasedb": "couchbase",
    "capella": "couchbase",
    "lance": "lancedb",
}
# The stores of programs.
_registered: dict[str, Callable[..., VectorDB]] = {}


class VectorDBFactory:
    """A maker of vector stores by their names.

    >>> VectorDBFactory.create_vector_db("Chroma", path=None)  # doctest: +SKIP
    """

    PREDEFINED_VECTOR_DB = ["local", "chroma", "pgvector", "mongodb", "qdrant", "couchbase", "lancedb"]
    """The names of the stores of this package."""

    @staticmethod
    def create_vector_db(db_type: str, **kwargs: Any) -> VectorDB:
        """Make a vector store.

        Args:
            db_type: Its name, in upper or lower case: one of `PREDEFINED_VECTOR_DB`, a registered name, or that of a part of
                an extension, such as `acme.store`.
            **kwargs: The arguments of its constructor.

        Raises:
            ValueError: if there is no such store.
            ImportError: if a package that it needs is not installed.
        """
        name = _ALIASES.get(db_type.lower(), db_type.lower())
        if name in _registered:
            return _registered[name](**kwargs)
        if name in _CLASSES:
            module, _, class_name = _CLASSES[name].partition(".")
            store: VectorDB = getattr(import_module(f".{module}", __package__), class_name)(**kwargs)
            return store
        if "." in name:
            # Reads the metadata of all packages: most programs need none of it.
            from ....extensions import find_part

            made: VectorDB = find_part("vector_stores", db_type)(**kwargs)
            return made
        names = [*VectorDBFactory.PREDEFINED_VECTOR_DB, *_registered]
        hint = suggest(name, [*names, *_ALIASES])
        raise ValueError(f"There is no vector store {db_type!r}. Vector stores: {', '.join(names)}.{hint}")

    @staticmethod
    def register_vector_db(db_type: str, factory: Callable[..., VectorDB]) -> None:
        """Give a vector store a name.

        Args:
            db_type: The name.
            factory: Class, or function, that makes the store.

        Raises:
            ValueError: if the name is in use by another store.
        """
        name = db_type.lower()
        registered = _registered.get(name)
        taken = name in _CLASSES or name in _ALIASES
        if taken or (registered is not None and registered is not factory):
            raise ValueError(f"There is a vector store {db_type!r} already.")
        _registered[name] = factory

    @staticmethod
    def open_default(path: str | None = "tmp/db", *, client: Any = None, **kwargs: Any) -> VectorDB:
        """Make the store of a program that names none.

        It is Chroma for a client of Chroma, and for a folder with a database of Chroma if Chroma is installed; otherwise it
        is the store of this package.

        Args:
            path: The folder; None for a store in memory.
            client: A client of Chroma.
            **kwargs: Other arguments of the constructor, such as `embedding_function`.
        """
        if client is not None:
            return VectorDBFactory.create_vector_db("chroma", client=client, path=path, **kwargs)
        if path is not None and Path(path, "chroma.sqlite3").exists() and not Path(path, "index.db").exists():
            try:
                return VectorDBFactory.create_vector_db("chroma", path=path, **kwargs)
            except ImportError:
                return VectorDBFactory.create_vector_db("local", path=path, **kwargs)
        return VectorDBFactory.create_vector_db("local", path=path, **kwargs)
