"""The configs of objects that were built from documents, and can't be asked for their settings."""

from __future__ import annotations

import inspect
import weakref
from typing import TYPE_CHECKING, Any

from ._protocols import Config

if TYPE_CHECKING:
    from ..tools.tool import Tool
    from ..tools.toolkit import Toolkit

# By identity: what is built may be equal to others, or not hashable.
_origins: dict[int, tuple[weakref.ref[Any], dict[str, Any]]] = {}


def remember_config(obj: object, config: Config) -> None:
    """Remember the config of an object while the object lives."""
    key = id(obj)
    _origins[key] = weakref.ref(obj, lambda _: _origins.pop(key, None)), config


def find_config(obj: object) -> dict[str, Any] | None:
    """Return the config of an object; None if it was not built from a document."""
    origin = _origins.get(id(obj))
    return origin[1] if origin is not None and origin[0]() is obj else None


def find_source(tool: Tool) -> Tool | Toolkit | None:
    """Return the tool, or the toolkit, of a document that has the function of a tool; None if there is none.

    An agent may have the function alone, or another tool of it.
    """
    from ..tools.tool import Tool
    from ..tools.toolkit import Toolkit

    # Agents wrap the functions that they execute.
    function = inspect.unwrap(tool.function)
    for reference, _ in list(_origins.values()):
        obj = reference()
        candidates = [obj] if isinstance(obj, Tool) else obj.toolkit.values() if isinstance(obj, Toolkit) else ()
        if any(inspect.unwrap(each.function) is function for each in candidates):
            return obj
    return None
