"""Deprecated names of classes that still work, with a warning."""

from __future__ import annotations

import warnings
from typing import Generic, TypeVar

T = TypeVar("T")


class DeprecatedAlias(Generic[T]):
    """Stand-in for a renamed class: it can be called, subclassed, inspected, and used with `isinstance`."""

    def __init__(self, old_name: str, new_class: type[T]) -> None:
        self.__name__ = old_name
        self._new_class = new_class

    def _warn(self) -> None:
        text = f"{self.__name__} is deprecated, use {self._new_class.__name__}."
        warnings.warn(text, DeprecationWarning, stacklevel=3)

    def __call__(self, *args: object, **kwargs: object) -> T:
        self._warn()
        return self._new_class(*args, **kwargs)

    def __getattr__(self, name: str) -> object:
        return getattr(self._new_class, name)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type[T], ...]:
        self._warn()
        return (self._new_class,)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._new_class)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._new_class)
