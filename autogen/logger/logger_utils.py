"""Helpers for loggers: the current time as text, and objects as plain dicts."""

from __future__ import annotations

import inspect
from collections.abc import Container
from datetime import datetime, timezone
from typing import Any

from .._secrets import redact
from ._known_secrets import mask_known
from ._serialization import get_location

__all__ = ["get_current_ts", "to_dict"]


def get_current_ts() -> str:
    """Return the current time in UTC, as `YYYY-MM-DD HH:MM:SS.ffffff`."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")


def to_dict(obj: object, exclude: tuple[str, ...] = (), no_recursive: type[object] | tuple[type[object], ...] = ()) -> Any:
    """Convert an object to plain data, with secrets masked.

    A callable becomes its source code, any other object the dict of its attributes, a mapping key its text. Numbers, text
    and objects without attributes are kept. A circular reference becomes the name of its type.

    Args:
        obj: Any value.
        exclude: Keys and attributes to leave out, at any depth.
        no_recursive: A type, or a tuple of types: their instances become `str(value)`.

    >>> to_dict({"a": (1, 2), "b": {"c": 3, "d": 4}, "api_key": "mine"}, exclude=("d",))
    {'a': [1, 2], 'b': {'c': 3}, 'api_key': '***'}
    """
    return redact(_expand(obj, exclude, no_recursive, ()))


def _expand(
    obj: object,
    exclude: Container[object],
    no_recursive: type[object] | tuple[type[object], ...],
    enclosing: tuple[int, ...],
) -> object:
    if isinstance(obj, (int, float, str, bool)):
        return mask_known(obj) if isinstance(obj, str) else obj
    if callable(obj):
        return mask_known(_get_source(obj))
    if id(obj) in enclosing:
        return f"<<{type(obj).__qualname__} that holds itself>>"
    enclosing = (*enclosing, id(obj))

    def expand_item(value: object) -> object:
        return str(value) if isinstance(value, no_recursive) else _expand(value, exclude, no_recursive, enclosing)

    if isinstance(obj, (list, tuple)):
        return [expand_item(value) for value in obj]
    if isinstance(obj, dict) or hasattr(obj, "__dict__"):
        items = obj if isinstance(obj, dict) else vars(obj)
        return {str(key): expand_item(value) for key, value in items.items() if key not in exclude}
    return obj


def _get_source(function: Any) -> str:
    try:
        return inspect.getsource(function).strip()
    # Built-in functions, instances with `__call__` and functions made by `exec` have no source.
    except (TypeError, OSError):
        return get_location(function)
