"""Conversion of any value to plain JSON, shared by events, logs, caches and reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ._images.pictures import is_picture, make_picture_uri


def describe_type(value: object) -> str:
    """Return the stand-in for a value that JSON can't hold: its type, as `<Name>`."""
    return f"<{type(value).__name__}>"


def to_jsonable(value: object, fallback: Callable[[Any], object] = describe_type) -> Any:
    """Convert a value to dicts, lists, text, numbers, booleans and None; a scalar is returned unchanged.

    Mappings, sequences, sets, dataclasses, pydantic models, enums, dates, paths and the like are converted at any depth. A
    picture of Pillow becomes a data URI.
    An infinite number inside a container stays a float.

    Args:
        value: The value. It is not changed: an iterator is left unread.
        fallback: Called with each value of any other type. Its result is converted in turn.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    # Pydantic would read an iterator, and its owner would find it empty.
    if isinstance(value, Iterator):
        return fallback(value)

    def convert_unknown(item: Any) -> object:
        # Pydantic knows dict and its subclasses only.
        if isinstance(item, Mapping):
            return dict(item)
        return make_picture_uri(item) if is_picture(item) else fallback(item)

    # Imported where it is used: `import autogen` loads no third-party package.
    from pydantic_core import to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=convert_unknown, bytes_mode="utf8")
    # Circular references, bytes that are not text, too deep nesting, and whatever methods of the value raise.
    except Exception:  # noqa: BLE001
        return fallback(value)
