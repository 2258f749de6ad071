"""Tool schemas in the dialects of JSON schema that endpoints take. The schemas passed in stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = dict[str, Any]
"""A JSON schema, or the description of a tool."""

# Keys that every endpoint takes. Gemini's list, which is the shortest, has a few more that no schema of a function has.
_ACCEPTED = frozenset(
    {"type", "description", "nullable", "enum", "format", "items", "properties", "required", "minimum", "maximum"}
    | {"minItems", "maxItems", "minLength", "maxLength", "pattern"}
)
# Keys that are left out without a note: they tell a model nothing, or stand in another form in the result.
_SILENT = frozenset(
    {"$schema", "$defs", "definitions", "$ref", "anyOf", "oneOf", "allOf", "additionalProperties", "prefixItems", "const"}
    | {"title", "default", "strict", "discriminator", "examples", "example", "$id", "$comment", "readOnly", "writeOnly"}
)
_FORMATS = {
    "string": ("date-time", "enum"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}
_A_JSON_OBJECT = "a JSON object, as text"
_ANY_JSON = "any value; objects and lists as JSON text"


def simplify_tools(tools: Sequence[Schema]) -> list[Schema]:
    """Rewrite tools in the subset of JSON schema that the strictest endpoints accept.

    - A function without parameters loses its `parameters`, instead of having an empty object.
    - `default` moves to the description.
    - `anyOf` with null becomes the other type with `nullable`; of other alternatives the first becomes the type, and the
      description names the rest.
    - References are resolved; `additionalProperties` and titles are dropped.
    - An object without known keys becomes a string that holds JSON, and so does a value of any type.
    - Choices of numbers become choices of text, tuples become lists, and lists without a type of items become lists of text.
    - Other constraints move to the description.

    The conversion of a tool's arguments takes all these forms back.
    """
    return [{**tool, "function": _simplify_function(tool["function"])} if "function" in tool else tool for tool in tools]


# Servers that make a grammar of a schema refuse more repetitions.
_MOST = 100
_LENGTHS = ("minItems", "maxItems", "minLength", "maxLength")


def drop_large_limits(schema: Any) -> Any:
    """Return a schema without limits of lengths that a grammar can't count to."""
    if isinstance(schema, list):
        return [drop_large_limits(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: drop_large_limits(value)
        for key, value in schema.items()
        if not (key in _LENGTHS and isinstance(value, int) and value > _MOST)
    }


def _simplify_function(function: Schema) -> Schema:
    result = {key: value for key, value in function.items() if key not in ("parameters", "strict")}
    parameters = function.get("parameters") or {}
    if not parameters.get("properties"):
        return result
    definitions = {**parameters.get("definitions", {}), **parameters.get("$defs", {})}
    return {**result, "parameters": _simplify(parameters, definitions, ())}


def _simplify(schema: object, definitions: Schema, ancestors: tuple[str, ...]) -> Schema:
    """Rewrite one schema.

    Args:
        schema: The schema.
        definitions: Schemas for references, by name.
        ancestors: The references that led here. A type that contains itself ends with a string.
    """
    schema = _as_dict(schema)
    if reference := schema.get("$ref"):
        name = str(reference).rsplit("/", 1)[-1]
        # Keys beside a reference, such as a description, win over the definition's.
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        if name in ancestors or name not in definitions:
            return _add_note({"type": "string"}, siblings.get("description"), _A_JSON_OBJECT)
        return _simplify({**_as_dict(definitions[name]), **siblings}, definitions, (*ancestors, name))
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _select_alternative(schema, alternatives, definitions, ancestors)
    if parts := schema.get("allOf"):
        return _simplify(_merge_parts(schema, parts, definitions, ancestors), definitions, ancestors)
    # A list of types is short for alternatives.
    if isinstance(schema.get("type"), list):
        siblings = {key: value for key, value in schema.items() if key != "type"}
        return _simplify({**siblings, "anyOf": [{"type": kind} for kind in schema["type"]]}, definitions, ancestors)
    return _simplify_members(schema, definitions, ancestors)


def _simplify_members(schema: Schema, definitions: Schema, ancestors: tuple[str, ...]) -> Schema:
    result = {key: value for key, value in schema.items() if key in _ACCEPTED}
    notes = [f"{key}: {json.dumps(value)}" for key, value in schema.items() if key not in _ACCEPTED | _SILENT]
    if "default" in schema and schema["default"] is not None:
        notes.append(f"default: {json.dumps(schema['default'])}")
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if "enum" in result:
        _convert_choices(result)
    elif result.get("type") == "array" or "items" in result or "prefixItems" in schema:
        notes += _simplify_items(result, schema.get("prefixItems"), definitions, ancestors)
    elif result.get("properties"):
        # A property may be called like a refused key, so names of properties are not filtered.
        properties: Mapping[str, object] = result["properties"]
        result["type"] = "object"
        result["properties"] = {name: _simplify(part, definitions, ancestors) for name, part in properties.items()}
    elif result.get("type") == "object":
        return _add_note({"type": "string"}, result.get("description"), _describe_object(schema))
    elif result.get("type") in (None, "null"):
        result["type"] = "string"
        notes.append(_ANY_JSON if "type" not in schema else "null")
    if "format" in result and result["format"] not in _FORMATS.get(result["type"], ()):
        notes.append(f"format: {result.pop('format')}")
    return _add_note(result, schema.get("description"), "; ".join(notes)) if notes else result


def _convert_choices(schema: Schema) -> None:
    """Turn the choices of a schema into text, in place."""
    choices = schema["enum"]
    if None in choices:
        schema["nullable"] = True
    schema["enum"] = [
        choice if isinstance(choice, str) else json.dumps(choice) for choice in choices if choice is not None
    ] or ["null"]
    schema["type"] = "string"


def _simplify_items(schema: Schema, positions: object, definitions: Schema, ancestors: tuple[str, ...]) -> Iterator[str]:
    """Give a list, in place, the only schema of items that it may have.

    Args:
        schema: The list.
        positions: The schemas of a tuple's items.
        definitions: Schemas for references, by name.
        ancestors: The references that led here.

    Yields:
        Notes for the description.
    """
    schema["type"] = "array"
    if not isinstance(positions, list) or not positions:
        items = schema.get("items")
        schema["items"] = (
            _simplify(items, definitions, ancestors) if items and isinstance(items, dict) else {"type": "string"}
        )
        return
    kinds = [_simplify(position, definitions, ancestors) for position in positions]
    if all(kind == kinds[0] for kind in kinds):
        schema["items"] = kinds[0]
    else:
        schema["items"] = {"type": "string"}
        yield f"items in this order: {', '.join(map(json.dumps, kinds))}"


def _describe_object(schema: Schema) -> str:
    values = schema.get("additionalProperties")
    if not isinstance(values, dict) or not values:
        return _A_JSON_OBJECT
    return f"{_A_JSON_OBJECT}, with values like {json.dumps(values)}" if "$ref" not in json.dumps(values) else _A_JSON_OBJECT


def _merge_parts(schema: Schema, parts: Sequence[object], definitions: Schema, ancestors: tuple[str, ...]) -> Schema:
    """Merge the parts of a schema that all apply."""
    siblings = {key: value for key, value in schema.items() if key != "allOf"}
    # A single part may be a reference, and keys beside it win.
    if len(parts) == 1:
        return {**_as_dict(parts[0]), **siblings}
    merged: Schema = {}
    for part in (*(_simplify(part, definitions, ancestors) for part in parts), siblings):
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = dict.fromkeys([*merged.get("required", ()), *part.get("required", ())])
        merged = {**merged, **part}
        if properties:
            merged.update(type="object", properties=properties, required=list(required))
    return merged


def _select_alternative(
    schema: Schema, alternatives: Sequence[Schema], definitions: Schema, ancestors: tuple[str, ...]
) -> Schema:
    siblings = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    alternatives = [_as_dict(alternative) for alternative in alternatives]
    types = [alternative for alternative in alternatives if alternative.get("type") != "null"] or [{"type": "string"}]
    result = _simplify({**types[0], **siblings}, definitions, ancestors)
    if len(types) < len(alternatives):
        result["nullable"] = True
    if len(types) > 1:
        others = ", ".join(json.dumps(_simplify(alternative, definitions, ancestors)) for alternative in types[1:])
        result = _add_note(result, result.get("description"), f"or {others}")
    return result


def _as_dict(schema: object) -> Schema:
    # A schema may be true, which is short for any value.
    return schema if isinstance(schema, dict) else {}


def _add_note(schema: Schema, description: object, note: str) -> Schema:
    text = f"{str(description).rstrip('.')} ({note})." if description else f"{note[0].upper()}{note[1:]}."
    return {**schema, "description": text}
