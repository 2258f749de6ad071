"""Helpers for the conversion of foreign tools: names, and arguments within a schema."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any


def make_tool_name(name: str) -> str:
    """Return the name of a foreign tool in the form that endpoints accept."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "tool"


def keep_described(arguments: Mapping[str, Any], schema: Mapping[str, Any], hidden: Container[str]) -> dict[str, Any]:
    """Return the arguments that a schema describes.

    Args:
        arguments: Arguments of a model, by name.
        schema: Schema of the parameters that the model knows.
        hidden: Names of the parameters that the framework fills in: a model that guesses them must not set them.
    """
    properties = schema.get("properties", {})
    is_open = bool(schema.get("additionalProperties"))
    return {name: value for name, value in arguments.items() if name in properties or (is_open and name not in hidden)}
