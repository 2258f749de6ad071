"""Fields of the configs of components that mean more than JSON: other components, secrets, and objects of Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from ._protocols import Config, JSONObject

if TYPE_CHECKING:
    from pydantic import ValidationInfo

__all__ = ["ComponentConfig", "Part", "PythonObject", "SecretText"]

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PYTHON_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class ComponentConfig(BaseModel):
    """The base class of configs: unknown keys are errors, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def make_fault(message: str) -> PydanticCustomError:
    """Make an error of a field. The text is not a template: it may have braces."""
    return PydanticCustomError("fault", "{message}", {"message": message})


class PartVisitor(Protocol):
    """A check that sees each component that a config refers to or contains."""

    def visit_part(self, value: JSONObject, kinds: tuple[str, ...]) -> None:
        """Check one.

        Raises:
            ValueError: if it is not there, or not of these kinds.
        """


class Part:
    """The type of a field that holds another component: a reference `{"ref": ID}`, or the component itself.

    Args:
        *kinds: Kinds that are allowed, such as `agent`.
        allows_false: True if `false` is allowed, too: there is none.

    >>> class TeamConfig(ComponentConfig):
    ...     members: list[Annotated[Any, Part("agent")]]
    """

    def __init__(self, *kinds: str, allows_false: bool = False) -> None:
        self.kinds = kinds
        self._allows_false = allows_false

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> Config:
        reference = {"type": "object", "properties": {"ref": {"type": "string"}}, "required": ["ref"]}
        inline = {
            "type": "object",
            "properties": {"type": {"type": "string"}, "version": {"type": "integer"}, "config": {"type": "object"}},
            "required": ["type"],
        }
        forms = [reference, inline, *([{"const": False}] if self._allows_false else [])]
        return {"anyOf": forms, "x-kinds": list(self.kinds)}

    def _validate(self, value: object, info: ValidationInfo) -> object:
        visitor: PartVisitor | None = info.context
        if value is False and self._allows_false:
            return value
        if not isinstance(value, dict):
            raise make_fault(f'must be a reference {{"ref": ID}} or a component, got {type(value).__name__}')
        if visitor is not None:
            visitor.visit_part(value, self.kinds)
        return value


def is_secret(value: object) -> bool:
    """Return True for the name of a secret: `{"secret": NAME}`."""
    return (
        isinstance(value, Mapping)
        and set(value) == {"secret"}
        and isinstance(value["secret"], str)
        and _SECRET_NAME.fullmatch(value["secret"]) is not None
    )


def is_python_object(value: object) -> bool:
    """Return True for the name of a Python object: `{"python": "package.module:name"}`."""
    return (
        isinstance(value, Mapping)
        and set(value) == {"python"}
        and isinstance(value["python"], str)
        and _PYTHON_NAME.fullmatch(value["python"]) is not None
    )


class _Marker:
    """The type of a field that holds a marker: an object with one key, whose value is a name."""

    def __init__(self, key: str, example: str, hint: str) -> None:
        self._key = key
        self._example = example
        self._hint = hint

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> Config:
        properties = {self._key: {"type": "string", "examples": [self._example]}}
        return {"type": "object", "properties": properties, "required": [self._key], "additionalProperties": False}

    def _validate(self, value: object) -> object:
        if not (is_secret(value) if self._key == "secret" else is_python_object(value)):
            raise make_fault(f'must be {{"{self._key}": "{self._example}"}}: {self._hint}')
        return value


SecretText = Annotated[Any, _Marker("secret", "OPENAI_API_KEY", "put the value into a secret of this name")]
"""The type of a field that holds the name of a secret, and never its value."""

PythonObject = Annotated[Any, _Marker("python", "package.module:name", "an object that can be imported")]
"""The type of a field that holds the name of a function or another object of Python."""
