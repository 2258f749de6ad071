"""The names of 0.2's module for both versions of pydantic. This package supports version 2 alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaValue as JsonSchemaValue

from ._functions.signatures import get_typed_annotation

PYDANTIC_V1 = False


def type2schema(t: Any) -> JsonSchemaValue:
    """Return the JSON schema of a type."""
    return TypeAdapter(t).json_schema()


def model_dump(model: BaseModel) -> dict[str, Any]:
    """Return a model as a dict."""
    return model.model_dump()


def model_dump_json(model: BaseModel) -> str:
    """Return a model as JSON text."""
    return model.model_dump_json()


def evaluate_forwardref(
    value: Any, globalns: Mapping[str, Any] | None = None, localns: Mapping[str, Any] | None = None
) -> Any:
    """Evaluate an annotation that is text, or contains text. It is returned unchanged if a name in it is not defined."""
    return get_typed_annotation(value, {**(globalns or {}), **(localns or {})})
