"""Lazy imports: public names that are imported on first use (PEP 562).

A package lists its names twice: under `TYPE_CHECKING` for editors and type checkers, and in a table from name to module for
the interpreter. A test compares the two lists.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")


def attach(
    namespace: dict[str, Any], origins: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package that imports its modules lazily.

    Args:
        namespace: The package's `globals()`.
        origins: The module that defines each public name, relative to the package.
        submodules: The modules that are available as attributes of the package.
    """
    package = namespace["__name__"]
    submodules = tuple(submodules)
    names = [*origins, *submodules]

    def load_attribute(name: str) -> object:
        if name in origins:
            value = getattr(import_module(f".{origins[name]}", package), name)
        elif name in submodules:
            value = import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # Python only calls `__getattr__` for names that the module doesn't have.
        namespace[name] = value
        return value

    return load_attribute, lambda: sorted({*namespace, *names}), names


def deprecate(namespace: dict[str, Any], aliases: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module with renamed public names.

    Each old name warns once per process (`DeprecationWarning`), then resolves to the new one.

    Args:
        namespace: The module's `globals()`.
        aliases: The new name of each old name.
    """

    def get_renamed(name: str) -> object:
        if name not in aliases:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        warnings.warn(f"{name} is deprecated, use {aliases[name]}.", DeprecationWarning, stacklevel=2)
        # Bound from here on, so that the warning is not repeated.
        namespace[name] = namespace[aliases[name]]
        return namespace[name]

    return get_renamed


_warned_aliases: set[str] = set()


def warn_of_alias(old: str, new: str) -> None:
    """Warn once per process that the name which a program has used is deprecated."""
    if old not in _warned_aliases:
        _warned_aliases.add(old)
        warnings.warn(f"{old} is deprecated, use {new}.", DeprecationWarning, stacklevel=3)


def get_current(module: str, name: str, original: T) -> T:
    """Return the object that a module has under a name that programs replace there, mostly in tests.

    The code that uses the object is elsewhere: `mock.patch("autogen.oai.client.OpenAI")` names the module where 0.2 had it.

    Args:
        module: The full name of the module.
        name: The name in it.
        original: The object if the module isn't imported, or its attribute is computed.
    """
    holder = sys.modules.get(module)
    current: T = original if holder is None else vars(holder).get(name, original)
    return current
