"""The embedder of an endpoint: its embeddings API, through `OpenAIWrapper`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._steps import Steps, invoke, run_async, run_sync
from ..oai.client import OpenAIWrapper
from ._base import MeasuredEmbedder
from ._vectors import check_texts, make_matrix, require_numpy

if TYPE_CHECKING:
    from ._vectors import Matrix

# OpenAI takes 2,048 texts and 300,000 tokens in a request, other servers less. A token has at least one character.
MAX_BATCH_TEXTS = 256
MAX_BATCH_CHARACTERS = 200_000


class EndpointEmbedder(MeasuredEmbedder):
    """An embedder that requests vectors from the endpoints of a config.

    Args:
        llm_config: Entry or config whose entries have an `embedding_model`.
        client: Wrapper that sends the requests, with its cache, budget and usage; None to make one from the config.

    Raises:
        ValueError: if no entry has an embedding model.
        ImportError: if numpy is not installed.
    """

    def __init__(self, llm_config: Mapping[str, Any], client: OpenAIWrapper | None = None) -> None:
        require_numpy()
        config = dict(llm_config)
        entries = [{**entry} for entry in config.get("config_list") or [{}]]
        named = [{**config, **entry} for entry in entries]
        chosen = next((entry for entry in named if entry.get("embedding_model")), None)
        if chosen is None:
            raise ValueError('No entry of the config has an "embedding_model".')
        self._client = client or OpenAIWrapper(**config)
        self._settings = {name: config[name] for name in ("cache", "cache_seed", "embedding_model") if name in config}
        size = chosen.get("dimensions")
        vendor = str(chosen.get("api_type") or "openai").lower()
        self.identity = f"{vendor}:{chosen['embedding_model']}" + (f":{size}" if size else "")
        self._dimension = int(size) if size else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a unit vector for each text, as the rows of a matrix.

        Raises:
            openai.APIError, TimeoutError, BudgetExceeded: as from `OpenAIWrapper.create`.
        """
        return run_sync(self._embed(texts))

    async def a_embed(self, texts: Sequence[str]) -> Matrix:
        """Async version of `embed`."""
        return await run_async(self._embed(texts))

    embed_queries = embed
    a_embed_queries = a_embed

    def _embed(self, texts: Sequence[str]) -> Steps[Matrix]:
        np = require_numpy()
        texts = check_texts(texts)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)  # type: ignore[no-any-return]
        vectors: list[list[float]] = []
        for batch in _split(texts):
            response = yield from invoke(
                self._client.create_embeddings, self._client.a_create_embeddings, batch, **self._settings
            )
            vectors += response.vectors
        return self._measure(make_matrix(vectors, len(texts), self.identity))


def _split(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in batches that an endpoint takes in one request."""
    batch: list[str] = []
    size = 0
    for text in texts:
        # Endpoints refuse empty texts.
        text = text if text.strip() else "."
        if batch and (len(batch) == MAX_BATCH_TEXTS or size + len(text) > MAX_BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    yield batch
