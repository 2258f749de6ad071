"""Searching a store, and the forms of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Result = tuple[dict[str, Any], float]
"""A document, and its distance from the question."""

# A store that knows no search by a text is asked for this many times more, again and again.
GROWTH = 4


def attach_neighbours(results: Sequence[Result], load: Callable[[list[Any]], Iterable[Mapping[str, Any]]]) -> None:
    """Put the chunks of the same section before and after each result into the results, as `before` and `after`.

    Args:
        results: The results.
        load: Returns documents by their ids.
    """
    links = [(document, document.get("metadata") or {}) for document, _ in results]
    # Documents that this package did not index may have anything under these names.
    ids = [
        metadata[key] for _, metadata in links for key in ("previous", "next") if isinstance(metadata.get(key), (str, int))
    ]
    if not ids:
        return
    by_id = {document.get("id"): document for document in load(list(dict.fromkeys(ids)))}
    for document, metadata in links:
        for side, key in (("before", "previous"), ("after", "next")):
            neighbour = by_id.get(metadata[key]) if metadata.get(key) in ids else None
            if neighbour is not None and neighbour.get("content"):
                document[side] = {"id": neighbour["id"], "content": neighbour["content"]}


def flatten_results(results: object) -> list[Result]:
    """Return the results of the first question, best first.

    Args:
        results: Results of a store, or Chroma's dict, which subclasses of 0.2's agent return: lists of `ids`, `documents`,
            `metadatas` and `distances` for each question.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(results, Mapping):
        return _flatten_columns(results)
    if not isinstance(results, Sequence) or isinstance(results, str):
        raise TypeError(f"The results of a search must be a list for each question, got {type(results).__name__}.")
    return [(dict(document), float(distance)) for document, distance in (results[0] if results else ())]


def _flatten_columns(results: Mapping[str, Any]) -> list[Result]:
    columns: dict[str, list[Any]] = {}
    for name in ("ids", "documents", "metadatas", "distances"):
        rows = results.get(name)
        columns[name] = list(rows[0] or ()) if rows is not None and len(rows) else []
    flat = []
    for index, document_id in enumerate(columns["ids"]):
        values = {name: column[index] if index < len(column) else None for name, column in columns.items()}
        document = {"id": document_id, "content": values["documents"] or "", "metadata": values["metadatas"]}
        flat.append((document, float(values["distances"] or 0.0)))
    return flat


def search_store(
    store: Any,
    collection: str,
    question: str,
    n_results: int,
    *,
    search_string: str = "",
    distance_threshold: float = -1,
    options: Mapping[str, Any] | None = None,
) -> list[list[Result]]:
    """Search a collection.

    Args:
        store: The vector store.
        collection: Name of the collection.
        question: The question.
        n_results: Maximum number of results.
        search_string: Text that is exactly in the results; empty for any.
        distance_threshold: Results that are not nearer are left out, if it is positive.
        options: Further arguments of the store's search.

    Returns:
        A list with the results of the question.
    """
    size = n_results
    while True:
        found = store.retrieve_docs(
            [question],
            collection_name=collection,
            n_results=size,
            distance_threshold=distance_threshold,
            **(options or {}),
        )
        results = flatten_results(found)
        matching = [result for result in results if search_string in str(result[0].get("content") or "")]
        # Fewer than requested: there are no others.
        if not search_string or len(matching) >= n_results or len(results) < size:
            return [matching[:n_results]]
        size *= GROWTH
