"""Optional imports of contributed code: a block in which imports may fail, and functions that need packages.

>>> with optional_import_block() as imports:
...     import a_package_that_nobody_has
>>> imports.is_successful
False
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ._extras import require

__all__ = [
    "ImportOutcome",
    "get_missing_imports",
    "optional_import_block",
    "require_optional_import",
    "run_for_optional_imports",
    "skip_on_missing_imports",
]

T = TypeVar("T")


class ImportOutcome:
    """The outcome of a block of imports.

    Attributes:
        is_successful: False if an import failed; None while the block runs.
        error: The error of the import that failed.
    """

    def __init__(self) -> None:
        self.is_successful: bool | None = None
        self.error: ImportError | None = None


@contextmanager
def optional_import_block() -> Iterator[ImportOutcome]:
    """Ignore imports that fail in a `with` block.

    Yields:
        The outcome, complete when the block has ended.
    """
    outcome = ImportOutcome()
    try:
        yield outcome
        outcome.is_successful = True
    except ImportError as error:
        outcome.is_successful, outcome.error = False, error


def get_missing_imports(modules: str | Iterable[str]) -> dict[str, str]:
    """Return the modules that can't be imported, each with the reason.

    Args:
        modules: Names of modules, which may be followed by versions: `"a_package>=1.2,<2"`.

    Raises:
        ValueError: if a text is not the name of a module.
    """
    names = [modules] if isinstance(modules, str) else modules
    return {module: reason for module in names if (reason := _find_obstacle(module))}


def _find_obstacle(module: str) -> str | None:
    """Return the reason why a module can't be used; None if it can."""
    match = re.fullmatch(r"\s*([A-Za-z_][\w.]*)\s*(.*?)\s*", module)
    if match is None:
        raise ValueError(f"A module must be a name, with or without versions, got {module!r}.")
    name, versions = match.groups()
    try:
        is_there = importlib.util.find_spec(name) is not None
    # The package of a submodule is missing.
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        return f"{name!r} is not installed"
    if not versions:
        return None
    specifiers = require("packaging.specifiers", feature="A version of an optional import")
    try:
        wanted = specifiers.SpecifierSet(versions)
    except specifiers.InvalidSpecifier:
        raise ValueError(f"The versions of a module must be as in 'name>=1.2,<2', got {module!r}.") from None
    version = _find_version(name)
    if version is None or wanted.contains(version, prereleases=True):
        return None
    return f"{name!r} has version {version}, not {versions}"


def _find_version(name: str) -> str | None:
    """Return the version of the distribution that a module belongs to; None if it is not known."""
    top = name.partition(".")[0]
    for distribution in importlib.metadata.packages_distributions().get(top, ()):
        return importlib.metadata.version(distribution)
    version = getattr(importlib.import_module(top), "__version__", None)
    return version if isinstance(version, str) else None


def require_optional_import(
    modules: str | Iterable[str], dep_target: str, *, except_for: str | Iterable[str] | None = None
) -> Callable[[T], T]:
    """Return a decorator for a function or class that needs packages: without them, calls raise an error.

    Args:
        modules: Names of modules; see `get_missing_imports`.
        dep_target: Extra that installs them, for the message.
        except_for: Names of functions or methods that do not need them.

    Raises:
        ImportError: in the calls.
    """
    missing = get_missing_imports(modules)
    exceptions = [except_for] if isinstance(except_for, str) else list(except_for or ())

    def decorate(item: T) -> T:
        if not missing:
            return item
        name = getattr(item, "__name__", type(item).__name__)
        text = f"{name} needs packages of the extra {dep_target!r}: {', '.join(missing.values())}."
        if isinstance(item, type):
            for key, member in list(vars(item).items()):
                if key not in exceptions and (key == "__init__" or not key.startswith("_")) and _is_method(member):
                    setattr(item, key, _refuse(member, text))
            return item
        return item if name in exceptions else _refuse(item, text)

    return decorate


def _is_method(member: object) -> bool:
    return inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod, property))


def _refuse(member: Any, text: str) -> Any:
    """Return a function, method or property that raises an `ImportError` with this text."""
    if isinstance(member, (staticmethod, classmethod)):
        return type(member)(_refuse(member.__func__, text))
    if isinstance(member, property):
        return property(_refuse(member.fget, text))

    @functools.wraps(member)
    def fail(*args: object, **kwargs: object) -> object:
        raise ImportError(text)

    return fail


def skip_on_missing_imports(modules: str | Iterable[str], dep_target: str) -> Any:
    """Return a marker of pytest that skips a test without these packages.

    Args:
        modules: Names of modules; see `get_missing_imports`.
        dep_target: Extra that installs them, for the message.
    """
    pytest = require("pytest", feature="A marker of tests")
    missing = get_missing_imports(modules)
    return pytest.mark.skipif(bool(missing), reason=f"needs the extra {dep_target!r}: {', '.join(missing.values())}")


def run_for_optional_imports(modules: str | Iterable[str], dep_target: str) -> Any:
    """Return a marker of pytest by which a test runs if these packages are there; see `skip_on_missing_imports`."""
    return skip_on_missing_imports(modules, dep_target)
