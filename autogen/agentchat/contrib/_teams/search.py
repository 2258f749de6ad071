"""Search in a few texts, by meaning and by words."""

from __future__ import annotations

from collections.abc import Sequence

from ...._steps import Steps, to_thread
from ....embeddings._choice import EmbedderChoice
from ....retrieval import IndexEntry, TextIndex

DEFAULT_MODEL = "all-mpnet-base-v2"
"""The model of 0.2, which stands for the offline embedder: a model that is not on this machine would be downloaded."""


class TextSearch:
    """Search in the descriptions of experts or tools. Vectors are computed at the first search.

    Args:
        texts: Texts.
        model: Anything that `get_embedder` takes. None, or 0.2's default, for the offline embedder, or for words alone if it
            is not installed. False for words alone.
    """

    def __init__(self, texts: Sequence[str], model: object = None) -> None:
        self._texts = list(texts)
        source = None if model == DEFAULT_MODEL else model
        self._choice = EmbedderChoice(source, None, "Descriptions are searched", "embedding_model")
        self._entries: list[IndexEntry] | None = None

    def find(self, questions: Sequence[str], n: int) -> Steps[list[list[int]]]:
        """Return for each question the positions of the texts that fit best, at most `n`, best first."""
        if not self._texts or not questions:
            return [[] for _ in questions]
        if self._entries is None:
            vectors = yield from self._choice.embed(self._texts)
            rows = [None] * len(self._texts) if vectors is None else list(vectors)
            pairs = zip(self._texts, rows, strict=True)
            self._entries = [IndexEntry(position, text, vector=row) for position, (text, row) in enumerate(pairs)]
        vectors = yield from self._choice.embed(questions, queries=True)
        return (yield from to_thread(self._search, questions, vectors, n))

    def _search(self, questions: Sequence[str], vectors: object, n: int) -> list[list[int]]:
        rows = [None] * len(questions) if vectors is None else list(vectors)  # type: ignore[call-overload]
        with TextIndex(None) as index:
            collection = index.create_collection("texts")
            collection.add(self._entries or ())
            found = []
            for question, row in zip(questions, rows, strict=True):
                hits = [int(hit.id) for hit in collection.search(question, vector=row, n=n)]
                # A search by words alone leaves out what has none of them.
                rest = (position for position in range(len(self._texts)) if position not in hits)
                found.append([*hits, *rest][:n])
        return found
