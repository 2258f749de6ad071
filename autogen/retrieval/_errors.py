"""The errors of an index."""

from __future__ import annotations


class IndexFileError(RuntimeError):
    """Raised when the file of an index is damaged, or is the file of another program. It is left as it is."""


class EmbedderMismatch(ValueError):
    """Raised when the vectors of a collection come from another embedder than those it is used with.

    Attributes:
        collection: Name of the collection.
        recorded: Identity of the embedder whose vectors the collection has.
        current: Identity of the embedder that it is used with.
    """

    def __init__(self, collection: str, recorded: str, current: str) -> None:
        super().__init__(collection, recorded, current)
        self.collection = collection
        self.recorded = recorded
        self.current = current

    def __str__(self) -> str:
        return (
            f"The collection {self.collection!r} has vectors of the embedder {self.recorded!r}, which can't be compared "
            f"with those of {self.current!r}. Use {self.recorded!r}, or make the collection again with overwrite=True."
        )


def check_embedder(collection: str, recorded: str | None, current: str | None) -> None:
    """Check that a collection is used with the embedder that made its vectors; None means unknown.

    Raises:
        EmbedderMismatch: if both are known and differ.
    """
    if recorded is not None and current is not None and recorded != current:
        raise EmbedderMismatch(collection, recorded, current)
