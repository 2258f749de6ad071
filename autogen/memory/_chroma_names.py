"""The names under which programs of 0.2 reach into a store of memos: its client and collection of Chroma."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ._records import MAX_DISTANCE, RecalledMemo


class Store(Protocol):
    """A store of memos, as far as it is needed here."""

    @property
    def uid_text_dict(self) -> dict[str, tuple[str, str]]:
        """Input and output of each memo by its number."""

    def search(self, text: str, n: int = 10, *, threshold: float = MAX_DISTANCE) -> list[RecalledMemo]:
        """Return the memos for a text, best first."""

    def delete(self, *memo_ids: int | str) -> int:
        """Delete memos."""

    def reset_db(self) -> None:
        """Delete all memos."""


class MemoCollection:
    """The memos of a store in the form of a collection of Chroma: the inputs are its documents.

    Args:
        store: The store.
    """

    name = "memos"

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self) -> int:
        """Return the number of memos."""
        return len(self._store.uid_text_dict)

    def get(self, ids: Sequence[str] | str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Return ids and inputs of memos.

        Args:
            ids: Numbers of memos as texts; None for all.
            **kwargs: Not used.
        """
        wanted = [ids] if isinstance(ids, str) else ids
        inputs = {key: pair[0] for key, pair in self._store.uid_text_dict.items() if wanted is None or key in wanted}
        return {"ids": list(inputs), "documents": list(inputs.values()), "metadatas": [None] * len(inputs)}

    def query(self, query_texts: Sequence[str] | str, n_results: int = 10, **kwargs: Any) -> dict[str, list[list[Any]]]:
        """Return ids, inputs and distances of the memos for each text.

        Args:
            query_texts: The texts.
            n_results: Maximum number of memos for each.
            **kwargs: Not used.
        """
        texts = [query_texts] if isinstance(query_texts, str) else query_texts
        rows = [self._store.search(text, n_results, threshold=MAX_DISTANCE) for text in texts]
        return {
            "ids": [[str(memo.id) for memo in row] for row in rows],
            "documents": [[memo.input for memo in row] for row in rows],
            "distances": [[memo.distance for memo in row] for row in rows],
        }

    def delete(self, ids: Sequence[str] | str) -> None:
        """Delete memos by their numbers; unknown ones are ignored."""
        present = self._store.uid_text_dict
        self._store.delete(*(key for key in ([ids] if isinstance(ids, str) else ids) if key in present))


class MemoClient:
    """The store in the form of a client of Chroma with one collection.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def get_collection(self, name: str = MemoCollection.name) -> MemoCollection:
        """Return the memos."""
        return MemoCollection(self._store)

    get_or_create_collection = get_collection

    def delete_collection(self, name: str = MemoCollection.name) -> None:
        """Delete all memos."""
        self._store.reset_db()

    def reset(self) -> bool:
        """Delete all memos. Returns True, as Chroma does."""
        self._store.reset_db()
        return True
