"""The vectors of chunks: of the text with its headings, in parts if the model reads less than a chunk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from ....embeddings import Embedder
from ....retrieval import IndexCollection

# The offline model reads 256 tokens, which is about so many characters of English.
PART_CHARS: Final = {"local:all-MiniLM-L6-v2": 1_000}
# A long chunk is represented by so many of its parts, spread over it.
MAX_PARTS: Final = 6
# Chunks that are embedded and written at once.
BATCH: Final = 32


def embed_chunks(embedder: Embedder, chunks: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """Return a vector for each chunk.

    Args:
        embedder: The embedder.
        chunks: Texts with their metadata. The headings are embedded with the text.
    """
    parts: list[str] = []
    ranges: list[tuple[int, int]] = []
    limit = PART_CHARS.get(embedder.identity)
    for text, metadata in chunks:
        start = len(parts)
        headings = str(metadata.get("headings") or "")
        for part in _split_text(text, limit):
            parts.append(f"{headings}\n{part}" if headings and not part.lstrip("# ").startswith(headings) else part)
        ranges.append((start, len(parts)))
    vectors = embedder.embed(parts)
    # The store makes the mean a unit vector.
    return [vectors[start] if end - start == 1 else vectors[start:end].mean(axis=0) for start, end in ranges]


def _split_text(text: str, limit: int | None) -> Iterator[str]:
    """Yield a text, or some of its parts that are short enough for the model."""
    if limit is None or len(text) <= limit * 3 // 2:
        yield text
        return
    starts = list(range(0, len(text), limit))
    if len(starts) > MAX_PARTS:
        step = (len(starts) - 1) / (MAX_PARTS - 1)
        starts = [starts[round(number * step)] for number in range(MAX_PARTS)]
    for start in starts:
        # Not within a word: the first word of a part is whole.
        begin = start if not start else text.find(" ", start, start + 100) + 1 or start
        yield text[begin : begin + limit]


class PendingVectors:
    """The entries of a collection that have no vector yet, and the thread that makes them.

    Args:
        collection: The collection.
        get_embedder: Returns the embedder; it is called when the first vector is made.

    Attributes:
        collection: As above.
        error: Why the thread has ended before all vectors were made; None if it has not.
    """

    def __init__(self, collection: IndexCollection, get_embedder: Callable[[], Embedder]) -> None:
        self.collection = collection
        self._get_embedder = get_embedder
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.error: Exception | None = None

    def count(self) -> int:
        """Return the number of entries without a vector."""
        return self.collection.count_without_vectors()

    def make_all(self, progress: Callable[[int], object] | None = None) -> None:
        """Make all vectors that are missing. Each batch is written at once, so that an interruption loses little.

        Args:
            progress: Called with the number of entries that are still without a vector.
        """
        while not self._stop.is_set():
            entries = self.collection.list_without_vectors(BATCH)
            if not entries:
                return
            vectors = embed_chunks(self._get_embedder(), [(entry.text, entry.metadata) for entry in entries])
            self.collection.set_vectors({entry.id: vector for entry, vector in zip(entries, vectors, strict=True)})
            if progress is not None:
                progress(self.count())

    def start(self) -> None:
        """Make the vectors in a thread, unless it runs already. The process may end before it is done."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self.error = None
                self._thread = threading.Thread(target=self._run, name="autogen-vectors", daemon=True)
                self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the thread. Return True if all vectors are made.

        Args:
            timeout: Maximum time in seconds; None for no limit.

        Raises:
            Exception: if the vectors could not be made: the error of the embedder.
        """
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        if self.error is not None:
            raise self.error
        return self.count() == 0

    def close(self) -> None:
        """Stop the thread after the current batch."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.make_all()
        except Exception as error:  # noqa: BLE001
            # Questions are answered by words alone; `wait` raises it.
            self.error = error
