"""Compressors of texts: `ExtractiveCompressor`, which picks sentences, and an adapter for LLMLingua."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

from ...._extras import require
from ..._contexts.counting import DEFAULT_MODEL, get_counter
from ..._contexts.extraction import extract

__all__ = ["IMPORT_ERROR", "ExtractiveCompressor", "LLMLingua", "TextCompressor"]

IMPORT_ERROR = None if find_spec("llmlingua") else ImportError("The package llmlingua is not installed.")
"""Why `LLMLingua` can't be used; None if its package is installed."""


@runtime_checkable
class TextCompressor(Protocol):
    """A compressor of texts."""

    # For type checkers, this fits any parameters of a compressor after the text.
    def compress_text(self, text: str, *args: Any, **compression_params: Any) -> dict[str, Any]:
        """Compress a text.

        Args:
            text: Text.
            *args: Not used; parameters have names.
            **compression_params: Parameters of the compressor.

        Returns:
            The text as `compressed_prompt` (or `compressed_text`), and optionally its tokens before and after as
            `origin_tokens` and `compressed_tokens`.
        """


class ExtractiveCompressor:
    """Compressor that keeps the sentences that matter, without a model.

    Repeated lines and boilerplate go first. Blocks of code stay, and sentences with numbers and names have an advantage.
    The rest is ranked by the words of a query (BM25), or without one by what the text is about. The order stays, and `[…]`
    marks each gap.

    Args:
        ratio: Part of the tokens that is kept, above 0 and up to 1.
        max_tokens: Number of tokens that are kept, in place of `ratio`.
        query: Question that the text should answer; None for the last message of the user in `TextMessageCompressor`.
        model: Model whose tokens are counted.

    Raises:
        ValueError: if `ratio` or `max_tokens` has an invalid value.

    >>> TextMessageCompressor(ExtractiveCompressor(ratio=0.3), min_tokens=2000)  # doctest: +SKIP
    """

    def __init__(
        self, ratio: float = 0.5, *, max_tokens: int | None = None, query: str | None = None, model: str = DEFAULT_MODEL
    ) -> None:
        if not 0 < ratio <= 1:
            raise ValueError(f"ratio must be above 0 and at most 1, got {ratio!r}.")
        if max_tokens is not None and max_tokens < 1:
            raise ValueError(f"max_tokens must be None or at least 1, got {max_tokens!r}.")
        self._ratio = ratio
        self._max_tokens = max_tokens
        self._query = query
        self._model = model

    def __repr__(self) -> str:
        settings = f"ratio={self._ratio}, max_tokens={self._max_tokens}, query={self._query!r}, model={self._model!r}"
        return f"ExtractiveCompressor({settings})"

    @property
    def takes_query(self) -> bool:
        """True if it has no query of its own."""
        return self._query is None

    def compress_text(
        self,
        text: str,
        *,
        query: str | None = None,
        ratio: float | None = None,
        max_tokens: int | None = None,
    ) -> dict[str, Any]:
        """Compress a text; see `TextCompressor`.

        Args:
            text: Text.
            query: Query in place of the compressor's.
            ratio: Ratio in place of the compressor's.
            max_tokens: Limit in place of the compressor's.
        """
        counter = get_counter(self._model)
        size = counter.count_text(text)
        limit = max_tokens if max_tokens is not None else self._max_tokens
        if limit is None:
            limit = max(int(size * (self._ratio if ratio is None else ratio)), 1)
        compressed = text if size <= limit else extract(text, limit, counter, query or self._query or "")
        count = counter.count_text(compressed)
        if count >= size:
            compressed, count = text, size
        return {"compressed_prompt": compressed, "origin_tokens": size, "compressed_tokens": count}


class LLMLingua:
    """Compressor that runs a small model on this machine, of the package `llmlingua` (the extra `long-context`).

    The first use of a model downloads its weights. It was tested against a stand-in of the package, and not with a model.

    Args:
        prompt_compressor_kwargs: Arguments of LLMLingua's `PromptCompressor`.
        structured_compression: True for texts with tags that say how much of each part is kept.

    Raises:
        ImportError: if the extra is not installed.
    """

    def __init__(
        self,
        prompt_compressor_kwargs: dict[str, Any] = {
            "model_name": "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank",
            "use_llmlingua2": True,
            "device_map": "cpu",
        },
        structured_compression: bool = False,
    ) -> None:
        llmlingua = require("llmlingua", extra="long-context", feature="LLMLingua")
        self._settings = dict(prompt_compressor_kwargs)
        self._is_structured = structured_compression
        compressor = llmlingua.PromptCompressor(**self._settings)
        self._compress = compressor.structured_compress_prompt if structured_compression else compressor.compress_prompt

    def __repr__(self) -> str:
        return f"LLMLingua({self._settings!r}, structured_compression={self._is_structured})"

    def compress_text(self, text: str, **compression_params: Any) -> dict[str, Any]:
        """Compress a text; the parameters are those of LLMLingua's `compress_prompt`, such as `rate=0.5`."""
        result: dict[str, Any] = self._compress([text], **compression_params)
        return result
