"""Conversion of the results of tools to text."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Mapping, Sequence, Set
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python


def serialize_to_str(x: object) -> str:
    """Serialise the result of a tool: text as it is, and anything else as JSON.

    Besides JSON values, these are supported at any depth: pydantic models, dataclasses, enums, dates, sets, bytes and other
    types known to pydantic; scalars and arrays of numpy; tables and columns of pandas (a list of rows, and a list or object
    of values); objects with a text of their own (`__str__` or `__repr__`). As a whole result, such a text has no quotes.

    Raises:
        TypeError: if JSON can't hold the result.

    >>> serialize_to_str({"a": {1}})
    '{"a": [1]}'
    """
    if isinstance(x, str):
        return str(x.value) if isinstance(x, Enum) else str(x)
    if isinstance(x, BaseModel):
        # A field of any other type is converted below.
        with contextlib.suppress(PydanticSerializationError):
            return x.model_dump_json()
    # Most results are plain JSON values, which don't need pydantic.
    with contextlib.suppress(TypeError, ValueError):
        return json.dumps(x, ensure_ascii=False)
    whole_text: list[str] = []

    def convert(item: object) -> object:
        value = _convert_unknown(item)
        if item is x and isinstance(value, str):
            whole_text.append(value)
        return value

    try:
        value = to_jsonable_python(x, by_alias=False, fallback=convert)
    except (TypeError, ValueError) as error:
        # Pydantic takes the missing date of pandas for a date.
        with contextlib.suppress(TypeError, ValueError):
            return json.dumps(x, ensure_ascii=False, default=_convert_leaf)
        raise TypeError(f"JSON can't hold the result, of type {type(x).__name__}: {error}") from error
    if whole_text:
        return whole_text[0]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":") if isinstance(x, BaseModel) else None)


def _convert_unknown(item: object) -> object:
    """Convert a value of a type that pydantic doesn't know to a simpler value.

    Raises:
        TypeError: if there is no way.
    """
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, (Sequence, Set)):
        return list(item)
    if _is_missing(item):
        return None
    # The libraries are recognised by their methods, so that none of them is imported.
    if not isinstance(item, type):
        if _is_pandas(item) and hasattr(item, "to_json"):
            return _convert_table(item)
        # Numpy can't convert a date with nanoseconds to a Python value, only to a number.
        if getattr(getattr(item, "dtype", None), "kind", "") in ("M", "m") and hasattr(item, "astype"):
            item = item.astype(str)
        if callable(to_list := getattr(item, "tolist", None)):
            return to_list()
        if (text := _get_own_text(item)) is not None:
            return text
    raise TypeError(f"objects of type {type(item).__name__} have no JSON form and no text of their own")


def _convert_leaf(item: object) -> object:
    return None if _is_missing(item) else to_jsonable_python(item, by_alias=False, fallback=_convert_unknown)


def _is_missing(item: object) -> bool:
    return type(item).__name__ in ("NAType", "NaTType") and _is_pandas(item)


def _is_pandas(item: object) -> bool:
    return type(item).__module__.partition(".")[0] == "pandas"


def _convert_table(table: Any) -> object:
    """Convert a pandas table or column: missing values become null, and dates ISO 8601 text."""
    # The default index only numbers the rows.
    is_numbered = type(getattr(table, "index", None)).__name__ == "RangeIndex"
    if getattr(table, "ndim", 1) > 1:
        frame = table if is_numbered else table.reset_index()
        orients = ["records", "split"]
    else:
        frame = table
        orients = ["records"] if is_numbered else ["index", "records"]
    for orient in orients:
        # Two rows or columns of one name can't be keys of an object.
        with contextlib.suppress(ValueError):
            return json.loads(frame.to_json(orient=orient, date_format="iso", double_precision=15, default_handler=str))
    return str(table)


def _get_own_text(item: object) -> str | None:
    """Return the text of an object whose class defines one; None for placeholders like `<Thing object>`."""
    kind = type(item)
    if inspect.isroutine(item) or inspect.ismodule(item):
        return None
    if kind.__str__ is not object.__str__:
        return str(item)
    text = repr(item)
    return None if kind.__repr__ is object.__repr__ or text.startswith("<") else text
