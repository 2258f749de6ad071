"""The forward pass of a BERT encoder in numpy, for sentence embeddings: the mean of the last layer, at unit length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Tensors = Mapping[str, npt.NDArray[Any]]

# The score of positions that fill up a batch: the softmax turns it into 0.
_MASKED = np.float32(-1e9)


class BertEncoder:
    """A BERT encoder.

    Args:
        tensors: The tensors of a checkpoint, by their names, with or without the prefix `bert.`.
        heads: The number of attention heads.
        epsilon: The constant in the layer norms.

    Raises:
        ValueError: if the tensors are not those of a BERT encoder with so many heads.
    """

    def __init__(self, tensors: Tensors, *, heads: int, epsilon: float = 1e-12) -> None:
        tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}
        try:
            self._words = _read(tensors, "embeddings.word_embeddings.weight")
            # Each text is a single segment, the first.
            segment = _read(tensors, "embeddings.token_type_embeddings.weight")[0]
            self._positions = _read(tensors, "embeddings.position_embeddings.weight") + segment
            self._norm = _LayerNorm.read(tensors, "embeddings.LayerNorm", epsilon)
            names = [name for name in tensors if name.startswith("encoder.layer.")]
            count = len({name.split(".")[2] for name in names})
            self._layers = [_Layer.read(tensors, f"encoder.layer.{index}", heads, epsilon) for index in range(count)]
        except KeyError as error:
            raise ValueError(f"These are not the weights of a BERT encoder: {error} is missing.") from None
        if self.dimension % heads:
            raise ValueError(f"The dimension {self.dimension} can't be divided among {heads} attention heads.")

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return int(self._words.shape[1])

    @property
    def max_tokens(self) -> int:
        """The maximum number of tokens of a text."""
        return int(self._positions.shape[0])

    def encode(self, token_ids: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> Matrix:
        """Return the vectors of a batch of texts.

        Args:
            token_ids: The tokens: a row for each text, filled up to the same length.
            mask: True for tokens, False for those that fill up.

        Returns:
            A matrix with a unit vector for each text.
        """
        hidden = self._norm.apply(self._words[token_ids] + self._positions[: token_ids.shape[1]])
        bias = np.where(mask, np.float32(0), _MASKED)[:, None, None, :]
        for layer in self._layers:
            hidden = layer.apply(hidden, bias)
        weights = mask.astype(np.float32)
        mean = (weights[:, None, :] @ hidden)[:, 0, :] / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        unit: Matrix = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), np.float32(1e-12))
        return unit


def _read(tensors: Tensors, name: str) -> Matrix:
    return np.ascontiguousarray(tensors[name], dtype=np.float32)


@dataclass(frozen=True)
class _Linear:
    """A linear map: a matrix whose columns are the outputs, and a bias."""

    matrix: Matrix
    bias: Matrix

    @classmethod
    def read(cls, tensors: Tensors, *names: str) -> _Linear:
        """Read a linear map; several are put side by side, because a wide product is faster than narrow products."""
        weight = np.concatenate([_read(tensors, f"{name}.weight") for name in names])
        return cls(np.ascontiguousarray(weight.T), np.concatenate([_read(tensors, f"{name}.bias") for name in names]))

    def apply(self, values: Matrix) -> Matrix:
        # A single product for all positions is faster than a product for each text.
        flat = values.reshape(-1, values.shape[-1]) @ self.matrix
        flat += self.bias
        result: Matrix = flat.reshape(*values.shape[:-1], -1)
        return result


@dataclass(frozen=True)
class _LayerNorm:
    weight: Matrix
    bias: Matrix
    epsilon: np.float32

    @classmethod
    def read(cls, tensors: Tensors, name: str, epsilon: float) -> _LayerNorm:
        return cls(_read(tensors, f"{name}.weight"), _read(tensors, f"{name}.bias"), np.float32(epsilon))

    def apply(self, values: Matrix) -> Matrix:
        centred: Matrix = values - values.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", centred, centred)[..., None] / np.float32(values.shape[-1])
        centred /= np.sqrt(variance + self.epsilon)
        centred *= self.weight
        centred += self.bias
        return centred


@dataclass(frozen=True)
class _Layer:
    heads: int
    queries_keys_values: _Linear
    project: _Linear
    attention_norm: _LayerNorm
    widen: _Linear
    narrow: _Linear
    output_norm: _LayerNorm

    @classmethod
    def read(cls, tensors: Tensors, name: str, heads: int, epsilon: float) -> _Layer:
        attention = f"{name}.attention"
        return cls(
            heads,
            _Linear.read(tensors, *(f"{attention}.self.{part}" for part in ("query", "key", "value"))),
            _Linear.read(tensors, f"{attention}.output.dense"),
            _LayerNorm.read(tensors, f"{attention}.output.LayerNorm", epsilon),
            _Linear.read(tensors, f"{name}.intermediate.dense"),
            _Linear.read(tensors, f"{name}.output.dense"),
            _LayerNorm.read(tensors, f"{name}.output.LayerNorm", epsilon),
        )

    def apply(self, hidden: Matrix, bias: Matrix) -> Matrix:
        hidden = self.attention_norm.apply(hidden + self.project.apply(self._attend(hidden, bias)))
        return self.output_norm.apply(hidden + self.narrow.apply(_apply_gelu(self.widen.apply(hidden))))

    def _attend(self, hidden: Matrix, bias: Matrix) -> Matrix:
        batch, length, dimension = hidden.shape
        parts = self.queries_keys_values.apply(hidden).reshape(batch, length, 3, self.heads, -1)
        queries, keys, values = parts.transpose(2, 0, 3, 1, 4)
        scores = queries @ keys.transpose(0, 1, 3, 2)
        scores *= np.float32(1 / math.sqrt(dimension / self.heads))
        scores += bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Matrix = (scores @ values).transpose(0, 2, 1, 3).reshape(batch, length, dimension)
        return attended


# Abramowitz and Stegun, 7.1.26: an approximation of the error function, which numpy lacks, with an error below 1.5e-7.
_ERF_SLOPE = np.float32(0.3275911)
_ERF_COEFFICIENTS = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))


def _apply_gelu(values: Matrix) -> Matrix:
    """Return `x * P(X <= x)` of a standard normal X."""
    scaled = np.abs(values)
    scaled *= np.float32(math.sqrt(0.5))
    inverse = np.float32(1) / (np.float32(1) + _ERF_SLOPE * scaled)
    tail = _ERF_COEFFICIENTS[0] * inverse
    for coefficient in _ERF_COEFFICIENTS[1:]:
        tail += coefficient
        tail *= inverse
    np.multiply(scaled, scaled, out=scaled)
    np.negative(scaled, out=scaled)
    tail *= np.exp(scaled, out=scaled)
    # `tail` is 1 - erf: half of it lies beyond |x| on either side.
    tail *= values
    tail *= np.float32(0.5)
    result: Matrix = np.where(values >= 0, values - tail, tail)
    return result
