"""Old names of classes that still work, with a warning."""

from __future__ import annotations

import warnings
from typing import Any


class DeprecatedAlias:
    """Stands in the place of a class that has a new name: to be called, subclassed, looked into, and for `isinstance`."""

    def __init__(self, old_name: str, new: type[Any]) -> None:
        self.__name__ = old_name
        self._new = new

    def _warn(self) -> None:
        text = f"{self.__name__} is deprecated: it is called {self._new.__name__} now."
        warnings.warn(text, DeprecationWarning, stacklevel=3)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._warn()
        return self._new(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._new, name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type[Any], ...]:
        self._warn()
        return (self._new,)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._new)

    def __subclasscheck__(self, subclass: type[Any]) -> bool:
        return issubclass(subclass, self._new)
