"""`VectorDBQueryEngine`: answers from the documents in a vector store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...._untrusted import RULE
from ....oai.client import OpenAIWrapper
from ..._chats.sources import SourceRecord, record_sources, resolve_sources
from ..._core.result import ChatSource
from .._rag.context import QuestionState, render_context, select_texts
from .._rag.document_index import DocumentIndex
from .._rag.settings import parse_settings
from .query_engine import PathOrUrl

__all__ = ["ChromaDBQueryEngine", "Citation", "VectorChromaQueryEngine", "VectorDBQueryEngine"]

ANSWER: Final = (
    "You answer a question from documents. If they don't answer it, say that you don't know. End with the documents that "
    f"your answer is from, by their numbers: Sources: [1], [2]. {RULE}"
)
NOTHING: Final = "No document has anything about it."


@dataclass(frozen=True)
class Citation:
    """An answer with its sources.

    Attributes:
        answer: The answer.
        citations: The documents that it cites; those that were not among the retrieved are marked by `in_context=False`.
        sources: All documents that were retrieved, and those that are cited.
    """

    answer: str
    citations: list[ChatSource] = field(default_factory=list)
    sources: list[ChatSource] = field(default_factory=list)


class VectorDBQueryEngine:
    r"""An engine that answers questions from the documents in a vector store.

    Args:
        vector_db: The store, or its name; None for a local store.
        llm_config: Config of the model that answers.
        collection_name: Name of the collection.
        n_results: Maximum number of texts that an answer is from.
        retrieve_config: Further settings, as of `RetrieveUserProxyAgent`.

    >>> engine = VectorDBQueryEngine(None, llm_config)  # doctest: +SKIP
    >>> engine.init_db("docs")  # doctest: +SKIP
    True
    >>> engine.query("How do I install it?")  # doctest: +SKIP
    'By pip.\nSources: [1]'
    """

    def __init__(
        self,
        vector_db: Any = None,
        llm_config: Mapping[str, Any] | None = None,
        *,
        collection_name: str = "autogen-docs",
        n_results: int = 5,
        retrieve_config: Mapping[str, Any] | None = None,
    ) -> None:
        self._vector_db = vector_db
        self._client = OpenAIWrapper(**(llm_config or {}))
        self._config = {**(retrieve_config or {}), "vector_db": vector_db, "collection_name": collection_name}
        self._n_results = n_results
        self._paths: list[PathOrUrl] = []
        self._index = self._make_index()

    def init_db(
        self, new_doc_dir: PathOrUrl | None = None, new_doc_paths_or_urls: Sequence[PathOrUrl] | PathOrUrl | None = None
    ) -> bool:
        """Make the collection again, of a folder, files and addresses. Returns True.

        Args:
            new_doc_dir: A folder.
            new_doc_paths_or_urls: Files and addresses.

        Raises:
            ValueError: if there are no documents.
        """
        self._paths = []
        self._add_paths(new_doc_dir, new_doc_paths_or_urls, overwrite=True)
        return True

    def add_docs(
        self, new_doc_dir: PathOrUrl | None = None, new_doc_paths_or_urls: Sequence[PathOrUrl] | PathOrUrl | None = None
    ) -> None:
        """Add documents, or bring them up to date. Takes the arguments of `init_db`."""
        self._add_paths(new_doc_dir, new_doc_paths_or_urls, overwrite=False)

    def connect_db(self) -> bool:
        """Use the collection that exists. Returns False if there is none."""
        self._index = self._make_index()
        try:
            self._index.update()
        except ValueError:
            return False
        return True

    def query(self, question: str) -> str:
        """Answer a question from the documents."""
        return self.query_with_citations(question).answer

    def query_with_citations(self, question: str) -> Citation:
        """Answer a question from the documents, and say from which.

        Raises:
            ValueError: if there is no collection.
        """
        self._index.ensure_updated()
        settings, state = self._index.settings, QuestionState(question, self._n_results)
        results = self._index.search(question, self._n_results)
        sources = select_texts(results, state, settings.context_max_tokens, settings.count_tokens)
        if not sources:
            return Citation(NOTHING)
        record_sources(sources)
        context = render_context(sources, state.contents)
        messages = [
            {"role": "system", "content": ANSWER},
            {"role": "user", "content": f"{context}\n\nQuestion: {question}"},
        ]
        answer = str(self._client.extract_text_or_completion_object(self._client.create(messages=messages))[0])
        resolved = resolve_sources(SourceRecord(sources), [{"content": answer}])
        return Citation(answer, [source for source in resolved if source.cited], resolved)

    def _make_index(self, overwrite: bool = False) -> DocumentIndex:
        paths = list(self._paths) or None
        return DocumentIndex(
            parse_settings({**self._config, "docs_path": paths, "get_or_create": True, "overwrite": overwrite})
        )

    def _add_paths(self, folder: PathOrUrl | None, paths: Sequence[PathOrUrl] | PathOrUrl | None, overwrite: bool) -> None:
        added = [folder] if folder is not None else []
        added += [paths] if isinstance(paths, (str, os.PathLike)) else list(paths or ())
        if not added:
            raise ValueError("There must be a new_doc_dir, or new_doc_paths_or_urls.")
        self._paths += added
        store = self._index.store
        self._config["vector_db"] = store
        self._index = self._make_index(overwrite)
        self._index.update()


class ChromaDBQueryEngine(VectorDBQueryEngine):
    """A `VectorDBQueryEngine` over Chroma. Takes its arguments, and those of `ChromaVectorDB` as `db_config`.

    Args:
        db_path: Folder of the database; None for a database in memory.
        embedding_function: The source of vectors.
        llm_config: Config of the model that answers.
        collection_name: Name of the collection.
        **kwargs: Further arguments of `VectorDBQueryEngine`.
    """

    def __init__(
        self,
        db_path: str | None = None,
        embedding_function: Any = None,
        llm_config: Mapping[str, Any] | None = None,
        collection_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        config = {"db_config": {"path": db_path}, "embedding_function": embedding_function}
        config.update(kwargs.pop("retrieve_config", None) or {})
        name = collection_name or "autogen-docs"
        super().__init__("chroma", llm_config, collection_name=name, retrieve_config=config, **kwargs)


VectorChromaQueryEngine = ChromaDBQueryEngine
"""AG2's other name."""
