"""Conversion of any value to plain JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def describe_type(value: object) -> str:
    """Return the stand-in for a value that JSON can't hold: its type, as `<Name>`."""
    return f"<{type(value).__name__}>"


def to_jsonable(value: object, fallback: Callable[[Any], Any] = describe_type) -> Any:
    """Convert a value to what JSON can hold; a plain value is returned as it is.

    Args:
        value: The value: dicts, sequences, dataclasses, pydantic models, dates, paths, ... are converted.
        fallback: Called with a value of any other type.
    """
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # imported where it is used: `import autogen` loads no third-party package
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=fallback, bytes_mode="utf8", inf_nan_mode="strings")
    except (ValueError, RecursionError, PydanticSerializationError):
        # a circular reference, bytes that are not text, or nesting beyond all measure
        return fallback(value)
