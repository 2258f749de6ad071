"""Embeddings: vectors of texts, from any source that programs name.

>>> embedder = get_embedder("local")
>>> embedder.embed(["A cat sits on the mat.", "A kitten is on the rug."]).shape  # doctest: +SKIP
(2, 384)
"""

from ._adapters import Embedder, embed_step, get_embedder

__all__ = ["Embedder", "embed_step", "get_embedder"]
