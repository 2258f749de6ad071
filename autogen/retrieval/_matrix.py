"""The vectors of a collection as a matrix, mapped from a file beside the database.

The rows of the database are the truth. The file is a copy of their vectors in a form that is open in a millisecond; if it is
older than a change, it is made again. Rows that were added since are kept in memory, until there are many of them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._extras import require
from .._folders import replace_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A name, the generation, the number of rows, and their dimension. Row numbers (int64) and vectors (float32) follow.
_HEADER = struct.Struct("<8sqqq")
_NAME = b"autogen1"
# The file is written again when it lacks more rows than this, and more than a tenth of its own.
_MAX_TAIL = 2_000


class VectorMatrix:
    """Row numbers in ascending order, and the unit vector of each row.

    Attributes:
        generation: The generation of the collection that it is a copy of.
        last_row: The highest row number; 0 if it is empty.

    Args:
        generation: The generation.
        rows: The row numbers.
        vectors: The vectors.
    """

    def __init__(self, generation: int, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.generation = generation
        self._parts = [(rows, vectors)]
        self._added = 0

    @property
    def last_row(self) -> int:
        """The highest row number; 0 if there are none."""
        return max((int(rows[-1]) for rows, _ in self._parts if len(rows)), default=0)

    @property
    def needs_writing(self) -> bool:
        """True if many rows are in memory only."""
        return self._added > max(_MAX_TAIL, len(self._parts[0][0]) // 10)

    def append(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add rows, whose numbers are higher than those so far."""
        if not len(rows):
            return
        if len(self._parts) > 1:
            numpy = require("numpy", extra="rag", feature="Search by vectors")
            rows = numpy.concatenate([self._parts[1][0], rows])
            vectors = numpy.concatenate([self._parts[1][1], vectors])
        self._parts[1:] = [(rows, vectors)]
        self._added = len(rows)

    def measure(self, vector: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the row numbers, and the cosine similarity of each row to a unit vector."""
        if len(self._parts) == 1:
            rows, vectors = self._parts[0]
            return rows, vectors @ vector
        numpy = require("numpy", extra="rag", feature="Search by vectors")
        rows = numpy.concatenate([rows for rows, _ in self._parts])
        return rows, numpy.concatenate([vectors @ vector for _, vectors in self._parts])

    def write(self, path: Path) -> None:
        """Write the file. A file system that doesn't allow it costs time only: the matrix is built again next time."""
        rows_of_parts, vectors_of_parts = zip(*self._parts, strict=True)
        count = sum(map(len, rows_of_parts))
        header = _HEADER.pack(_NAME, self.generation, count, vectors_of_parts[0].shape[1])
        with suppress(OSError), replace_file(path) as file:
            for data in ([header], rows_of_parts, vectors_of_parts):
                file.writelines(memoryview(part).cast("B") for part in data if len(part))


def read_matrix(path: Path, generation: int, dimension: int) -> VectorMatrix | None:
    """Map a matrix file; None if there is none for this generation and dimension."""
    numpy = require("numpy", extra="rag", feature="Search by vectors")
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER.size)
            size = os.fstat(file.fileno()).st_size
            if len(header) != _HEADER.size:
                return None
            name, written, count, width = _HEADER.unpack(header)
            if (name, written, width) != (_NAME, generation, dimension) or count < 1:
                return None
            start = _HEADER.size + 8 * count
            if size != start + 4 * count * width:
                return None
            rows = numpy.fromfile(file, dtype="<i8", count=count)
            vectors = numpy.memmap(file, dtype="<f4", mode="r", offset=start, shape=(count, width))
    except OSError:
        return None
    # A plain array over the same memory: operations on a `memmap` are slower.
    return VectorMatrix(generation, rows, vectors.view(numpy.ndarray))


def build_matrix(generation: int, dimension: int, records: Iterable[tuple[int, bytes]]) -> VectorMatrix:
    """Build the matrix of row numbers and vectors as the database has them."""
    rows, vectors = to_arrays(records, dimension)
    return VectorMatrix(generation, rows, vectors)


def to_arrays(records: Iterable[tuple[int, bytes]], dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return row numbers and vectors as arrays. Vectors of another dimension are left out."""
    numpy = require("numpy", extra="rag", feature="Search by vectors")
    size = 4 * dimension
    sound = [(row, blob) for row, blob in records if isinstance(blob, bytes) and len(blob) == size]
    rows = numpy.array([row for row, _ in sound], dtype=numpy.int64)
    vectors = numpy.frombuffer(b"".join(blob for _, blob in sound), dtype="<f4").reshape(len(sound), dimension)
    return rows, vectors


def to_parts(blob: object, dimension: int) -> NDArray[np.float32] | None:
    """Return vectors that are stored in half precision as a matrix; None if there are none of this dimension."""
    size = 2 * dimension
    if not isinstance(blob, bytes) or not blob or len(blob) % size:
        return None
    numpy = require("numpy", extra="rag", feature="Search by vectors")
    parts: NDArray[np.float32] = numpy.frombuffer(blob, dtype="<f2").reshape(-1, dimension).astype(numpy.float32)
    return parts


def to_unit(vector: object, dimension: int | None = None) -> NDArray[np.float32]:
    """Return a vector with the length 1 as float32. A vector of zeros stays as it is.

    Raises:
        ValueError: if it isn't a vector of finite numbers, or has another dimension than it must have.
    """
    numpy = require("numpy", extra="rag", feature="Search by vectors")
    array = numpy.asarray(vector, dtype=numpy.float32)
    if array.ndim != 1 or not array.size or not numpy.isfinite(array).all():
        raise ValueError(f"A vector must be a list of finite numbers, got an array of the shape {array.shape}.")
    if dimension is not None and array.size != dimension:
        raise ValueError(f"A vector must have {dimension} numbers, as the others of its collection, got {array.size}.")
    length = float(numpy.linalg.norm(array.astype(numpy.float64)))
    unit: NDArray[np.float32] = array if length in (0.0, 1.0) else (array / length).astype(numpy.float32)
    return unit
