"""The vectors of chunks: of the text with its headings, and of its parts if it is long for the model."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ....embeddings import Embedder
from ....retrieval import IndexCollection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The size of parts in characters, and that of parts of long texts. The offline model reads 256 tokens, which are about 1,000
# characters of English. A part that is shorter has one subject.
PART_CHARS: Final = {"local:all-MiniLM-L6-v2": (500, 1_000)}
# A long chunk is represented by so many of its parts, spread over it.
MAX_PARTS: Final = 6
PARAGRAPH: Final = re.compile(r"\n\s*\n")
# Chunks that are embedded and written at once.
BATCH: Final = 32


class ChunkVectors(NamedTuple):
    """The vectors of a chunk.

    Attributes:
        whole: The vector of the text.
        parts: Vectors of its parts, as the rows of a matrix; None if the text is short.
    """

    whole: NDArray[np.float32]
    parts: NDArray[np.float32] | None = None


def embed_chunks(embedder: Embedder, chunks: Sequence[tuple[str, Mapping[str, Any]]]) -> list[ChunkVectors]:
    """Return the vectors of each chunk.

    The vector of a part is the mean of its own and that of the whole text, or of the beginning of a long one, so that the
    similarity to a question is one to both: a part alone has lost its subject, the whole text alone hides a sentence in it.

    Args:
        embedder: The embedder.
        chunks: Texts with their metadata. The headings are embedded with the text.
    """
    texts: list[str] = []
    ranges: list[tuple[int, int, bool]] = []
    sizes = PART_CHARS.get(embedder.identity)
    for text, metadata in chunks:
        start = len(texts)
        headings = str(metadata.get("headings") or "")
        is_long = sizes is not None and len(text) > sizes[0] * MAX_PARTS
        parts = [] if sizes is None else _split_text(text, sizes[is_long])
        if len(parts) < 2:
            parts = [text]
        elif not is_long:
            # Of a long text, the model would read the beginning, which is the first part.
            parts.insert(0, text)
        texts += [
            f"{headings}\n{part}" if headings and not part.lstrip("# ").startswith(headings) else part for part in parts
        ]
        ranges.append((start, len(texts), is_long))
    vectors = embedder.embed(texts)
    return [_join_vectors(vectors[start:end], is_long) for start, end, is_long in ranges]


def _join_vectors(vectors: NDArray[np.float32], is_long: bool) -> ChunkVectors:
    """Return the vectors of a chunk.

    Args:
        vectors: The vector of the text, and those of its parts if it has any; of a long text, those of its parts alone.
        is_long: True for a long text. It is represented by the mean of its parts, and its subject by the first.
    """
    if len(vectors) == 1:
        return ChunkVectors(vectors[0])
    # The index makes the sums unit vectors.
    if is_long:
        return ChunkVectors(vectors.mean(axis=0), vectors + vectors[0])
    return ChunkVectors(vectors[0], vectors[1:] + vectors[0])


def _split_text(text: str, size: int) -> list[str]:
    """Return parts of a text, of whole paragraphs where these are short enough; some of them if there are many."""
    parts = [""]
    for paragraph in PARAGRAPH.split(text):
        for piece in _cut(paragraph, size):
            if parts[-1] and len(parts[-1]) + len(piece) > size:
                parts.append("")
            parts[-1] += f"\n\n{piece}" if parts[-1] else piece
    if len(parts) > MAX_PARTS:
        step = (len(parts) - 1) / (MAX_PARTS - 1)
        parts = [parts[round(number * step)] for number in range(MAX_PARTS)]
    return parts


def _cut(paragraph: str, size: int) -> Iterator[str]:
    """Yield pieces of a paragraph that is too long, cut at blanks if there are any."""
    start = 0
    while len(paragraph) - start > size:
        end = paragraph.rfind(" ", start + size // 2, start + size) + 1 or start + size
        yield paragraph[start:end]
        start = end
    yield paragraph[start:]


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
            by_id = {entry.id: vector for entry, vector in zip(entries, vectors, strict=True)}
            self.collection.set_vectors(
                {key: vector.whole for key, vector in by_id.items()}, {key: vector.parts for key, vector in by_id.items()}
            )
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
