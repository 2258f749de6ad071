"""Prompts that are filled in when they are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def instantiate(
    template: str | Callable[[dict[str, Any]], Any] | list[Any] | None,
    context: dict[str, Any] | None = None,
    allow_format_str_template: bool | None = False,
) -> Any:
    """Fill in a template.

    Text is formatted only if `allow_format_str_template` says so; a callable is called with the context; a list of
    content parts stays as it is. Without a context nothing is done.

    Raises:
        KeyError: A format template names a field that the context lacks.
    """
    if not context or template is None:
        return template
    if isinstance(template, str):
        return template.format(**context) if allow_format_str_template else template
    return template(context) if callable(template) else template
