"""The files in which 0.2 kept its memos beside a Chroma database: a pickle, and in later versions JSON."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

from ..retrieval import IndexFileError

JSON_FILE, PICKLE_FILE = "uid_text_dict.json", "uid_text_dict.pkl"


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler of plain values: what a pickle can name, it can call, so no name is resolved."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to another object")


def find_legacy_file(folder: Path) -> Path | None:
    """Return the file of 0.2 in a folder; None if there is none."""
    return next((path for name in (JSON_FILE, PICKLE_FILE) if (path := folder / name).is_file()), None)


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Return the pairs of input and output of a file of 0.2.

    Raises:
        IndexFileError: if it holds anything else. The file stays as it is.
    """
    try:
        content = path.read_bytes()
        value = json.loads(content) if path.suffix == ".json" else _PlainUnpickler(io.BytesIO(content)).load()
    # A damaged pickle raises errors of any kind.
    except Exception as error:
        raise _make_error(path, f"it can't be read ({type(error).__name__}: {error})") from error
    if not isinstance(value, dict):
        raise _make_error(path, f"it holds a {type(value).__name__}, and no table of memos")
    pairs = list(value.values())
    for pair in pairs:
        is_pair = isinstance(pair, (list, tuple)) and len(pair) == 2
        if not is_pair or not all(isinstance(text, str) for text in pair):
            raise _make_error(path, "it holds something else than pairs of texts")
    return [(text, output) for text, output in pairs if text and output]


def set_aside(path: Path) -> None:
    """Rename a file whose memos were imported, so that they are not imported again."""
    target, number = path.with_name(f"{path.name}.bak"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.bak{number}")
    os.replace(path, target)


def _make_error(path: Path, problem: str) -> IndexFileError:
    return IndexFileError(f"The memos of {path} are not imported: {problem}. Move the file away to go on without them.")
