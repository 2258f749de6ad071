"""What loggers share: the time as text, and objects as plain dicts."""

from __future__ import annotations

import inspect
from datetime import datetime, timezone
from typing import Any

from .._secrets import redact
from ._known_secrets import without_known
from ._plain import place_of

__all__ = ["get_current_ts", "to_dict"]


def get_current_ts() -> str:
    """The time in UTC, as `YYYY-MM-DD HH:MM:SS.ffffff`."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")


def to_dict(obj: Any, exclude: tuple[str, ...] = (), no_recursive: Any = ()) -> Any:
    """An object as plain data, its secrets masked.

    A callable becomes its source code, an object the dict of its attributes, keys become text; numbers, text and what
    has no attributes stay. What holds itself is cut off by its type's name.

    Args:
        obj: Any value.
        exclude: Keys and attributes that are left out, at any depth.
        no_recursive: A type, or a tuple of types, whose values become `str(value)`.

    >>> to_dict({"a": (1, 2), "b": {"c": 3, "d": 4}, "api_key": "mine"}, exclude=("d",))
    {'a': [1, 2], 'b': {'c': 3}, 'api_key': '***'}
    """
    return redact(_opened(obj, exclude, no_recursive, ()))


def _opened(obj: Any, exclude: tuple[str, ...], no_recursive: Any, outer: tuple[int, ...]) -> Any:
    if isinstance(obj, (int, float, str, bool)):
        return without_known(obj) if isinstance(obj, str) else obj
    if callable(obj):
        return without_known(_source_of(obj))
    if id(obj) in outer:
        return f"<<{type(obj).__qualname__} that holds itself>>"
    within = (*outer, id(obj))

    def inner(value: Any) -> Any:
        return str(value) if isinstance(value, no_recursive) else _opened(value, exclude, no_recursive, within)

    if isinstance(obj, (list, tuple)):
        return [inner(value) for value in obj]
    if isinstance(obj, dict) or hasattr(obj, "__dict__"):
        items = obj if isinstance(obj, dict) else vars(obj)
        return {str(key): inner(value) for key, value in items.items() if key not in exclude}
    return obj


def _source_of(function: Any) -> str:
    try:
        return inspect.getsource(function).strip()
    except (TypeError, OSError):  # built in, an object with __call__, or made by exec
        return place_of(function)
