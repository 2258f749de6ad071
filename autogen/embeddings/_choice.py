"""The choice of the embedder of a search, and the vectors of texts as steps."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._steps import Steps
from ..oai._local.weights import WeightsError
from ._adapters import Embedder, embed_step, get_embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_FALLBACK = "%s for words alone, and not for meaning: %s Pass %s=False to use words alone without this warning."


class EmbedderChoice:
    """The embedder of a search: the one it is given, else that of a config, else the offline model, else none.

    Args:
        source: Anything that `get_embedder` takes; None to choose, False for none.
        llm_config: Config that may have an `embedding_model`.
        search: Beginning of the sentence that warns about a search without an embedder.
        parameter: Name of the argument that the source came from.
    """

    def __init__(
        self,
        source: object,
        llm_config: Mapping[str, Any] | None,
        search: str = "The memory searches",
        parameter: str = "embedding_function",
    ) -> None:
        self._source = source
        self._words = search, parameter
        self._llm_config = llm_config
        self._embedder: Embedder | None = None
        self._is_chosen = source is False

    def use_config(self, llm_config: Mapping[str, Any] | None) -> None:
        """Use a config if nothing else was set."""
        if self._source is None and self._llm_config is None and llm_config:
            self._llm_config = llm_config
            self._is_chosen = False

    def get(self) -> Embedder | None:
        """Return the embedder; None to search for words alone.

        Raises:
            ImportError, TypeError, ValueError: if the source that was set makes no embeddings, or lacks a package.
        """
        if not self._is_chosen:
            try:
                self._embedder = get_embedder(self._source, llm_config=self._llm_config)
            except ImportError as error:
                # Nobody asked for this embedder.
                if self._source is not None:
                    raise
                self._warn(error)
            self._is_chosen = True
        return self._embedder

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Steps[NDArray[np.float32] | None]:
        """Return the vectors of texts; None without an embedder."""
        embedder = self.get()
        if embedder is None:
            return None
        try:
            return (yield from embed_step(embedder, texts, queries=queries))
        except WeightsError as error:
            if self._source is not None:
                raise
            self._warn(error)
            self._embedder = None
            return None

    def _warn(self, error: Exception) -> None:
        search, parameter = self._words
        logger.warning(_FALLBACK, search, error, parameter)
