"""Vectors of texts without a model."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable

DIMENSION = 64


def embed_words(texts: Iterable[str], dimension: int = DIMENSION) -> list[list[float]]:
    """Return a unit vector for each text: texts that share words are near each other.

    The vectors are the same in each process, and need no package: they stand in for those of a model.

    Args:
        texts: The texts.
        dimension: Length of the vectors.

    >>> cat, kitten, shares = embed_words(["the black cat", "the black kitten", "share prices fell"])
    >>> math.dist(cat, kitten) < math.dist(cat, shares)
    True
    """
    return [_embed(text, dimension) for text in texts]


def _embed(text: str, dimension: int) -> list[float]:
    vector = [0.0] * dimension
    # A text without words has a direction as well.
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        # Each word changes several numbers, up or down: two words hardly ever share all of them.
        for position in range(0, 8, 2):
            number = int.from_bytes(digest[position : position + 2], "big")
            vector[number // 2 % dimension] += 1.0 if number % 2 else -1.0
    length = math.hypot(*vector)
    return [number / length for number in vector] if length else [1.0, *vector[1:]]
