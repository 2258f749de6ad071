"""Import of optional dependencies on first use, with installation advice if they are missing."""

from importlib import import_module
from types import ModuleType


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
