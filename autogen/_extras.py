"""Optional dependencies: imported where they are used, and named when they are missing."""

from importlib import import_module
from types import ModuleType


def require(module: str, *, extra: str | None = None, feature: str) -> ModuleType:
    """Import an optional dependency, or say what to install.

    Args:
        module: The module to import.
        extra: The extra of `autogen-classic` that brings it; None for a core dependency.
        feature: What needs it, as the subject of the error message.

    Raises:
        ImportError: `module` is not installed. If it is installed but broken, its own error comes through instead.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # `google.auth` may be missing where there is a `google`
            raise
        target = f'"autogen-classic[{extra}]"' if extra else f'"{error.name}"'
        hint = f"{feature} needs the package {error.name!r}, which is not installed: pip install {target}"
        raise ImportError(hint, name=error.name) from error
