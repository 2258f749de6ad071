"""`InMemoryCache`: a cache in memory."""

from __future__ import annotations

import json
import threading
from types import TracebackType
from typing import Any, cast

from ._backend import Backend

_MISSING = object()
_MAX_DEPTH = 100


class InMemoryCache(Backend):
    """A cache that lives as long as the object, which threads may share.

    It keeps any value. Dicts, lists, tuples and sets are copied at each `set` and `get`, at any depth, so that nobody can
    change an entry; other objects in them are shared.

    Args:
        seed: The namespace of the keys.
        max_entries: The limit for the number of entries; the oldest are deleted first. None for no limit.

    Raises:
        ValueError: if `max_entries` is less than 1.
    """

    def __init__(self, seed: str | int = "", max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, got {max_entries}.")
        self._seed = str(seed)
        self._max_entries = max_entries
        self._cache: dict[str, object] = {}
        self._lock = threading.Lock()

    def _add_prefix(self, key: str) -> str:
        return f"{self._seed}_{key}" if self._seed else key

    def get(self, key: str, default: object = None) -> Any:
        """Return a copy of the value of a key, or `default` if there is none."""
        with self._lock:
            value = self._cache.get(self._add_prefix(key), _MISSING)
        if value is _MISSING:
            return default
        return json.loads(value) if type(value) is _JSONText else _copy_containers(value)

    def set(self, key: str, value: object) -> None:
        """Store a copy of a value."""
        # Outside of the lock, because large values take time.
        copied = _JSONText(json.dumps(value)) if _is_plain(value) else _copy_containers(value)
        with self._lock:
            # Removed first, so that the order of the keys is the order of storing.
            self._cache.pop(self._add_prefix(key), None)
            self._cache[self._add_prefix(key)] = copied
            if self._max_entries is not None and len(self._cache) > self._max_entries:
                del self._cache[next(iter(self._cache))]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()


class _JSONText(str):
    """A container as JSON, which is faster to read than a copy is to make. Responses are stored so."""


def _is_plain(value: object, depth: int = 0) -> bool:
    """Return True if a value is a container that JSON holds without loss."""
    kind = type(value)
    if depth and kind in (str, int, float, bool, type(None)):
        return value == value
    if depth == _MAX_DEPTH:
        return False
    if kind is list:
        return all(_is_plain(item, depth + 1) for item in cast("list[object]", value))
    if kind is not dict:
        return False
    items = cast("dict[object, object]", value).items()
    return all(type(key) is str and _is_plain(item, depth + 1) for key, item in items)


def _copy_containers(value: object) -> object:
    """Copy the built-in containers in a value. Values that are nested too deep stay as they are."""
    try:
        return _copy_value(value, {})
    except RecursionError:
        return value


def _copy_value(value: Any, copies: dict[int, object]) -> object:
    """Copy a value.

    Args:
        value: The value.
        copies: The copies so far by the id of the original, for circular references.
    """
    kind = type(value)
    if kind not in (dict, list, tuple, set, frozenset):
        return value
    if id(value) in copies:
        return copies[id(value)]
    if kind is dict:
        copied: dict[Any, object] = {}
        copies[id(value)] = copied
        copied.update((key, _copy_value(item, copies)) for key, item in value.items())
        return copied
    if kind is list:
        items: list[object] = []
        copies[id(value)] = items
        items.extend(_copy_value(item, copies) for item in value)
        return items
    # The members of sets are hashable, so nobody can change them.
    return tuple(_copy_value(item, copies) for item in value) if kind is tuple else kind(value)
