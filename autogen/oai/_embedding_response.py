"""Responses to requests for embeddings: validated, and in the order of the texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._responses.normalize import make_unreadable
from ._responses.usage import normalize_usage


@dataclass
class EmbeddingResponse:
    """Vectors of texts, with the attributes that every response has.

    Attributes:
        model: Name of the model.
        vectors: Vector of each text.
        usage: Tokens as OpenAI names them.
        choices: An empty list: there is nothing to choose from.
    """

    model: str
    vectors: list[list[float]]
    usage: dict[str, Any] | None = None
    choices: list[object] = field(default_factory=list)


def read_embeddings(data: object, *, model: str, count: int) -> EmbeddingResponse:
    """Return a response to a request for embeddings.

    Args:
        data: JSON as the endpoint sent it.
        model: Name of the requested model, used if the response has none.
        count: Number of texts.

    Raises:
        UnreadableAnswer: if it doesn't hold a vector of finite numbers for each text, all of the same length.
    """
    items = data.get("data") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(items, list) or len(items) != count:
        raise make_unreadable(f"has no list of {count} embeddings", data)
    vectors: list[list[float]] = [[]] * count
    for position, item in enumerate(items):
        vector = _read_vector(item)
        # Servers may answer in any order.
        index = item.get("index", position) if isinstance(item, Mapping) else None
        if not vector or not isinstance(index, int) or not 0 <= index < count or vectors[index]:
            raise make_unreadable("has an embedding that is not a vector of numbers", item)
        vectors[index] = vector
    if len({len(vector) for vector in vectors}) > 1:
        raise make_unreadable("has embeddings of different lengths")
    return EmbeddingResponse(str(data.get("model") or model), vectors, _read_usage(data.get("usage")))


def _read_usage(usage: object) -> dict[str, Any] | None:
    if not isinstance(usage, Mapping):
        return None
    # Nothing is completed, so a total alone is a count of the input.
    prompt = usage.get("prompt_tokens")
    return normalize_usage(
        {"prompt_tokens": usage.get("total_tokens") if prompt is None else prompt, "completion_tokens": 0}
    )


def _read_vector(item: object) -> list[float] | None:
    vector = item.get("embedding") if isinstance(item, Mapping) else None
    if not isinstance(vector, Sequence):
        return None
    for number in vector:
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
            return None
    return [float(number) for number in vector]
