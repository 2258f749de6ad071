"""Helpers for classes of events."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["deprecated_by"]

C = TypeVar("C", bound=type)


def deprecated_by(
    new_class: type[Any],
    param_mapping: Mapping[str, str] | None = None,
    default_params: Mapping[str, Any] | None = None,
) -> Callable[[C], Callable[..., Any]]:
    """Make a class decorator that replaces a deprecated class by a new one.

    Args:
        new_class: The class whose objects are made instead.
        param_mapping: New names of parameters by their old names.
        default_params: Arguments for parameters that the old class did not have.

    Returns:
        A decorator: calling the decorated class warns (`DeprecationWarning`), and makes an object of the new class.
    """
    names, defaults = dict(param_mapping or {}), dict(default_params or {})

    def decorate(old_class: C) -> Callable[..., Any]:
        def construct(*args: Any, **kwargs: Any) -> Any:
            text = f"{old_class.__name__} is deprecated, use {new_class.__name__}."
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return new_class(*args, **{**defaults, **{names.get(key, key): value for key, value in kwargs.items()}})

        construct.__name__ = construct.__qualname__ = old_class.__name__
        construct.__doc__ = old_class.__doc__
        return construct

    return decorate
