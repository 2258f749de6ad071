"""The form of vectors: a float32 matrix with a unit vector in each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._extras import require

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    Matrix: TypeAlias = npt.NDArray[np.float32]


def require_numpy() -> Any:
    """Import numpy.

    Raises:
        ImportError: if it is not installed. The text names the extra.
    """
    return require("numpy", extra="embeddings", feature="A vector of a text")


def make_matrix(vectors: Any, count: int, source: str) -> Matrix:
    """Return the vectors that an embedding function returned as a matrix of unit vectors.

    A vector of zeros stays as it is.

    Args:
        vectors: Lists of numbers, arrays, or a matrix.
        count: The number of texts.
        source: The function, for the error.

    Raises:
        ValueError: if it is not a vector of finite numbers for each text, all of the same length.
    """
    np = require_numpy()
    try:
        matrix = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source} must return a list of vectors of the same length: {error}") from None
    if matrix.ndim != 2 or matrix.shape[0] != count or not matrix.shape[1]:
        raise ValueError(
            f"{source} must return a vector for each text, got an array of shape {matrix.shape} for {count} texts."
        )
    if not np.isfinite(matrix).all():
        raise ValueError(f"{source} must return finite numbers, got NaN or infinity.")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Matrix = np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)
    return unit


def check_texts(texts: object) -> list[str]:
    """Return texts as a list.

    Raises:
        TypeError: if they are not texts, or a single text.
    """
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list of texts, got {type(texts).__name__}.")
    checked = list(texts)
    for text in checked:
        if not isinstance(text, str):
            raise TypeError(f"texts must be a list of texts, got a list with {type(text).__name__}.")
    return checked
