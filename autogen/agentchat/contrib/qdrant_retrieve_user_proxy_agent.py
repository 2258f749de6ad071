"""`QdrantRetrieveUserProxyAgent`: 0.2's agent for documents in Qdrant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._documents.files import TEXT_FORMATS, list_files
from ..._mistakes import warn_caller
from ..agent import Message
from ..conversable_agent import HumanInputMode
from ._rag.indexing import SplitSettings, read_chunks
from ._rag.legacy import fill_collection, query_collection
from ._rag.settings import count_default_tokens
from .retrieve_user_proxy_agent import RetrieveUserProxyAgent
from .vectordb.qdrant import FastEmbedEmbeddingFunction, QdrantVectorDB

__all__ = ["QdrantRetrieveUserProxyAgent", "create_qdrant_from_dir", "query_qdrant"]

MODEL = "BAAI/bge-small-en-v1.5"
COLLECTION_OPTIONS = {
    "on_disk": "on_disk_payload",
    "hnsw_config": "hnsw_config",
    "quantization_config": "quantization_config",
}


class QdrantRetrieveUserProxyAgent(RetrieveUserProxyAgent):
    """A `RetrieveUserProxyAgent` whose documents are in Qdrant. Deprecated: pass `vector_db="qdrant"` to that class."""

    def __init__(
        self,
        name: str = "RetrieveChatAgent",
        human_input_mode: HumanInputMode = "ALWAYS",
        is_termination_msg: Callable[[Message], object] | None = None,
        retrieve_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            human_input_mode: When the human is asked.
            is_termination_msg: Function of a received message that returns True if it ends the chat.
            retrieve_config: As for `RetrieveUserProxyAgent`; `client` is a client of Qdrant, by default in memory.
                `on_disk`, `quantization_config` and `hnsw_config` are settings of new collections. `parallel` is the number
                of processes that make vectors; `payload_indexing` has no effect.
            **kwargs: Further arguments of `UserProxyAgent`.
        """
        warn_caller(
            'QdrantRetrieveUserProxyAgent is deprecated, use RetrieveUserProxyAgent with vector_db="qdrant".',
            DeprecationWarning,
        )
        config = dict(retrieve_config or {})
        embedding = config.pop("embedding_function", None)
        model, client, parallel = config.pop("embedding_model", MODEL), config.pop("client", None), config.pop("parallel", 0)
        config.pop("payload_indexing", None)
        options = {
            COLLECTION_OPTIONS[key]: value for key in COLLECTION_OPTIONS if (value := config.pop(key, None)) is not None
        }
        config["vector_db"] = lambda: _make_store(client, embedding, model, parallel, options)
        super().__init__(name, human_input_mode, is_termination_msg, config, **kwargs)

    def retrieve_docs(self, problem: str, n_results: int = 20, search_string: str = "") -> None:
        """Search the documents; see `RetrieveUserProxyAgent`."""
        super().retrieve_docs(problem, n_results, search_string)


def _make_store(
    client: Any, embedding_function: Any, model: str, parallel: int, collection_options: dict[str, Any], **kwargs: Any
) -> QdrantVectorDB:
    embedding = embedding_function or FastEmbedEmbeddingFunction(model, parallel=parallel or None)
    return QdrantVectorDB(client=client, embedding_function=embedding, collection_options=collection_options, **kwargs)


def create_qdrant_from_dir(
    dir_path: str | list[str],
    max_tokens: int = 4000,
    client: Any = None,
    collection_name: str = "all-my-documents",
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    embedding_model: str = MODEL,
    custom_text_split_function: Callable[[str], list[str]] | None = None,
    custom_text_types: Sequence[str] = TEXT_FORMATS,
    recursive: bool = True,
    extra_docs: bool = False,
    parallel: int = 0,
    on_disk: bool = False,
    quantization_config: Any = None,
    hnsw_config: Any = None,
    payload_indexing: bool = False,
    qdrant_client_options: Mapping[str, Any] | None = {},
    *,
    embedding_function: Any = None,
) -> Any:
    """Fill a collection of Qdrant with the documents of a folder.

    Args:
        dir_path: Folder, file or address, or a list of them.
        max_tokens: The maximum size of a chunk.
        client: A client of Qdrant; None to make one.
        collection_name: Name of the collection.
        chunk_mode: See `autogen.retrieve_utils.split_files_to_chunks`.
        must_break_at_empty_line: See `split_files_to_chunks`.
        embedding_model: Name of a model of the package `fastembed`.
        custom_text_split_function: Splits the text of a file instead.
        custom_text_types: The endings that are looked for in folders.
        recursive: True to look in folders inside folders.
        extra_docs: True to number the ids on from the present number of documents.
        parallel: Number of processes that make vectors; 0 for threads alone.
        on_disk: True to keep the texts on disk.
        quantization_config: Setting of the collection.
        hnsw_config: Setting of the collection.
        payload_indexing: Has no effect.
        qdrant_client_options: Arguments of a client that is made.
        embedding_function: Another source of vectors than `fastembed`.

    Returns:
        The client.
    """
    settings = {"on_disk_payload": on_disk or None, "hnsw_config": hnsw_config, "quantization_config": quantization_config}
    options = {key: value for key, value in settings.items() if value is not None}
    client_options = dict(qdrant_client_options or {}) if client is None else {}
    store = _make_store(client, embedding_function, embedding_model, parallel, options, **client_options)
    split = SplitSettings(
        max_tokens, count_default_tokens, "", chunk_mode, must_break_at_empty_line, custom_text_split_function
    )
    files = list_files(dir_path, custom_text_types, recursive)
    return fill_collection(
        store, collection_name, lambda: read_chunks(files, split), get_or_create=True, extra_docs=extra_docs
    )


def query_qdrant(
    query_texts: list[str],
    n_results: int = 10,
    client: Any = None,
    collection_name: str = "all-my-documents",
    search_string: str = "",
    embedding_model: str = MODEL,
    qdrant_client_options: Mapping[str, Any] | None = {},
    *,
    embedding_function: Any = None,
) -> dict[str, Any]:
    """Search a collection of Qdrant.

    Args:
        query_texts: The questions.
        n_results: The maximum number of results for each question.
        client: A client of Qdrant; None to make one.
        collection_name: Name of the collection.
        search_string: Text that is exactly in the results; empty for any.
        embedding_model: Name of a model of the package `fastembed`.
        qdrant_client_options: Arguments of a client that is made.
        embedding_function: Another source of vectors than `fastembed`.

    Returns:
        A dict with a list for each question under `ids`, `documents`, `metadatas` and `distances`.
    """
    client_options = dict(qdrant_client_options or {}) if client is None else {}
    store = _make_store(client, embedding_function, embedding_model, 0, {}, **client_options)
    return query_collection(store, collection_name, query_texts, n_results, search_string)
