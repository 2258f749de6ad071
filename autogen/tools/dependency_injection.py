"""Parameters of tools that the program fills in, and the model neither sees nor sets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .._functions.injection import get_context_types, get_injection, without_parameters, wrap_injected
from .._functions.markers import BaseContext as BaseContext
from .._functions.markers import ChatContext as ChatContext
from .._functions.markers import Depends as Depends
from .._functions.markers import Field as Field
from .._functions.markers import on as on
from .._functions.signatures import get_typed_signature, list_parameters

__all__ = [
    "BaseContext",
    "ChatContext",
    "Depends",
    "Field",
    "get_context_params",
    "inject_params",
    "on",
    "remove_params",
]

F = TypeVar("F", bound=Callable[..., Any])


def get_context_params(func: Callable[..., Any], subclass: type[BaseContext] = BaseContext) -> list[str]:
    """Return the names of the parameters whose type is a kind of context.

    Args:
        func: The function.
        subclass: The class of the contexts.
    """
    parameters = list_parameters(get_typed_signature(func))
    return [name for name, p in parameters if any(issubclass(kind, subclass) for kind in get_context_types(p.annotation))]


def inject_params(f: F) -> F:
    """Wrap a function so that the parameters that `Depends` marks are filled in; its signature has the others.

    Parameters that belong to the agent of a chat, `ChatContext` and `context_variables`, are named by the caller. A function
    without such parameters is returned unchanged.

    >>> def greet(greeting: Annotated[str, Depends(on("Hello"))], name: str) -> str:  # doctest: +SKIP
    ...     return f"{greeting} {name}"
    >>> inject_params(greet)("Ada")  # doctest: +SKIP
    'Hello Ada'
    """
    injection = get_injection(f)
    return wrap_injected(f, injection) if injection.names else f


def remove_params(func: Callable[..., Any], sig: inspect.Signature, params: Iterable[str]) -> inspect.Signature:
    """Give a function a signature without some parameters, and return it.

    Args:
        func: The function. Its own signature stays if it can't carry another one.
        sig: Its signature.
        params: Names of the parameters.
    """
    visible = without_parameters(sig, params)
    if hasattr(func, "__dict__") and not inspect.ismethod(func):
        func.__signature__ = visible  # type: ignore[attr-defined]
    return visible
