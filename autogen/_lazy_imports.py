"""Names that are imported when they are first used (PEP 562).

A package states its names twice: once under `TYPE_CHECKING`, for editors and type checkers, and once as a table from
name to module, for the interpreter. A test holds the two together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def attach(
    namespace: dict[str, Any], home: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package whose rooms open one at a time.

    Args:
        namespace: The package's `globals()`.
        home: For each public name the module that defines it, relative to the package.
        submodules: Modules that are reachable as attributes without an import of their own.
    """
    package = namespace["__name__"]
    rooms = tuple(submodules)
    names = [*home, *rooms]

    def open_room(name: str) -> Any:
        if name in home:
            value = getattr(import_module(f".{home[name]}", package), name)
        elif name in rooms:
            value = import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = value  # the next access does not come here
        return value

    return open_room, lambda: sorted({*namespace, *names}), names


def deprecate(namespace: dict[str, Any], aliases: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module in which public names were renamed.

    Each old name warns once per process (`DeprecationWarning`), then resolves to the new one.

    Args:
        namespace: The module's `globals()`.
        aliases: The new name by the old one.
    """

    def get_renamed(name: str) -> Any:
        if name not in aliases:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        warnings.warn(f"{name} is deprecated, use {aliases[name]}.", DeprecationWarning, stacklevel=2)
        # bound from here on, so that the warning is not repeated
        namespace[name] = namespace[aliases[name]]
        return namespace[name]

    return get_renamed
