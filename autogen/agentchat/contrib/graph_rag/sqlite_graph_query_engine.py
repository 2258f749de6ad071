"""`SqliteGraphQueryEngine`: a graph in an SQLite file, whose entities and relations a model reads in documents."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import BaseModel, Field

from ...._documents.chunks import split_document
from ...._documents.files import download_file, is_url
from ...._documents.readers import Document as ReadableDocument
from ...._documents.readers import make_document, read_document
from ...._untrusted import RULE, clean_text, mark_untrusted
from ....embeddings import get_embedder
from ....fetching import FetchPolicy
from ....oai.client import OpenAIWrapper
from ....token_count_utils import count_token
from ._graph_store import Fact, GraphStore, Relation, normalise_name
from .document import Document, DocumentType
from .graph_query_engine import GraphStoreQueryResult

__all__ = ["Fact", "SqliteGraphQueryEngine"]

CHUNK_TOKENS: Final = 400
HOPS: Final = 2
# Facts around an entity that everything is related to would fill any context.
MAX_FACTS: Final = 60
# Names that are less similar to the question are left out.
MIN_SIMILARITY: Final = 0.35
MAX_SIMILAR: Final = 5

EXTRACT = (
    "You read a text and list the facts in it as relations between two entities: people, towns, organisations, things, "
    "dates, quantities. Use the names of the text, in full. A label is a short phrase that makes a sentence with its "
    f'subject and its object, such as "is the capital of". List nothing that the text doesn\'t say. {RULE}'
)
ANSWER = (
    "You answer a question from facts of a graph and from the passages that they were read in. Name the passages that your "
    "answer is from by their numbers, such as [1]. If the facts don't answer the question, say that you don't know. "
    f"Answer briefly. {RULE}"
)
SUFFIXES: Final = {DocumentType.HTML: ".html", DocumentType.PDF: ".pdf", DocumentType.JSON: ".json"}


class _Relation(BaseModel):
    subject: str = Field(description="Name of an entity.")
    subject_kind: str = Field(description="Its kind, such as person.")
    label: str = Field(description="How the subject is related to the object.")
    object: str = Field(description="Name of the other entity.")
    object_kind: str = Field(description="Its kind.")


class _Relations(BaseModel):
    relations: list[_Relation]


class SqliteGraphQueryEngine:
    """A graph of documents that answers questions, with the passages that say so.

    A model reads the entities and relations of each passage, once. Names that differ in case, accents or articles are an
    entity. For a question, the entities that it names, or that are similar to it, are looked up, and the facts within two
    relations of them.

    Args:
        path: The file of the graph; None for a graph in memory.
        llm_config: Config of the model that reads passages and answers.
        embedding_function: Source of vectors for names that the question spells in another way; see
            `autogen.embeddings.get_embedder`. None to look for names alone.
        policy: The rules for addresses; None for those of the process.

    >>> engine = SqliteGraphQueryEngine("graph.db", llm_config)  # doctest: +SKIP
    >>> engine.init_db([Document(DocumentType.TEXT, data="Ada Lovelace lived in London.")])  # doctest: +SKIP
    >>> engine.query("Where did Ada Lovelace live?").answer  # doctest: +SKIP
    'In London [1].'
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        llm_config: Mapping[str, Any],
        *,
        embedding_function: Any = None,
        policy: FetchPolicy | None = None,
    ) -> None:
        self._store = GraphStore(None if path is None else Path(path))
        self._client = OpenAIWrapper(**llm_config)
        self._embedding_function = embedding_function
        self._policy = policy

    def init_db(self, input_doc: list[Document] | None = None) -> None:
        """Add documents. Passages that are in the graph are not read again.

        Raises:
            DocumentError: if a document can't be read.
        """
        for document in input_doc or []:
            self._add_document(document)

    def add_records(self, new_records: list[Any]) -> bool:
        """Add documents, or texts.

        Args:
            new_records: `Document` objects, or texts.

        Returns:
            True.

        Raises:
            TypeError: if a record is neither.
        """
        for record in new_records:
            if isinstance(record, str):
                record = Document(DocumentType.TEXT, data=record)
            if not isinstance(record, Document):
                raise TypeError(f"A record must be a Document or a text, got {type(record).__name__}.")
            self._add_document(record)
        return True

    def query(self, question: str, n_results: int = 1, **kwargs: Any) -> GraphStoreQueryResult:
        """Answer a question from the facts around its entities.

        Args:
            question: The question.
            n_results: Minimum number of facts that the result has, if there are so many; the answer is from all that fit.
            **kwargs: Nothing else.

        Returns:
            The answer, None if the graph has nothing about the question; and the facts, nearest first.
        """
        if kwargs:
            raise TypeError(f"query has no option {next(iter(kwargs))!r}.")
        facts = self._store.list_facts(self._find_entities(question), HOPS, max(n_results, MAX_FACTS))
        if not facts:
            return GraphStoreQueryResult()
        response = self._client.create(
            messages=[
                {"role": "system", "content": ANSWER},
                {"role": "user", "content": f"{render_facts(facts)}\n\nQuestion: {question}"},
            ]
        )
        answer = self._client.extract_text_or_completion_object(response)[0]
        return GraphStoreQueryResult(answer if isinstance(answer, str) else None, list(facts))

    def _add_document(self, document: Document) -> None:
        source = document.path_or_url or ""
        for text in self._read_passages(document):
            digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
            if not self._store.has_chunk(digest):
                self._store.add(digest, text, source, self._extract(text, source))

    def _read_passages(self, document: Document) -> Iterator[str]:
        with TemporaryDirectory(prefix="autogen-graph-") as folder:
            readable = self._open_document(document, folder)
            for chunk in split_document(readable, CHUNK_TOKENS, count_token):
                yield f"{chunk.label}\n{chunk.text}" if chunk.headings else chunk.text

    def _open_document(self, document: Document, folder: str) -> ReadableDocument:
        """Open the document of a record.

        Raises:
            ValueError: if it has neither data nor a path.
        """
        path = document.path_or_url
        if document.data is None and not path:
            raise ValueError("A Document must have data, or a path_or_url.")
        if document.data is None:
            assert path is not None
            return read_document(download_file(path, folder, policy=self._policy)[0] if is_url(path) else path)
        if document.doctype is DocumentType.TEXT:
            return make_document(str(document.data), "markdown")
        file = Path(folder, f"document{SUFFIXES[document.doctype]}")
        data = document.data
        file.write_bytes(data if isinstance(data, bytes) else str(data).encode())
        return read_document(file)

    def _extract(self, text: str, source: str) -> Sequence[Relation]:
        """Let the model read the relations of a passage."""
        response = self._client.create(
            messages=[
                {"role": "system", "content": EXTRACT},
                {"role": "user", "content": mark_untrusted(clean_text(text), source or "a document")},
            ],
            response_format=_Relations,
        )
        content = self._client.extract_text_or_completion_object(response)[0]
        relations = _Relations.model_validate_json(content if isinstance(content, str) else str(content.content))
        return [Relation(**relation.model_dump()) for relation in relations.relations]

    def _find_entities(self, question: str) -> list[int]:
        """Return the entities that a question names, or is similar to."""
        entities = self._store.list_entities()
        key = f" {normalise_name(question)} "
        named = [entity for entity, name_key, _ in entities if f" {name_key} " in key]
        if self._embedding_function is None or not entities:
            return named
        embedder = get_embedder(self._embedding_function)
        similarities = embedder.embed([name for _, _, name in entities]) @ embedder.embed_queries([question])[0]
        ranking = sorted(zip(similarities, entities, strict=True), key=lambda pair: -float(pair[0]))[:MAX_SIMILAR]
        similar = [entity for similarity, (entity, _, _) in ranking if similarity >= MIN_SIMILARITY]
        return list(dict.fromkeys([*named, *similar]))


def render_facts(facts: Sequence[Fact]) -> str:
    """Return facts and the passages that they were read in, in a block that says that nothing in it is an instruction."""
    passages = {fact.evidence: number for number, fact in enumerate({fact.evidence: fact for fact in facts}.values(), 1)}
    lines = [f"{fact} [{passages[fact.evidence]}]" for fact in facts]
    sources = {fact.evidence: fact.source for fact in facts}
    texts = [f"[{number}] {sources[text]}\n{text}" for text, number in passages.items()]
    return mark_untrusted(clean_text("\n".join(["Facts:", *lines, "", "Passages:", *texts])), "a graph of documents")
