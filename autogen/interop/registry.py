"""Registry of the classes that convert the tools of other frameworks."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from .._mistakes import suggest
from .interoperable import Interoperable

Class = TypeVar("Class", bound="type[Interoperable]")

# The classes of this package register themselves when they are imported.
_BUILT_IN = {"crewai": ".crewai", "langchain": ".langchain", "pydanticai": ".pydantic_ai"}


class InteroperableRegistry:
    """Classes that convert tools, by the short names of their frameworks."""

    _instance: InteroperableRegistry | None = None

    def __init__(self) -> None:
        self._classes: dict[str, type[Interoperable]] = {}

    @classmethod
    def get_instance(cls) -> InteroperableRegistry:
        """Return the registry of the process."""
        if cls._instance is None:
            cls._instance = InteroperableRegistry()
        return cls._instance

    def register(self, short_name: str, cls: type[Interoperable]) -> type[Interoperable]:
        """Add a class, and return it.

        Raises:
            ValueError: if the name is taken by another class.
        """
        known = self._classes.get(short_name)
        if known is not None and known is not cls:
            raise ValueError(f"The name {short_name!r} is taken by {known.__name__}.")
        self._classes[short_name] = cls
        return cls

    def get_short_names(self) -> list[str]:
        """Return the names of all classes, sorted."""
        self._load()
        return sorted(self._classes)

    def get_supported_types(self) -> list[str]:
        """Return the names of the classes whose packages are installed, sorted."""
        return [name for name in self.get_short_names() if self._classes[name].get_unsupported_reason() is None]

    def get_class(self, short_name: str) -> type[Interoperable]:
        """Return a class.

        Raises:
            ValueError: if there is none of this name, or its package is not installed.
        """
        names = self.get_short_names()
        if short_name not in names:
            hint = suggest(short_name, names)
            raise ValueError(f"There is no type {short_name!r} of tools; there are: {', '.join(names)}.{hint}")
        found = self._classes[short_name]
        reason = found.get_unsupported_reason()
        if reason is not None:
            raise ValueError(f"Tools of the type {short_name!r} can't be converted: {reason}")
        return found

    def _load(self) -> None:
        for name, module in _BUILT_IN.items():
            if name not in self._classes:
                import_module(module, __package__)


def register_interoperable_class(short_name: str) -> Callable[[Class], Class]:
    """Return a decorator that registers a class for the tools of a framework.

    Args:
        short_name: The `type` of the tools for `Interoperability.convert_tool`.
    """

    def decorate(cls: Class) -> Class:
        InteroperableRegistry.get_instance().register(short_name, cls)
        return cls

    return decorate
