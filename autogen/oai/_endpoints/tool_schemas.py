"""Tool schemas in the dialects of JSON schema that endpoints take. The schemas passed in stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]
"""A JSON schema, or the description of a tool."""

_REFUSED = ("$schema", "$defs", "definitions", "additionalProperties", "title", "default", "strict")
_A_JSON_OBJECT = "a JSON object, as text"


def simplify_tools(tools: Sequence[Schema]) -> list[Schema]:
    """Rewrite tools in the subset of JSON schema that the strictest endpoints accept.

    - A function without parameters loses its `parameters`, instead of having an empty object.
    - `default` moves to the description.
    - `anyOf` with null becomes the other type with `nullable`; of other alternatives the first becomes the type, and the
      description names the rest.
    - References are resolved; `additionalProperties` and titles are dropped.
    - An object without known keys becomes a string that holds JSON.
    """
    return [{**tool, "function": _simplify_function(tool["function"])} if "function" in tool else tool for tool in tools]


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
    if not isinstance(schema, dict):
        return {}
    if reference := schema.get("$ref"):
        name = str(reference).rsplit("/", 1)[-1]
        # Keys beside a reference, such as a description, win over the definition's.
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        if name in ancestors or name not in definitions:
            return _add_note({"type": "string"}, siblings.get("description"), _A_JSON_OBJECT)
        return _simplify({**definitions[name], **siblings}, definitions, (*ancestors, name))
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _select_alternative(schema, alternatives, definitions, ancestors)
    if len(schema.get("allOf") or ()) == 1:
        siblings = {key: value for key, value in schema.items() if key != "allOf"}
        return _simplify({**schema["allOf"][0], **siblings}, definitions, ancestors)
    # A list of types is short for alternatives.
    if isinstance(schema.get("type"), list):
        siblings = {key: value for key, value in schema.items() if key != "type"}
        return _simplify({**siblings, "anyOf": [{"type": kind} for kind in schema["type"]]}, definitions, ancestors)
    return _simplify_members(schema, definitions, ancestors)


def _simplify_members(schema: Schema, definitions: Schema, ancestors: tuple[str, ...]) -> Schema:
    result = {key: value for key, value in schema.items() if key not in _REFUSED}
    if "default" in schema and schema["default"] is not None:
        result = _add_note(result, schema.get("description"), f"default: {json.dumps(schema['default'])}")
    if "const" in result:
        result["enum"] = [result.pop("const")]
    if result.get("items"):
        result["items"] = _simplify(result["items"], definitions, ancestors)
    if result.get("properties"):
        # A property may be called like a refused key, so names of properties are not filtered.
        properties: Mapping[str, object] = result["properties"]
        result["properties"] = {name: _simplify(part, definitions, ancestors) for name, part in properties.items()}
    elif result.get("type") == "object":
        return _add_note({"type": "string"}, result.get("description"), _A_JSON_OBJECT)
    return result


def _select_alternative(
    schema: Schema, alternatives: Sequence[Schema], definitions: Schema, ancestors: tuple[str, ...]
) -> Schema:
    siblings = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    types = [alternative for alternative in alternatives if alternative.get("type") != "null"] or [{"type": "string"}]
    result = _simplify({**types[0], **siblings}, definitions, ancestors)
    if len(types) < len(alternatives):
        result["nullable"] = True
    if len(types) > 1:
        others = ", ".join(json.dumps(_simplify(alternative, definitions, ancestors)) for alternative in types[1:])
        result = _add_note(result, result.get("description"), f"or {others}")
    return result


def _add_note(schema: Schema, description: object, note: str) -> Schema:
    text = f"{str(description).rstrip('.')} ({note})." if description else f"{note[0].upper()}{note[1:]}."
    return {**schema, "description": text}
