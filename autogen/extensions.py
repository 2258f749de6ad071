"""Extensions: packages of others that add models, executors, caches, vector stores and commands, loaded when they are named.

A package has an entry point in the group `autogen.extensions`. Its name is that of the extension, its object an `Extension`:

    [project.entry-points."autogen.extensions"]
    acme = "autogen_acme:EXTENSION"

A package with a single thing may do without: the group `autogen.models` has classes of model clients by `api_type`,
`autogen.providers` has providers, and `autogen.commands` has commands.

The environment variable `AUTOGEN_EXTENSIONS` is `off`, or a list of the names that may be used, with commas between them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._mistakes import suggest, trim_stop

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "API_VERSION",
    "Extension",
    "ExtensionError",
    "InstalledExtension",
    "find_entry_points",
    "find_part",
    "list_extensions",
    "load_entry_point",
    "load_extension",
]

API_VERSION = 1
"""Version of the interface between this package and extensions."""

VARIABLE = "AUTOGEN_EXTENSIONS"
GROUP = "autogen.extensions"
GROUPS = (GROUP, "autogen.models", "autogen.providers", "autogen.commands")

_loaded: dict[str, Extension] = {}


class ExtensionError(RuntimeError):
    """Raised if an extension is missing, switched off, broken, or made for another version."""


@dataclass(frozen=True, kw_only=True)
class Extension:
    """A package that extends this one.

    Its executors, caches and vector stores are named `extension.part`, such as `acme.box`.

    Args:
        name: Name of the extension: that of its entry point.
        version: Version of the package.
        api: Version of the interface that it was written for; see `API_VERSION`.
        commands: Commands by name, as apps of typer: `autogen acme NAME`.
        providers: Objects of `autogen.oai.providers.Provider`, whose `api_type` begins with the name of the extension.
        executors: Functions or classes that make executors, by name of the part.
        caches: Functions or classes that make caches of a seed, by name of the part.
        vector_stores: Functions or classes that make vector stores, by name of the part.
        on_load: Function that is called when the extension is loaded, once.
    """

    name: str
    version: str
    api: int = API_VERSION
    commands: Mapping[str, Any] = field(default_factory=dict)
    providers: Sequence[Any] = ()
    executors: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    caches: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    vector_stores: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    on_load: Callable[[], None] | None = None


@dataclass(frozen=True)
class InstalledExtension:
    """An entry point of an installed package.

    Attributes:
        name: Its name.
        group: Its group, such as `autogen.extensions`.
        package: Name of the package.
        version: Version of the package.
        is_enabled: False if `AUTOGEN_EXTENSIONS` switches it off.
        error: The reason why it can't be loaded; empty if it can, or nobody has tried.
    """

    name: str
    group: str
    package: str
    version: str
    is_enabled: bool = True
    error: str = ""


def find_entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group that are not switched off. Nothing is imported.

    Args:
        group: Name of the group.
    """
    return [entry for entry in _read_entry_points(group) if _is_enabled(entry)]


def _read_entry_points(group: str) -> list[EntryPoint]:
    # Takes milliseconds, and most programs need none of it.
    from importlib.metadata import entry_points

    entries = entry_points(group=group)
    # A package that is on the path twice has its entry points twice. Python imports the first.
    return list({entry.name: entry for entry in reversed(list(entries))}.values())[::-1]


def _is_enabled(entry: EntryPoint) -> bool:
    setting = os.environ.get(VARIABLE, "").strip()
    if not setting:
        return True
    names = {name.strip().lower() for name in setting.split(",")}
    return "off" not in names and bool({entry.name.lower(), _get_package(entry).lower()} & names)


def _get_package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def load_entry_point(entry: EntryPoint) -> Any:
    """Import the object of an entry point.

    Raises:
        ExtensionError: if its package can't be imported, or does not have it.
    """
    try:
        return entry.load()
    # A package of others may fail in any way, and the error must name it.
    except Exception as error:
        package = _get_package(entry) or entry.value
        text = f"The package {package!r} can't be loaded for {entry.name!r}: {type(error).__name__}: {trim_stop(error)}."
        raise ExtensionError(text) from error


def load_extension(name: str) -> Extension:
    """Return an extension, loaded if need be.

    Args:
        name: Name of the extension.

    Raises:
        ExtensionError: if it is not installed, switched off, broken, or made for another version.
    """
    if name in _loaded:
        return _loaded[name]
    entries = {entry.name: entry for entry in _read_entry_points(GROUP)}
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise ExtensionError(f"There is no extension {name!r}; installed are: {known}.{suggest(name, entries)}")
    if not _is_enabled(entries[name]):
        raise ExtensionError(f"The extension {name!r} is installed, and switched off by {VARIABLE}.")
    extension = load_entry_point(entries[name])
    _check(extension, entries[name])
    if extension.on_load is not None:
        try:
            extension.on_load()
        except Exception as error:
            text = f"The extension {name!r} fails when it is loaded: {type(error).__name__}: {trim_stop(error)}."
            raise ExtensionError(text) from error
    return _loaded.setdefault(name, extension)


def _check(extension: Any, entry: EntryPoint) -> None:
    label = f"The extension {entry.name!r} ({entry.value})"
    if not isinstance(extension, Extension):
        raise ExtensionError(f"{label} must be an Extension, got {type(extension).__name__}.")
    if extension.api != API_VERSION:
        raise ExtensionError(
            f"{label} is made for version {extension.api} of the interface, and this is version {API_VERSION}: "
            "install versions that fit together."
        )
    if extension.name != entry.name:
        raise ExtensionError(f"{label} must have the name of its entry point, got {extension.name!r}.")
    for kind in ("commands", "executors", "caches", "vector_stores"):
        parts = getattr(extension, kind)
        if not isinstance(parts, Mapping) or not all(callable(part) for part in parts.values()):
            raise ExtensionError(f"{label}: {kind} must be functions or classes by name.")


def find_part(kind: str, name: str) -> Callable[..., Any]:
    """Return the part of an extension that makes an executor, a cache or a vector store. Loads the extension.

    Args:
        kind: `executors`, `caches`, `vector_stores` or `commands`.
        name: Name of the part, such as `acme.box`.

    Raises:
        ExtensionError: if the extension can't be loaded, or has no such part.
    """
    vendor, _, part = name.partition(".")
    parts: Mapping[str, Callable[..., Any]] = getattr(load_extension(vendor), kind)
    if part not in parts:
        known = ", ".join(parts) or "none"
        raise ExtensionError(f"The extension {vendor!r} has no {part!r}; its {kind} are: {known}.{suggest(part, parts)}")
    return parts[part]


def list_extensions(*, load: bool = False) -> list[InstalledExtension]:
    """List the entry points of installed packages, in all groups.

    Args:
        load: True to load those that are not switched off, and find out which can't be.
    """
    return [_describe(group, entry, load) for group in GROUPS for entry in _read_entry_points(group)]


def _describe(group: str, entry: EntryPoint, load: bool) -> InstalledExtension:
    is_enabled, error = _is_enabled(entry), ""
    if load and is_enabled:
        try:
            load_extension(entry.name) if group == GROUP else load_entry_point(entry)
        except ExtensionError as failure:
            error = str(failure)
    version = entry.dist.version if entry.dist is not None else ""
    return InstalledExtension(entry.name, group, _get_package(entry), version, is_enabled, error)
