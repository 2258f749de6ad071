"""Schemas of documents as JSON schemas for models, and arguments checked by them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from ..._extras import require
from ..._mistakes import trim_stop
from ..._untrusted import clean_description, clean_text
from .document import Document, OpenAPIError

MAX_NODES = 5_000
MAX_DEPTH = 30
MAX_CHARS = 100_000
MAX_STEPS = 10_000
MAX_ERRORS = 5
MAX_NAME = 64

_BY_NAME = ("properties", "dependentSchemas")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_VALUES_TEXT = """
type enum const default format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern
minItems maxItems uniqueItems minContains maxContains minProperties maxProperties required dependentRequired deprecated
"""
_VALUES = frozenset(_VALUES_TEXT.split())
_INVALID = re.compile(r"[^a-zA-Z0-9_-]")


class SchemaReader:
    """Reads the schemas of one operation. Schemas that they refer to are collected as definitions.

    Args:
        document: The document.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._pending: list[str] = []
        self._nodes = 0
        self.definitions: dict[str, Any] = {}

    def read(self, schema: Any) -> Any:
        """Return a schema as JSON schema, with references to `#/$defs`.

        Raises:
            OpenAPIError: if it is too large, too deep, refers to another document, or is not a schema.
        """
        result = self._read(schema, 0)
        while self._pending:
            reference = self._pending.pop()
            self.definitions[self._names[reference]] = self._read(self._document.look_up(reference), 0)
        return result

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise OpenAPIError(f"its schemas have more than {MAX_NODES:,} parts")
        if depth > MAX_DEPTH:
            raise OpenAPIError(f"its schemas are nested more than {MAX_DEPTH} levels deep")

    def _read(self, schema: Any, depth: int) -> Any:
        self._count(depth)
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise OpenAPIError(f"it has a schema that is not an object, got {type(schema).__name__}")
        result = {key: self._copy(value, depth + 1) for key, value in schema.items() if key in _VALUES}
        for key in ("title", "description"):
            if isinstance(text := schema.get(key), str):
                result[key] = clean_description(text)
        for key in _SINGLE:
            if key in schema:
                result[key] = self._read(schema[key], depth + 1)
        for key in _LISTS:
            if isinstance(members := schema.get(key), list):
                result[key] = [self._read(member, depth + 1) for member in members]
        for key in _BY_NAME:
            if isinstance(members := schema.get(key), Mapping):
                result[key] = self._read_properties(schema, members, depth + 1)
        if "properties" in result and isinstance(required := result.get("required"), list):
            # Those that only the server may set.
            hidden = schema["properties"].keys() - result["properties"].keys()
            result["required"] = [name for name in required if name not in hidden]
        if "patternProperties" in schema:
            # Patterns are not matched, so nobody knows which properties are additional.
            result.pop("additionalProperties", None)
        if "$ref" in schema:
            result["$ref"] = self._refer(schema["$ref"])
        return self._convert_3_0(schema, result) if self._document.is_3_0 else result

    def _read_properties(self, schema: Mapping[str, Any], members: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        properties = {}
        for name, member in members.items():
            if isinstance(member, Mapping) and member.get("readOnly") is True:
                continue
            if not is_usable_name(name):
                if name in (schema.get("required") or ()):
                    raise OpenAPIError(f"it requires a property whose name is unusable: {str(name)[:80]!r}")
                continue
            properties[name] = self._read(member, depth)
        return properties

    def _refer(self, reference: Any) -> str:
        """Return the reference to a definition, which is read later: it may refer to itself."""
        self._document.look_up(reference)
        if reference not in self._names:
            stem = _INVALID.sub("_", clean_text(reference.rpartition("/")[2]))[:MAX_NAME] or "schema"
            name, number = stem, 1
            while name in self._names.values():
                number += 1
                name = f"{stem}_{number}"
            self._names[reference] = name
            self._pending.append(reference)
        return f"#/$defs/{self._names[reference]}"

    def _copy(self, value: Any, depth: int) -> Any:
        """Copy a value within the limits."""
        self._count(depth)
        if isinstance(value, str):
            return clean_text(value)
        if isinstance(value, Mapping):
            return {clean_text(str(key)): self._copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, depth + 1) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        raise OpenAPIError(f"its schemas have a value that JSON does not know, got {type(value).__name__}")

    def _convert_3_0(self, schema: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        """Convert the keywords in which OpenAPI 3.0 differs from JSON schemas."""
        for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if (is_exclusive := result.get(exclusive)) in (True, False) and isinstance(is_exclusive, bool):
                del result[exclusive]
                if is_exclusive and limit in result:
                    result[exclusive] = result.pop(limit)
        if "$ref" in result:
            return {"$ref": result["$ref"]}
        if schema.get("nullable") is not True or "type" not in result:
            return result
        if isinstance(result["type"], str):
            result["type"] = [result["type"], "null"]
        if isinstance(choices := result.get("enum"), list) and None not in choices:
            choices.append(None)
        return result


def is_usable_name(name: object) -> bool:
    """Return True if models and their endpoints take a name of a property: short, printable and without spaces."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable() and not any(map(str.isspace, name))


class ArgumentChecker:
    """Checks arguments by a schema.

    Patterns are not checked, because matching a pattern of a stranger may take for ever: the server does it.

    Args:
        schema: JSON schema of the arguments.

    Raises:
        OpenAPIError: if it is not a valid schema, or too long.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        jsonschema = require("jsonschema", extra="openapi", feature="openapi_tools")
        self._schema = schema
        if len(json.dumps(schema)) > MAX_CHARS:
            raise OpenAPIError(f"its schemas are longer than {MAX_CHARS:,} characters")
        base = jsonschema.Draft202012Validator
        try:
            base.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise OpenAPIError(f"it has an invalid schema: {trim_stop(error.message)[:200]}") from None
        except RecursionError:
            raise OpenAPIError("its schemas are nested too deeply") from None
        self._base, self._extend = base, jsonschema.validators.extend

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Check the arguments of a call.

        Raises:
            ValueError: if they don't fit. The text is for the model.
        """
        count = 0

        def follow_reference(validator: Any, reference: str, instance: Any, schema: Any) -> Any:
            # Schemas may refer to each other so often that checking a single value would take for ever.
            nonlocal count
            count += 1
            if count > MAX_STEPS:
                raise OverflowError
            return self._base.VALIDATORS["$ref"](validator, reference, instance, schema)

        validator = self._extend(self._base, {"$ref": follow_reference, "pattern": _skip})(self._schema)
        try:
            errors = list(islice(validator.iter_errors(arguments), MAX_ERRORS))
        except (RecursionError, OverflowError):
            raise ValueError("The arguments can't be checked: the schemas refer to each other without end.") from None
        if errors:
            raise ValueError("\n".join(map(_describe_error, errors)))


def _skip(*_: object) -> tuple[()]:
    return ()


def _describe_error(error: Any) -> str:
    path = ".".join(map(str, error.absolute_path))
    subject = f"Invalid argument {path!r}" if path else "Invalid arguments"
    return f"{subject}: {trim_stop(error.message)[:300]}."
