"""Import of optional dependencies on first use, with installation advice if they are missing.

`from ._extras import httpx` gives the HTTP library that the `openai` SDK depends on. Write it where the library is used.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2 as httpx

__all__ = ["httpx", "require"]


def require(module: str, *, extra: str | None = None, feature: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: The name of the module.
        extra: The extra of `autogen-classic` that installs it; None for a core dependency.
        feature: The feature that needs it, as the subject of the error message.

    Raises:
        ImportError: if `module` is not installed. If it is installed but broken, its own error is raised.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        # `google.auth` may be missing although there is a package `google`; other modules are imports of the dependency.
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        target = f'"autogen-classic[{extra}]"' if extra else f'"{error.name}"'
        hint = f"{feature} needs the package {error.name!r}, which is not installed: pip install {target}"
        raise ImportError(hint, name=error.name) from error


def __getattr__(name: str) -> ModuleType:
    if name != "httpx":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Version 3 of the SDK replaced httpx by its successor. Both have the API that this package uses.
    try:
        return import_module("httpx2")
    except ModuleNotFoundError:
        return import_module("httpx")
